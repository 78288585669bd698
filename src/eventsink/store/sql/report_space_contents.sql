-- How many datasets and collections a space has that are not deleted.
SELECT
    place.space,
    count(*) FILTER (WHERE place.resource_type = 'dataset') AS datasets,
    count(*) FILTER (WHERE place.resource_type = 'collection') AS collections
FROM (
    SELECT space, resource_type, resource
    FROM facts.events
    WHERE seq <= $committed AND space IS NOT NULL AND resource IS NOT NULL AND resource_type IN ('dataset', 'collection')
    GROUP BY space, resource_type, resource
    HAVING coalesce(max(time) FILTER (WHERE type = 'storage.resource_deleted')
        < max(time) FILTER (WHERE type <> 'storage.resource_deleted'), true)
) AS place
GROUP BY place.space
