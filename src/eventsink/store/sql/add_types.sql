INSERT INTO temp.types
SELECT type, sum(count) AS count FROM temp.counts GROUP BY type ORDER BY count DESC, type LIMIT $limit
