-- Runs of extractors that have a part in a span, one row each, made of all events of a job, also those outside of it.
-- A part of other statements. Nothing here depends on the order of arrival.
SELECT
    "user", user_name, source, resource_type, resource, dataset, space, extractor, job, status, queued, queuings,
    coalesce(worked, CASE WHEN run_ms < 1e11 THEN ended - to_microseconds(cast(run_ms * 1000 AS BIGINT)) END) AS started,
    CASE WHEN ended IS NOT NULL AND (worked IS NULL OR ended >= worked) THEN ended END AS ended,
    statuses, retries, queue_ms, run_ms, begun
FROM (
    SELECT
        arg_min("user", (step, time, "user")) FILTER (WHERE "user" IS NOT NULL) AS "user",
        arg_min(user_name, (step, time, "user", user_name)) FILTER (WHERE "user" IS NOT NULL) AS user_name,
        max(source) AS source,
        max(resource_type) AS resource_type,
        max(resource) AS resource,
        max(dataset) AS dataset,
        max(space) AS space,
        max(extractor) AS extractor,
        job,
        arg_max(status, (time, step, status)) AS status,
        min(time) AS begun,
        min(time) FILTER (WHERE status = 'queued') AS queued,
        count(*) FILTER (WHERE status = 'queued') AS queuings,
        min(time) FILTER (WHERE status = 'working') AS worked,
        max(time) FILTER (WHERE at_end) AS ended,
        count(*) FILTER (WHERE status <> 'queued') AS statuses,
        count(*) FILTER (WHERE status = 'retried') AS retries,
        max(queue_ms) AS queue_ms,
        max(run_ms) FILTER (WHERE at_end) AS run_ms
    FROM (
        SELECT
            time, source, "user", user_name, resource_type, resource, dataset, space, extractor, job, status, queue_ms,
            run_ms, step, at_end,
            NULL AS no_source, NULL AS no_resource, NULL AS no_extractor, NULL AS number
        FROM ({job_events}) AS read
        WHERE job IN (
            SELECT job FROM facts.events
            WHERE type = 'extractions.extraction_event' AND seq <= $committed AND time >= $since AND time < $until
        )
        UNION ALL
        -- Events without the id of a job are told apart by what happens to a resource in one extractor: a run begins where
        -- something is queued, and where something comes after an end.
        SELECT
            time, source, "user", user_name, resource_type, resource, dataset, space, extractor, job, status, queue_ms,
            run_ms, step, at_end,
            source AS no_source, resource AS no_resource, extractor AS no_extractor,
            sum(begins) OVER (
                PARTITION BY source, resource, extractor ORDER BY time, step, status, run_ms, "user"
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS number
        FROM (
            SELECT
                *,
                CASE WHEN status = 'queued' OR coalesce(lag(at_end) OVER (
                    PARTITION BY source, resource, extractor ORDER BY time, step, status, run_ms, "user"
                ), true) THEN 1 ELSE 0 END AS begins
            FROM ({job_events}) AS read
            WHERE job IS NULL
        ) AS marked
    ) AS placed
    GROUP BY job, no_source, no_resource, no_extractor, number
) AS run
