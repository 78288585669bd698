"""Looks at the world outside: checks, the monitor that runs them, and what a log of NGINX says.

In: the sections `monitor` and `checks` of the settings. Out: events of the component `health`, handed to whoever sends
them. Called by assemble and by the commands.
"""
