-- The runs that a report is about; DuckDB moves them to the disk where they are many.
CREATE OR REPLACE TEMP TABLE kept_runs (
    "user" VARCHAR, user_name VARCHAR, source VARCHAR, resource_type VARCHAR, resource VARCHAR, dataset VARCHAR,
    space VARCHAR, extractor VARCHAR, job VARCHAR, status VARCHAR, queued TIMESTAMP, queuings BIGINT, started TIMESTAMP,
    ended TIMESTAMP, statuses BIGINT, retries BIGINT, queue_ms DOUBLE, run_ms DOUBLE, begun TIMESTAMP
)
