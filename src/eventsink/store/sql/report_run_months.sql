-- The first and the last moment of extractors in each month of a span that has any.
SELECT min(time), max(time)
FROM facts.events
WHERE type = 'extractions.extraction_event' AND seq <= $committed AND time >= $since AND time < $until
GROUP BY date_trunc('month', time)
ORDER BY 1
