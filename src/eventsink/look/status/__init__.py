"""The status page: what everybody may know of public checks.

In: what operators say (`contract.Said`), and the store's overview of uptime. Out: one page (`contract.StatusPage`) as
HTML, JSON, an Atom feed and badges. `page` puts it together and leaves out what is not public, one file renders each
form, `routes` serves them. Called by assemble; the command `status-page` renders the same into files.
"""
