-- How many datasets and collections a space has that are not deleted: by the same words as the lists of both.
SELECT
    place.space,
    count(*) FILTER (WHERE place.resource_type = 'dataset') AS datasets,
    count(*) FILTER (WHERE place.resource_type = 'collection') AS collections
FROM (SELECT DISTINCT space, resource_type, resource FROM ({known}) AS said WHERE space IS NOT NULL) AS place
JOIN ({things}) AS thing ON thing.resource_type = place.resource_type AND thing.resource = place.resource
WHERE NOT thing.gone
GROUP BY place.space
