"""One file a kind of check; its name is the kind. A new kind is a new file."""
