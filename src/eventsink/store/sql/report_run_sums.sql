-- Runs by groups: those that began in a span, with what became of them.
SELECT {groups}
    count(*) AS runs,
    count(*) FILTER (WHERE status = 'done') AS done,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'skipped') AS skipped,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE ended IS NULL) AS open,
    coalesce(sum(retries), 0) AS retries,
    quantile_cont(waited_ms, 0.5) AS queue_median_ms,
    quantile_cont(ran_ms, 0.5) AS run_median_ms,
    quantile_cont(ran_ms, 0.95) AS run_p95_ms,
    sum(ran_ms) AS run_total_ms
FROM (
    SELECT *, begun AS time,
        -- Statuses of extractors have whole seconds: a start may seem to lie before the submission.
        coalesce(queue_ms, CASE WHEN started < queued THEN 0 ELSE date_diff('microsecond', queued, started) / 1000 END)
            AS waited_ms,
        coalesce(run_ms, date_diff('microsecond', started, ended) / 1000) AS ran_ms
    FROM kept_runs AS run
) AS timed
WHERE time >= $since AND time < $until{where}
{grouped}
LIMIT $limit
