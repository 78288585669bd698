"""What `eventsink doctor` looks at, one file a subject.

In: settings, and which sink. Out: findings, each with what to do. Nothing is changed, and nothing is left behind.
"""
