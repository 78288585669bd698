-- Columns out of the JSON of events: with facts_short and facts_long all that must be written anew for another database.
-- A number that is none becomes none, and a long name is cut: whoever sends decides what is in data of no known type.
INSERT INTO facts.events BY NAME
SELECT
    seq, $home AS home, time, source, type, bytes,
    nullif(trim("user"), '') AS "user",
    left(field[1], 500) AS user_name,
    left(field[2], 500) AS author,
    left(field[3], 500) AS author_name,
    coalesce(field[4], CASE WHEN type LIKE 'storage.file_%' THEN 'file' END) AS resource_type,
    left(coalesce(field[5], field[6]), 500) AS resource,
    left(coalesce(field[7], field[8]), 500) AS name,
    left(coalesce(field[9], CASE WHEN field[4] = 'dataset' THEN field[5] END), 500) AS dataset,
    left(coalesce(field[10], CASE WHEN field[4] = 'dataset' THEN field[7] END), 500) AS dataset_name,
    left(coalesce(field[11], CASE WHEN field[4] = 'collection' THEN field[5] END), 500) AS collection,
    left(coalesce(field[12], CASE WHEN field[4] = 'space' THEN field[5] END), 500) AS space,
    left(field[13], 200) AS mime_type,
    try_cast(field[14] AS BIGINT) AS items,
    left(field[15], 500) AS extractor,
    left(field[16], 200) AS job,
    left(CASE WHEN type = 'extractions.extraction_event' THEN field[17] END, 50) AS status,
    try_cast(field[18] AS DOUBLE) AS queue_ms,
    try_cast(field[19] AS DOUBLE) AS run_ms,
    left(field[20], 50) AS method,
    left(field[21], 500) AS route,
    http_status,
    http_status // 100 AS status_class,
    coalesce(http_status < 400, true) AS succeeded,
    try_cast(field[23] AS DOUBLE) AS duration_ms,
    left(field[24], 50) AS identity,
    CASE WHEN field[25] IS NOT NULL
        THEN left(regexp_extract(field[25], '^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?#]*)', 1), 500) END AS page,
    CASE WHEN field[26] IS NOT NULL
        THEN nullif(left(regexp_extract(field[26], '^[A-Za-z][A-Za-z0-9+.-]*://([^/?#:]*)', 1), 200), '') END AS referrer,
    left(field[27], 200) AS session,
    left(field[28], 200) AS visitor,
    upper(left(field[29], 2)) AS country,
    left(field[30], 50) AS device,
    left(field[31], 100) AS browser,
    left(field[32], 50) AS access_method,
    coalesce(field[33] = 'true' OR field[30] = 'robot', false) AS robot
FROM (
    SELECT
        *,
        try_cast(CASE WHEN type = 'traffic.api_request' THEN field[17] ELSE field[22] END AS INTEGER) AS http_status
    FROM (
        SELECT
            seq, time, source, type, "user", bytes,
            list_transform(json_extract_string(
                data,
                ['$.user_name', '$.author_id', '$.author_name', '$.resource_type', '$.resource_id', '$.file_id',
                 '$.resource_name', '$.file_name', '$.dataset_id', '$.dataset_name', '$.collection_id', '$.space_id',
                 '$.mime_type', '$.items', '$.extractor', '$.job_id', '$.status', '$.queue_ms', '$.run_ms', '$.method',
                 '$.route', '$.http_status', '$.duration_ms', '$.identity', '$.url', '$.referrer', '$.session', '$.visitor',
                 '$.country', '$.device', '$.browser', '$.access_method', '$.robot']
            ), lambda text: nullif(text, '')) AS field
        FROM ({rows}) AS event
    ) AS read
) AS answered
