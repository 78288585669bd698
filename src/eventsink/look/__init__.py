"""What people look at: the pages. In: the store's answers through the API. Out: HTML. Called by assemble."""
