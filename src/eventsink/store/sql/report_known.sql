-- What is said of files, datasets, collections and spaces, or of some of them. A part of other statements.
SELECT
    resource_type, resource, name, time, type, source, "user", author, bytes, mime_type, dataset, collection, space,
    robot, succeeded
FROM facts.events
WHERE seq <= $committed AND resource IS NOT NULL AND resource_type IN (SELECT unnest($types)){chosen}
-- What something else is in exists as well, also where it was created before there were events: each said once, and when
-- it was said last.
UNION ALL
SELECT
    'dataset', dataset, dataset_name, max(time), 'named', source, NULL, NULL, NULL, NULL, dataset, NULL, space, false, true
FROM facts.events
WHERE seq <= $committed AND dataset IS NOT NULL AND resource_type IS DISTINCT FROM 'dataset'
    AND 'dataset' IN (SELECT unnest($types)){chosen_datasets}
GROUP BY dataset, dataset_name, source, space
UNION ALL
SELECT
    'collection', collection, NULL, max(time), 'named', source, NULL, NULL, NULL, NULL, NULL, collection, NULL, false, true
FROM facts.events
WHERE seq <= $committed AND collection IS NOT NULL AND resource_type IS DISTINCT FROM 'collection'
    AND 'collection' IN (SELECT unnest($types)){chosen_collections}
GROUP BY collection, source
UNION ALL
SELECT 'space', space, NULL, max(time), 'named', source, NULL, NULL, NULL, NULL, NULL, NULL, space, false, true
FROM facts.events
WHERE seq <= $committed AND space IS NOT NULL AND resource_type IS DISTINCT FROM 'space'
    AND 'space' IN (SELECT unnest($types)){chosen_spaces}
GROUP BY space, source
