SELECT begin, coalesce(types.type, $others) AS kind, sum(counts.count)::BIGINT
FROM temp.counts LEFT JOIN temp.types ON counts.type = types.type
GROUP BY ALL
ORDER BY ALL
LIMIT $limit
