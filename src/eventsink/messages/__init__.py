"""Any message to any queue, and what extractors do: jobs, their statuses, heartbeats.

In: jobs to submit; messages that extractors send. Out: messages in the queues of extractors; events about what became
of the jobs. Called by the API, the commands and other people's programs.
"""
