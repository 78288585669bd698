-- The accesses with their datasets, and the reason for which one is not counted. A file of several datasets is one of
-- its first.
SELECT
    judged.seq, judged.time, judged.request, judged.who, judged.part, judged.slice, judged.link,
    judged.classified, judged.nobody, judged.country, judged.bytes,
    coalesce(judged.dataset, first.dataset) AS dataset,
    CASE WHEN extracted.seq IS NOT NULL AND $extractors = 'machine' THEN 1 ELSE judged.machine END AS machine,
    CASE
        WHEN judged.reason IS NOT NULL THEN judged.reason
        WHEN extracted.seq IS NOT NULL AND $extractors = 'exclude' THEN 'extractor'
        WHEN judged.dataset IS NULL AND first.dataset IS NULL THEN 'no_dataset'
    END AS reason
FROM counter_judged AS judged
LEFT JOIN counter_extracted AS extracted ON extracted.seq = judged.seq
LEFT JOIN (
    SELECT file, dataset FROM (
        SELECT file, dataset, row_number() OVER (PARTITION BY file ORDER BY time, seq) AS place FROM counter_files
    ) AS placed
    WHERE place = 1
) AS first ON first.file = judged.file
