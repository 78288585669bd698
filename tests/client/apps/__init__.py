"""Small applications that report to a sink, for servers that real ones run on."""
