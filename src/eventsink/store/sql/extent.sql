-- DuckDB keeps these numbers beside the columns: it reads no rows for them.
SELECT count(*), min(time), max(time), min(seq), max(seq) FROM {month}.events
