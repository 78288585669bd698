"""What people look at: the pages. In: what the store answers. Out: HTML, and other forms of it. Called by assemble."""
