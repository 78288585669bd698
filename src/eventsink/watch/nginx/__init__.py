"""What an access log of NGINX says, as numbers and as events.

In: log files, however they are rotated, and the `log_format` that they are written by. Out: numbers of each interval,
and events of views and downloads. No address and no user name leaves this room. Called by the checks and by the command
`nginx`.
"""
