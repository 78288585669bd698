-- What a reader should know of the runs that began in a span.
SELECT
    count(*) AS runs,
    count(*) FILTER (WHERE job IS NULL) AS without_job,
    count(*) FILTER (WHERE "user" IS NULL) AS without_user,
    count(*) FILTER (WHERE ended IS NULL) AS open,
    count(*) FILTER (WHERE queued IS NULL) AS without_submission
FROM kept_runs AS run
WHERE begun >= $since AND begun < $until{where}
