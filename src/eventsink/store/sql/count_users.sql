SELECT count(DISTINCT "user") FROM temp.users
