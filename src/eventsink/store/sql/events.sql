SELECT seq, id, source, type, time, received, subject, "user", dialect, data, extensions
FROM {month}.events
WHERE {conditions}
