"""What is behind a request: which browser or program, from which country, who it is today; and pages without secrets.

In: headers and addresses of requests. Out: what may be kept of them. No address leaves this room. Called by the front
door and by whoever reads access logs.
"""
