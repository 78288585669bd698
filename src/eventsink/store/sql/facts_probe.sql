-- Reads all that facts are made of, and keeps nothing: of two files it tells which one is damaged.
SELECT count(hash(seq, time, source, type, "user", bytes, data)) FROM {month}.events WHERE seq > $after AND seq <= $last
