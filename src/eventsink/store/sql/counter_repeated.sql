-- Bytes of requests that a session makes again on a link, of the same size: they are no unique volume.
SELECT datasets.dataset, machine, country, sum(bytes)
FROM (
    SELECT
        dataset, machine, country, bytes,
        row_number() OVER (PARTITION BY dataset, machine, who, slice, link, bytes ORDER BY time DESC, seq DESC) AS copy
    FROM counter_retained
    WHERE request = 1 AND bytes > 0
) AS repeated
JOIN counter_datasets AS datasets ON datasets.number = repeated.dataset
WHERE copy > 1
GROUP BY datasets.dataset, machine, country
