INSERT INTO temp.counts
SELECT date_trunc($interval, time), type, count(*), sum(bytes) FROM {month}.events WHERE {conditions} GROUP BY ALL
