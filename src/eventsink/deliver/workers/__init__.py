"""One file a destination; a file's name is the worker's name."""
