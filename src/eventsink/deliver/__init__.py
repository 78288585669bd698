"""Thin workers that bring events to their destinations, and the runner that does all the rest.

In: one queue of the exchange. Out: events at a destination, or dead letters with a reason. Called by assemble.
"""
