SELECT resource_type, resource
FROM ({things}) AS things
WHERE NOT gone AND {created}
ORDER BY
    CASE resource_type WHEN 'collection' THEN 1 WHEN 'dataset' THEN 2 WHEN 'file' THEN 3 ELSE 4 END,
    created NULLS LAST, resource
LIMIT $limit
