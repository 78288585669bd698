-- Runs that ended in a span, by groups.
SELECT {groups} count(*) AS runs
FROM (SELECT *, ended AS time FROM kept_runs AS run WHERE ended IS NOT NULL) AS over
WHERE time >= $since AND time < $until{where}
{grouped}
