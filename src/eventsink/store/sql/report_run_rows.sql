SELECT
    "user", user_name, resource, resource_type, space, extractor, job, queuings, statuses, status, queued, started, ended,
    queue_ms, run_ms
FROM kept_runs AS run
WHERE begun >= $since AND begun < $until{where}
ORDER BY begun, extractor, job, resource, source, "user", queued, started, ended
LIMIT $limit
