INSERT INTO temp.users SELECT DISTINCT "user" FROM {month}.events WHERE {conditions} AND "user" IS NOT NULL
