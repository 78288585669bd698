-- Some files, datasets, collections and spaces, one row each, with all that is known of them.
-- Of what changes, the latest event counts; of two at the same time the later in the alphabet, so that it is always one.
WITH known AS (
    -- Bytes of a job or a download are those that were sent: none from a disk that both have, few where it broke off.
    -- Of a file that nothing else tells the size of, the largest download is nearest to it.
    SELECT *,
        type LIKE 'storage.%' AND type <> 'storage.file_deleted' OR type = 'traffic.resource_viewed' AND succeeded
            AS says_size
    FROM ({known}) AS said
),
moments AS (
    SELECT
        resource_type, resource,
        max(time) FILTER (WHERE name IS NOT NULL) AS named,
        max(time) FILTER (WHERE author IS NOT NULL) AS authored,
        max(time) FILTER (WHERE bytes IS NOT NULL AND says_size) AS sized,
        max(bytes) FILTER (WHERE type = 'traffic.resource_downloaded' AND succeeded) AS fetched,
        max(time) FILTER (WHERE mime_type IS NOT NULL) AS typed,
        min(time) FILTER (WHERE type IN ('storage.file_uploaded', 'storage.resource_created')) AS created,
        max(time) FILTER (WHERE type = 'storage.resource_archived') AS archived,
        max(time) FILTER (WHERE type = 'storage.resource_unarchived') AS unarchived,
        max(time) FILTER (WHERE type = 'traffic.resource_viewed' AND succeeded AND NOT robot) AS viewed,
        max(time) FILTER (WHERE type = 'traffic.resource_downloaded' AND succeeded AND NOT robot) AS downloaded,
        count(*) FILTER (WHERE type = 'traffic.resource_viewed' AND succeeded AND NOT robot) AS views,
        count(*) FILTER (WHERE type = 'traffic.resource_downloaded' AND succeeded AND NOT robot) AS downloads
    FROM known
    GROUP BY resource_type, resource
)
SELECT
    known.resource_type, known.resource,
    max(known.name) FILTER (WHERE known.time = moments.named) AS name,
    coalesce(
        max(known.author) FILTER (WHERE known.time = moments.authored),
        max(known."user") FILTER (
            WHERE known.time = moments.created AND known.type IN ('storage.file_uploaded', 'storage.resource_created')
        )
    ) AS owner,
    coalesce(max(known.bytes) FILTER (WHERE known.time = moments.sized AND known.says_size), moments.fetched) AS bytes,
    max(known.mime_type) FILTER (WHERE known.time = moments.typed) AS mime_type,
    string_agg(DISTINCT known.dataset, ', ' ORDER BY known.dataset) FILTER (WHERE known.dataset <> known.resource)
        AS datasets,
    string_agg(DISTINCT known.collection, ', ' ORDER BY known.collection)
        FILTER (WHERE known.collection <> known.resource) AS collections,
    string_agg(DISTINCT known.space, ', ' ORDER BY known.space) FILTER (WHERE known.space <> known.resource) AS spaces,
    moments.created, moments.viewed, moments.downloaded, moments.views, moments.downloads,
    coalesce(moments.archived > coalesce(moments.unarchived, TIMESTAMP '0001-01-01 00:00:00'), false) AS archived
FROM known
JOIN moments ON moments.resource_type = known.resource_type AND moments.resource = known.resource
GROUP BY
    known.resource_type, known.resource, moments.created, moments.viewed, moments.downloaded, moments.views,
    moments.downloads, moments.archived, moments.unarchived, moments.fetched
