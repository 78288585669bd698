"""The front door: events come in over HTTP, are checked, made durable, and answered.

In: HTTP requests. Out: events in the exchange; answers about events, workers and dead letters. Called by assemble.
"""
