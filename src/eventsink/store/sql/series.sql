SELECT date_trunc($interval, time) AS begin, type, count(*)
FROM ({rows})
WHERE {conditions}
GROUP BY ALL
ORDER BY ALL
