INSERT INTO kept_runs SELECT * FROM ({runs}) AS run WHERE {moment} >= $since AND {moment} < $until
