-- The first and the newest event of all; how many there are in a span, and the newest of those.
SELECT
    min(time), max(time),
    count(*) FILTER (WHERE time >= $since AND time < $until),
    max(time) FILTER (WHERE time >= $since AND time < $until)
FROM facts.events WHERE seq <= $committed
