-- About how long their texts are: each piece has the same length but for the last.
SELECT seq, count(*) FROM {month}.pieces GROUP BY seq ORDER BY seq
