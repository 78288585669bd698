INSERT INTO counter_datasets
SELECT row_number() OVER (ORDER BY dataset), dataset FROM (
    SELECT dataset FROM counter_judged WHERE dataset IS NOT NULL
    UNION
    SELECT dataset FROM counter_files
) AS datasets
