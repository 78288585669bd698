SELECT seq, id, source, type, time, received, subject, "user", dialect, data, extensions
FROM ({rows})
WHERE {conditions}
