-- Links and users as counter_judge.sql writes them. A submission without a job's id is a job of its own.
INSERT INTO counter_jobs
SELECT
    coalesce(field[1], 'seq:' || CAST(seq AS VARCHAR)),
    'download|' || field[2] || '|' || field[3] || '|',
    'u:' || trim("user"),
    epoch_us(time),
    CASE WHEN field[4] IN ('done', 'skipped', 'failed', 'cancelled') THEN 1 ELSE 0 END
FROM (
    SELECT
        seq, time, "user",
        json_extract_string(
            nullif(data, ''), ['$.job_id', '$.resource_type', '$.resource_id', '$.status']
        ) AS field
    FROM {month}.events
    WHERE {conditions}
) AS event
WHERE field[4] IS NOT NULL
