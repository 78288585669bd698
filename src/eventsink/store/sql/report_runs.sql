-- Runs of extractors, one row each, made of all events of a job. A part of other statements.
-- Events without the id of a job are told apart by what happens to a resource in one extractor: a run begins where
-- something is queued, and where something comes after an end. Nothing here depends on the order of arrival.
SELECT
    "user", user_name, source, resource_type, resource, dataset, space, extractor, job, status, queued, queuings,
    coalesce(worked, CASE WHEN run_ms IS NOT NULL THEN ended - to_microseconds(cast(run_ms * 1000 AS BIGINT)) END) AS started,
    CASE WHEN ended IS NOT NULL AND (worked IS NULL OR ended >= worked) THEN ended END AS ended,
    statuses, retries, queue_ms, run_ms, begun
FROM (
    SELECT
        max("user") FILTER (WHERE of_user = 1) AS "user",
        max(user_name) FILTER (WHERE of_user = 1) AS user_name,
        max(source) AS source,
        max(resource_type) AS resource_type,
        max(resource) AS resource,
        max(dataset) AS dataset,
        max(space) AS space,
        max(extractor) AS extractor,
        job,
        max(status) FILTER (WHERE from_last = 1) AS status,
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
            *,
            row_number() OVER (
                PARTITION BY job, no_source, no_resource, no_extractor, number
                ORDER BY CASE WHEN "user" IS NULL THEN 1 ELSE 0 END, step, time, "user", user_name
            ) AS of_user,
            row_number() OVER (
                PARTITION BY job, no_source, no_resource, no_extractor, number ORDER BY time DESC, step DESC, status DESC
            ) AS from_last
        FROM (
            SELECT
                *,
                CASE WHEN job IS NULL THEN source END AS no_source,
                CASE WHEN job IS NULL THEN resource END AS no_resource,
                CASE WHEN job IS NULL THEN extractor END AS no_extractor,
                CASE WHEN job IS NULL THEN sum(begins) OVER (
                    PARTITION BY job, source, resource, extractor ORDER BY time, step, status, run_ms, "user"
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                ) END AS number
            FROM (
                SELECT
                    *,
                    CASE WHEN status = 'queued' OR coalesce(lag(at_end) OVER (
                        PARTITION BY job, source, resource, extractor ORDER BY time, step, status, run_ms, "user"
                    ), true) THEN 1 ELSE 0 END AS begins
                FROM (
                    SELECT
                        time, source, nullif("user", '000000000000000000000000') AS "user", user_name, resource_type,
                        resource, dataset, space, extractor, job, status, queue_ms, run_ms,
                        CASE status WHEN 'queued' THEN 0 WHEN 'working' THEN 1 WHEN 'retried' THEN 2 ELSE 3 END AS step,
                        coalesce(status IN ('done', 'failed', 'skipped', 'cancelled'), false) AS at_end
                    FROM facts.events
                    WHERE type = 'extractions.extraction_event' AND seq <= $committed
                ) AS read
            ) AS marked
        ) AS numbered
    ) AS placed
    GROUP BY job, no_source, no_resource, no_extractor, number
) AS run
