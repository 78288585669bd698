SELECT
    count(*) FILTER (WHERE NOT gone AND {created}) AS kept,
    count(*) FILTER (WHERE gone AND {created}) AS deleted,
    count(*) FILTER (WHERE NOT gone AND created IS NULL) AS undated
FROM ({things}) AS things
