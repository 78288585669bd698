-- All files, datasets, collections and spaces that events name, one row each, with what a list is chosen and ordered by.
-- A part of other statements: of a million files little may be kept at once.
SELECT
    resource_type, resource, created,
    coalesce(deleted >= coalesce(created, deleted), false) AS gone
FROM (
    SELECT
        resource_type, resource,
        min(time) FILTER (WHERE type IN ('storage.file_uploaded', 'storage.resource_created')) AS created,
        max(time) FILTER (WHERE type IN ('storage.file_deleted', 'storage.resource_deleted')) AS deleted
    FROM ({known}) AS known
    GROUP BY resource_type, resource
    HAVING max(CASE WHEN true{where} THEN 1 ELSE 0 END) = 1
) AS named
