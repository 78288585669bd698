INSERT INTO counter_sources VALUES ($source)
