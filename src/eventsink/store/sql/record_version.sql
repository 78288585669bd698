INSERT INTO {month}.migrations VALUES ($version)
