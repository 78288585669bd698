SELECT
    coalesce(sum(count), 0),
    coalesce(sum(bytes) FILTER (type = 'storage.file_uploaded'), 0),
    coalesce(sum(bytes) FILTER (type = 'traffic.resource_downloaded'), 0)
FROM temp.counts
