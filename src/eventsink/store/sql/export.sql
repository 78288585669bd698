-- Small groups of rows, by number and by bytes: DuckDB holds one of them for each thread until it is written.
COPY (SELECT * FROM ({rows}) AS event WHERE {kind})
TO '{file}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480{bytes})
