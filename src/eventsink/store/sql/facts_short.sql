SELECT seq, time, source, type, "user", bytes, data FROM {month}.events
WHERE seq > $after AND seq <= $last AND data <> ''
