SELECT
    {columns},
    coalesce(nullif(data, ''), long_data) AS data,
    coalesce(nullif(extensions, ''), long_extensions) AS extensions
FROM {month}.events JOIN (
    SELECT
        seq,
        string_agg(text, '' ORDER BY number) FILTER (field = 'data') AS long_data,
        string_agg(text, '' ORDER BY number) FILTER (field = 'extensions') AS long_extensions
    FROM {month}.pieces
    GROUP BY seq
) AS long USING (seq)
WHERE {condition}
