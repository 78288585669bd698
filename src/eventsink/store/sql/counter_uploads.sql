-- Into which datasets the files went whose datasets are not known. A long text (seldom) is passed over.
INSERT INTO counter_files
SELECT field[1], nullif(field[2], ''), epoch_us(time), seq
FROM (
    SELECT seq, time, json_extract_string(nullif(data, ''), ['$.file_id', '$.dataset_id']) AS field
    FROM {month}.events
    WHERE {conditions}
) AS event
WHERE nullif(field[2], '') IS NOT NULL AND field[1] IN (
    SELECT file FROM counter_judged WHERE reason IS NULL AND dataset IS NULL AND file IS NOT NULL
)
