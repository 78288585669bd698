-- Accesses as plain columns: with counter_job_events and counter_uploads all that must be written anew for another
-- database, because each reads JSON in a way of its own. Texts too long for their row are put together from their pieces.
SELECT
    seq, epoch_us(time) AS time, type, source, "user", bytes,
    field[1] AS kind, field[2] AS resource, field[3] AS name, field[4] AS dataset, field[5] AS url,
    field[6] AS visitor, field[7] AS session, field[8] AS country, field[9] AS device, field[10] AS robot,
    field[11] AS method, try_cast(field[12] AS INTEGER) AS status
FROM (
    SELECT
        event.*,
        json_extract_string(
            coalesce(long.text, nullif(event.data, ''), '{{}}'),
            ['$.resource_type', '$.resource_id', '$.resource_name', '$.dataset_id', '$.url', '$.visitor', '$.session',
             '$.country', '$.device', '$.robot', '$.access_method', '$.http_status']
        ) AS field
    FROM (
        SELECT seq, time, type, source, "user", bytes, data FROM {month}.events
        WHERE {conditions}
            AND type IN ('traffic.resource_viewed', 'traffic.resource_downloaded', 'traffic.page_view')
    ) AS event
    LEFT JOIN (
        SELECT seq AS long_seq, string_agg(text, '' ORDER BY number) AS text FROM {month}.pieces
        WHERE field = 'data' AND seq IN (
            SELECT seq FROM {month}.events
            WHERE {conditions} AND data = ''
                AND type IN ('traffic.resource_viewed', 'traffic.resource_downloaded', 'traffic.page_view')
        )
        GROUP BY seq
    ) AS long ON long.long_seq = event.seq
) AS read
