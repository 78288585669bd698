SELECT coalesce(reason, ''), count(*) FROM ({settled}) AS settled WHERE time < $end GROUP BY reason
