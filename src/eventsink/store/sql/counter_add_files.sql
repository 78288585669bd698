-- Before any event, so that what the caller knows comes first.
INSERT INTO counter_files SELECT unnest($files), unnest($datasets), -1, 0
