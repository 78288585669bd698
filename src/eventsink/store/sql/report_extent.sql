-- The first and the newest event of all; how many lie before, in and after a span; the first and newest of those in it.
SELECT
    min(time), max(time),
    count(*) FILTER (WHERE time < $since),
    count(*) FILTER (WHERE time >= $since AND time < $until),
    count(*) FILTER (WHERE time >= $until),
    min(time) FILTER (WHERE time >= $since AND time < $until),
    max(time) FILTER (WHERE time >= $since AND time < $until)
FROM facts.events WHERE seq <= $committed
