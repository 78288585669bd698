SELECT id, name FROM (
    SELECT resource AS id, name, row_number() OVER (PARTITION BY resource ORDER BY time DESC, name DESC) AS place
    FROM facts.events
    WHERE resource_type = 'collection' AND resource IN (SELECT unnest($ids)) AND name IS NOT NULL AND time >= $since AND time < $until
) AS named
WHERE place = 1
