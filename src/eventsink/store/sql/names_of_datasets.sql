-- As the latest event with a name has it; of two at the same time the later in the alphabet, so that it is always one.
SELECT id, name FROM (
    SELECT dataset AS id, dataset_name AS name,
        row_number() OVER (PARTITION BY dataset ORDER BY time DESC, dataset_name DESC) AS place
    FROM facts.events
    WHERE dataset IN (SELECT unnest($ids)) AND dataset_name IS NOT NULL AND time >= $since AND time < $until
) AS named
WHERE place = 1
