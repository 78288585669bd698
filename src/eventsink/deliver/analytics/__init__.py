"""What the analytics services share: who is told of, what of an event they may see, and of whom nothing is sent.

In: events as they were accepted. Out: keyed hashes in the place of ids, an allow-list of properties whose values are
looked at, too, and the events that may be sent. No connection is made here. Called by the workers of Amplitude and
Google Analytics.
"""
