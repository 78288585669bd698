INSERT INTO {month}.events BY NAME
SELECT
    seq, event_key(id) AS key, id, source, type, make_timestamp(time) AS time, make_timestamp(received) AS received,
    subject, "user", dialect, bytes, data, extensions
FROM batch
