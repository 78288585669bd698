-- No primary key, no index: they are what DuckDB fails to replay after a crash. `key` and the writer keep ids unique.
-- `bytes` is that of the data, lifted out of it so that sums need not read any text.
CREATE TABLE {month}.events (
    seq BIGINT NOT NULL,
    key UUID NOT NULL,
    id VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    time TIMESTAMP NOT NULL,
    received TIMESTAMP NOT NULL,
    subject VARCHAR,
    "user" VARCHAR,
    dialect VARCHAR,
    bytes BIGINT,
    data VARCHAR NOT NULL,
    extensions VARCHAR
);
-- Texts too long for a row, which has an empty one for them, in pieces. DuckDB holds 2,048 rows at once whatever is in them: long texts would need more
-- memory than it may have, and then nothing could be read or written any more.
CREATE TABLE {month}.pieces (
    seq BIGINT NOT NULL,
    field VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    text VARCHAR NOT NULL USING COMPRESSION zstd
);
CREATE TABLE {month}.migrations (version INTEGER NOT NULL)
