-- What each dataset was called last.
SELECT dataset, name FROM (
    SELECT dataset, name, row_number() OVER (PARTITION BY dataset ORDER BY time DESC, name) AS place
    FROM (
        SELECT dataset, name, max(time) AS time FROM counter_judged WHERE name IS NOT NULL GROUP BY dataset, name
    ) AS called
) AS placed
WHERE place = 1
ORDER BY dataset
