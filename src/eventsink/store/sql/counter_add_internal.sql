INSERT INTO counter_internal VALUES ($login)
