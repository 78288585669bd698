-- Fails where one of them is missing.
SELECT
    seq, home, time, source, type, "user", user_name, author, author_name,
    resource_type, resource, name, dataset, dataset_name, collection, space, mime_type, bytes,
    items, extractor, job, status, queue_ms, run_ms, method, route, http_status,
    status_class, succeeded, duration_ms, identity, page, referrer, session, visitor, country,
    device, browser, access_method, robot
FROM facts.events
LIMIT 0
