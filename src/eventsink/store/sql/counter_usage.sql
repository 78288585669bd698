-- A session counts in the country of the last event of the set that is counted, so the sums over all
-- countries, with the unknown one, are those of the dataset.
SELECT
    datasets.dataset, machine, country, investigations, unique_investigations, requests, unique_requests, volume,
    sizes_unknown, nobody, unclassified
FROM (
    SELECT
        dataset, machine, country,
        count(*) AS investigations,
        sum(CASE WHEN from_last = 1 THEN 1 ELSE 0 END) AS unique_investigations,
        sum(request) AS requests,
        sum(CASE WHEN request = 1 AND requests_from_last = 1 THEN 1 ELSE 0 END) AS unique_requests,
        sum(CASE WHEN request = 1 THEN coalesce(bytes, 0) ELSE 0 END) AS volume,
        sum(CASE WHEN request = 1 AND bytes IS NULL THEN 1 ELSE 0 END) AS sizes_unknown,
        sum(nobody) AS nobody,
        sum(1 - classified) AS unclassified
    FROM (
        SELECT
            dataset, machine, country, request, bytes, nobody, classified,
            row_number() OVER (PARTITION BY dataset, machine, who, slice ORDER BY time DESC, seq DESC) AS from_last,
            sum(request) OVER (PARTITION BY dataset, machine, who, slice ORDER BY time DESC, seq DESC)
                AS requests_from_last
        FROM counter_retained
    ) AS placed
    GROUP BY dataset, machine, country
) AS usage
JOIN counter_datasets AS datasets ON datasets.number = usage.dataset
ORDER BY datasets.dataset, machine, country
