"""Files and streams of events to a sink: read, named, posted in batches, noted, summed up.

In: paths. Out: a tally of what became of every event. Called by `eventsink send`.
"""
