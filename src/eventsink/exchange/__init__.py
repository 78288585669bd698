"""Where events wait, durable, until every destination has them.

In: accepted events. Out: batches for one worker's queue, each kept until the worker is done with it. Called by the
front door (publish), the runner (take, done) and whoever shows or mends what waits.
"""
