-- Events with long texts, of a few numbers: all that is read here is in memory at once.
COPY (
    SELECT
        events.* EXCLUDE (key, data, extensions),
        coalesce(nullif(data, ''), long_data) AS data,
        coalesce(nullif(extensions, ''), long_extensions) AS extensions
    FROM {month}.events JOIN (
        SELECT
            seq,
            string_agg(text, '' ORDER BY number) FILTER (field = 'data') AS long_data,
            string_agg(text, '' ORDER BY number) FILTER (field = 'extensions') AS long_extensions
        FROM {month}.pieces
        WHERE seq BETWEEN {first} AND {last}
        GROUP BY seq
    ) AS long USING (seq)
    WHERE {condition} AND seq BETWEEN {first} AND {last}
) TO '{file}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048)
