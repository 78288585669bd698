"""What a program uses that talks to a sink: a connection, and files and streams of events on their way to it.

`sink` is the connection. `source` reads events, `identity` gives ids and times to those without, `batch` makes batches
of them, `delivery` posts these over a few connections and tries again, `journal` notes on disk how far a file is sent,
`tally` sums up what became of all, and `run` ties them together. Needs msgspec and the standard library only.
"""
