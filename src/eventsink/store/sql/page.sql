-- Only the numbers, each month by itself: so DuckDB passes over rows that cannot be on the page.
SELECT count(*), min(seq), max(seq) FROM (SELECT seq FROM ({pages}) ORDER BY seq {order} LIMIT {limit})
