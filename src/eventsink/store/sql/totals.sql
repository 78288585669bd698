SELECT
    count(DISTINCT "user"),
    sum(bytes) FILTER (type = 'storage.file_uploaded'),
    sum(bytes) FILTER (type = 'traffic.resource_downloaded')
FROM ({rows})
WHERE {conditions}
