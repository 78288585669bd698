-- Downloads by extractors: of the resource of a job, with the key of its user, while it ran.
INSERT INTO counter_extracted
SELECT DISTINCT judged.seq
FROM counter_judged AS judged
JOIN (
    SELECT began.link, began.who, began.time AS begin, coalesce(ended.time + 5000000, began.time + $longest) AS until
    FROM (
        SELECT job, link, who, min(time) AS time FROM counter_jobs
        WHERE ended = 0 AND link IS NOT NULL AND who IS NOT NULL
        GROUP BY job, link, who
    ) AS began
    LEFT JOIN (SELECT job, max(time) AS time FROM counter_jobs WHERE ended = 1 GROUP BY job) AS ended
        ON ended.job = began.job
) AS run ON run.link = judged.link AND run.who = judged.who
WHERE judged.time >= run.begin AND judged.time <= run.until
