SELECT
    seq,
    strlen(id) + strlen(source) + strlen(type) + strlen(data)
        + coalesce(strlen(subject), 0) + coalesce(strlen("user"), 0) + coalesce(strlen(extensions), 0)
FROM {month}.events
WHERE {conditions}
