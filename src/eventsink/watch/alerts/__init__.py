"""What wakes a person up, and only when it should.

In: the events of checks, as the store has them, and how the sink itself is. Out: alerts with their states, and notices
to people. `rule` says when, `regions` and `machine` what state a thing is in, `telling` what people are told of it,
`outbox` and `sender` how that gets out; `book` keeps all of it up to date. Called by assemble.
"""
