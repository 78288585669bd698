SELECT
    time, source, nullif("user", '000000000000000000000000') AS "user", user_name, resource_type,
    resource, dataset, space, extractor, job, status, queue_ms, run_ms,
    CASE status WHEN 'queued' THEN 0 WHEN 'working' THEN 1 WHEN 'retried' THEN 2 ELSE 3 END AS step,
    coalesce(status IN ('done', 'failed', 'skipped', 'cancelled'), false) AS at_end
FROM facts.events
WHERE type = 'extractions.extraction_event' AND seq <= $committed
