SELECT DISTINCT file FROM counter_judged WHERE reason IS NULL AND dataset IS NULL AND file IS NOT NULL
