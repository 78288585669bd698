-- The number of pieces, each of which has the same length but for the last: their text would have to be unpacked.
SELECT seq, count(*) FROM {month}.pieces WHERE seq BETWEEN $first AND $last GROUP BY seq
