SELECT 1 FROM {month}.pieces LIMIT 1
