SELECT max(seq), count(*) FROM (
    SELECT seq FROM {month}.events WHERE seq > $after AND seq <= $committed ORDER BY seq LIMIT $limit
) AS next
