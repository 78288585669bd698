SELECT count(*) FROM facts.events WHERE seq <= $committed AND type = 'storage.file_uploaded' AND resource IS NULL
