"""Any message to any queue, and what extractors do: jobs, their statuses, heartbeats.

In: jobs to submit; messages that extractors send. Out: messages in the queues of extractors; events about what became
of the jobs. Called by the API, the commands and other people's programs.
"""

from eventsink.amqp import Binding, Delivery, Exchange, Message, MessageService, Queue
from eventsink.extractors.announcing import announce
from eventsink.extractors.extractors import Extractor, ExtractorOptions, Extractors
from eventsink.extractors.job_file import KnownJob
from eventsink.extractors.jobs import Access, Dataset, File, Job, Metadata, dataset_job, file_job, metadata_job

__all__ = [
    "Access",
    "Binding",
    "Dataset",
    "Delivery",
    "Exchange",
    "Extractor",
    "ExtractorOptions",
    "Extractors",
    "File",
    "Job",
    "KnownJob",
    "Message",
    "MessageService",
    "Metadata",
    "Queue",
    "announce",
    "dataset_job",
    "file_job",
    "metadata_job",
]
