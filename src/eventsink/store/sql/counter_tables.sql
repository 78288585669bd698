-- What the counting of one month is made of. Times are microseconds since 1970 (UTC), flags are 0 or 1: any database has
-- these. Of texts that come again and again only numbers go on: windows over numbers need a quarter of the memory.
CREATE OR REPLACE TEMP TABLE counter_sources (source VARCHAR);
CREATE OR REPLACE TEMP TABLE counter_internal (login VARCHAR);
CREATE OR REPLACE TEMP TABLE counter_jobs (job VARCHAR, link VARCHAR, who VARCHAR, time BIGINT, ended INTEGER);
CREATE OR REPLACE TEMP TABLE counter_judged (
    seq BIGINT, time BIGINT, reason VARCHAR, request INTEGER, who VARCHAR, part BIGINT, slice BIGINT, link VARCHAR,
    dataset VARCHAR, file VARCHAR, name VARCHAR, machine INTEGER, classified INTEGER, nobody INTEGER,
    country VARCHAR, bytes BIGINT
);
CREATE OR REPLACE TEMP TABLE counter_extracted (seq BIGINT);
CREATE OR REPLACE TEMP TABLE counter_files (file VARCHAR, dataset VARCHAR, time BIGINT, seq BIGINT);
CREATE OR REPLACE TEMP TABLE counter_people (number INTEGER, who VARCHAR);
CREATE OR REPLACE TEMP TABLE counter_links (number INTEGER, link VARCHAR);
CREATE OR REPLACE TEMP TABLE counter_datasets (number INTEGER, dataset VARCHAR);
CREATE OR REPLACE TEMP TABLE counter_retained (
    seq BIGINT, time BIGINT, request INTEGER, who INTEGER, slice BIGINT, link INTEGER, dataset INTEGER,
    machine INTEGER, classified INTEGER, nobody INTEGER, country VARCHAR, bytes BIGINT
)
