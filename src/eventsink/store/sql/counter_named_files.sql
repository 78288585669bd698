-- What other accesses of the month say of the files whose datasets are not known.
INSERT INTO counter_files
SELECT file, dataset, time, seq FROM counter_judged
WHERE dataset IS NOT NULL AND file IN (
    SELECT file FROM counter_judged WHERE reason IS NULL AND dataset IS NULL AND file IS NOT NULL
)
