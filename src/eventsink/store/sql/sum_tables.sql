-- What the sums over several files are made of; DuckDB moves it to the disk when it grows.
CREATE OR REPLACE TEMP TABLE users ("user" VARCHAR);
CREATE OR REPLACE TEMP TABLE counts (begin TIMESTAMP, type VARCHAR, count BIGINT, bytes HUGEINT);
CREATE OR REPLACE TEMP TABLE types (type VARCHAR, count BIGINT)
