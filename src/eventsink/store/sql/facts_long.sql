-- Those whose text is too long for its row, put together from its pieces.
SELECT event.seq, event.time, event.source, event.type, event."user", event.bytes, long.text AS data
FROM {month}.events AS event
JOIN (
    SELECT seq, string_agg(text, '' ORDER BY number) AS text FROM {month}.pieces
    WHERE field = 'data' AND seq IN (SELECT unnest($seqs))
    GROUP BY seq
) AS long ON long.seq = event.seq
WHERE event.seq IN (SELECT unnest($seqs))
