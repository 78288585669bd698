-- Only the numbers: so nothing long is sorted, and DuckDB passes over rows that cannot be on the page.
SELECT seq FROM {month}.events WHERE {conditions} ORDER BY seq {order} LIMIT {limit}
