-- The format of DuckDB 1.5: what a newer DuckDB wrote can still be read after going back to that release.
ATTACH '{file}' AS {month} (STORAGE_VERSION 'v1.5.0')
