SELECT count(*) FROM duckdb_databases() WHERE database_name = 'facts'
