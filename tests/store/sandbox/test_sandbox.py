"""Queries that others wrote: what they find, and that they reach nothing else, whatever they say."""

import asyncio
import json
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.store import Query, QueryRefused, Store
from eventsink.store.sandbox.functions import FUNCTIONS, TABLE_FUNCTIONS
from tests.store.events import NOVEMBER, an_event, some_events

HUGE = 123456789012345678901234567890


async def ask(store: Store, text: str, **more: Any) -> list[Any]:
    answer = await store.query(Query(text=text, **more))
    return [json.loads(bytes(row)) for row in answer.rows]


async def test_facts_are_a_table_too(store: Store) -> None:
    await store.append([an_event(type="custom.kind", data={"dataset_id": f"d{number % 2}"}) for number in range(6)])
    assert await ask(store, "SELECT dataset, count(*) FROM facts GROUP BY 1 ORDER BY 1") == [["d0", 3], ["d1", 3]]
    await store.append([an_event(type="custom.kind", data={"dataset_id": "d2"})])
    joined = "SELECT count(*) FROM facts f JOIN events e USING (seq) WHERE f.type = e.type"
    assert await ask(store, joined) == [[7]]
    assert await ask(store, "SELECT count(*) FROM facts", until=NOVEMBER) == [[0]]
    for refused in ("FROM facts.events", "FROM facts.read", "FROM read", "FROM version"):
        with pytest.raises(QueryRefused, match=r"Name a table alone|There is no table"):
            await ask(store, f"SELECT * {refused}")


# --- what is found ---------------------------------------------------------------------------------------------------


async def test_the_newest_events_of_all_months_are_there_at_once(store: Store) -> None:
    await store.append(some_events(3))
    await store.append(some_events(2, NOVEMBER + timedelta(days=30), user="alice"))
    assert await ask(store, 'SELECT count(*), count(DISTINCT "user") FROM events') == [[5, 1]]
    await store.append(some_events(1))
    assert await ask(store, "WITH e AS (FROM events) SELECT count(*) FROM e") == [[6]]
    assert await ask(store, "SELECT count(*) FROM events", until=NOVEMBER + timedelta(days=1)) == [[4]]
    assert await ask(store, "SELECT count(*) FROM EVENTS e", since=NOVEMBER + timedelta(seconds=1.5)) == [[3]]


async def test_every_column_is_as_it_was_sent(store: Store) -> None:
    data = {"name": "Zoë 🌍", "huge": HUGE, "bytes": 5}
    event = an_event(data=data, user=None, extensions={"region": "ü"}, subject="files/1")
    await store.append([event])
    answer = await store.query(Query(text="FROM events"))
    row = dict(zip([column.name for column in answer.columns], json.loads(bytes(answer.rows[0])), strict=True))
    assert json.loads(row["data"]) == data and json.loads(row["extensions"]) == {"region": "ü"}
    assert (row["user"], row["bytes"], row["time"]) == (None, 5, "2026-11-10T12:00:00.123456Z")
    assert await ask(store, "SELECT data->>'$.name' AS n FROM events") == [["Zoë 🌍"]]


async def test_long_texts_are_whole(store: Store) -> None:
    await store.append(
        [an_event(data={"text": "ä" * 50_000}), an_event(data={"text": "b"}, extensions={"x": "c" * 9000})]
    )
    found = await ask(store, "SELECT length(data), length(extensions) FROM events ORDER BY seq")
    assert found == [[50_011, None], [12, 9008]]
    assert await ask(store, "SELECT count(*), max(type) FROM events") == [[2, "traffic.page_view"]]
    assert await ask(store, "SELECT length(e.data) FROM events AS e ORDER BY 1") == [[12], [50_011]]
    assert "ää" in (await ask(store, "SELECT e::VARCHAR FROM events e ORDER BY seq"))[0][0]


async def test_rows_are_cut_and_that_is_said(store: Store) -> None:
    await store.append(some_events(10))
    answer = await store.query(Query(text="SELECT seq FROM events", rows=10))
    assert (len(answer.rows), answer.cut) == (10, False)
    answer = await store.query(Query(text="SELECT seq FROM events", rows=9))
    assert (len(answer.rows), answer.cut) == (9, True)
    answer = await store.query(Query(text="SELECT i FROM range(100000000) t(i)", rows=100_000))
    assert (len(answer.rows), answer.cut) == (100_000, True)


async def test_an_answer_has_bounds_in_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsink.store.sandbox.analyst.MOST_BYTES", 10_000)
    await store.append(some_events(500))
    answer = await store.query(Query(text="FROM events"))
    assert answer.cut and 10 < len(answer.rows) < 60


async def test_values_of_all_kinds_can_be_written(store: Store) -> None:
    text = (
        "SELECT 1.50, 1e300, 'NaN'::DOUBLE, [1, 2], {'a': 1}, MAP {'k': 2}, DATE '2026-11-01', TIME '10:00',"
        " INTERVAL 1 HOUR, 170141183460469231731687303715884105727, true, NULL, 'x'::BLOB, now()::TIMESTAMP"
    )
    (row,) = await ask(store, text)
    assert row[:8] == [1.5, 1e300, None, [1, 2], {"a": 1}, {"k": 2}, "2026-11-01", "10:00:00"]
    assert row[9] == 170141183460469231731687303715884105727
    assert row[13].endswith("Z")
    with pytest.raises(QueryRefused, match="zone: write"):
        await ask(store, "SELECT now()")
    with pytest.raises(QueryRefused, match="zone: write"):
        await ask(store, "SELECT [now()]")


@pytest.mark.parametrize("text", ["list(time)", "[time::TIMESTAMP_NS]", "max(time, 2)", "{'at': [time]}"])
async def test_times_within_lists_can_be_written(store: Store, text: str) -> None:
    await store.append([an_event()])
    ((found,),) = await ask(store, f"SELECT {text} FROM events")
    assert found in (["2026-11-10T12:00:00.123456"], {"at": ["2026-11-10T12:00:00.123456"]})


async def test_an_empty_store_has_the_same_columns(store: Store) -> None:
    answer = await store.query(Query(text="FROM events"))
    assert [column.name for column in answer.columns][-2:] == ["data", "extensions"]
    assert answer.rows == []


async def test_more_files_than_may_be_open_are_refused_with_what_to_do(store: Store) -> None:
    await store.append([an_event(time=NOVEMBER - timedelta(days=30 * month)) for month in range(15)])
    with pytest.raises(QueryRefused, match=r"in 15 files.*--since"):
        await ask(store, "SELECT count(*) FROM events")
    assert await ask(store, "SELECT count(*) FROM events", since=NOVEMBER - timedelta(days=45)) == [[2]]
    assert await ask(store, "SELECT 1") == [[1]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT * FROM event", "Did you mean events"),
        ("SELECT tpe FROM events", 'Candidate bindings: "type"'),
        ("SELEC 1", "wrong"),
        ("SELECT cunt(*) FROM events", "Did you mean count"),
        ("SELECT 1 FROM events WHERE type = 5 AND", "wrong"),
        ("SELECT 'a'::INT", "Could not convert"),
        ("", "empty"),
        ("SELECT 1e400", "beyond 1.8e308"),
        ("SELECT " + 600 * "abs(" + "1" + 600 * ")", "nested too deeply"),
    ],
)
async def test_what_is_wrong_is_said_with_what_is_near(store: Store, text: str, said: str) -> None:
    await store.append(some_events(1))
    with pytest.raises(QueryRefused, match=r".") as refused:
        await ask(store, text)
    assert said in str(refused.value) and str(refused.value).endswith((".", "?")), refused.value
    assert "\n" not in str(refused.value)


# --- what is refused -------------------------------------------------------------------------------------------------

DEEP = 300_000
ATTACKS = [
    "COPY events TO '{folder}/x.csv'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "ATTACH '{folder}/x.duckdb' AS x",
    "ATTACH ':memory:' AS x",
    'DETACH "events-2026-11"',
    'USE "events-2026-11"',
    "PRAGMA database_list",
    "PRAGMA version",
    "CALL pragma_version()",
    "CALL duckdb_settings()",
    "INSTALL httpfs",
    "LOAD parquet",
    "SET memory_limit = '1TB'",
    "SET VARIABLE x = 1",
    "RESET memory_limit",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "EXPORT DATABASE '{folder}/x'",
    "IMPORT DATABASE '{folder}/x'",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE OR REPLACE TEMP VIEW events AS SELECT 1",
    "CREATE MACRO count(x) AS 1",
    "CREATE SECRET x (TYPE s3)",
    "DELETE FROM events",
    'DELETE FROM "events-2026-11".events',
    "UPDATE events SET type = 'x'",
    "INSERT INTO events SELECT 1",
    'DROP TABLE "events-2026-11".events',
    'WITH x AS (DELETE FROM "events-2026-11".events RETURNING *) FROM x',
    'WITH x AS (INSERT INTO "events-2026-11".migrations VALUES (9) RETURNING *) FROM x',
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/x.csv'",
    "SELECT 1; SELECT 2",
    'SELECT 1; DROP TABLE "events-2026-11".events',
    "SELECT 1 /* ; */ ; -- \nDELETE FROM events",
    "/* SELECT 1 */ DELETE FROM events",
    "-- SELECT\nATTACH ':memory:' AS x",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_text('{folder}/lock')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('x')",
    "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM read_duckdb('{folder}/events-2026-11.duckdb')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM 'x.parquet'",
    "SELECT * FROM '{folder}/*.csv'",
    "SELECT * FROM 'https://example.org/x.csv'",
    'WITH "/etc/passwd" AS (SELECT 1) SELECT * FROM "/etc/passwd"',
    "WITH events AS (SELECT 1) SELECT * FROM events",
    "SELECT * FROM (WITH duckdb_tables AS (SELECT 1) FROM duckdb_tables), duckdb_tables",
    "WITH a AS (FROM pg_tables), pg_tables AS (SELECT 1) SELECT * FROM a",
    "SELECT getenv('HOME')",
    "SELECT main.getenv('HOME')",
    "SELECT ('HOME').getenv()",
    "SELECT current_setting('memory_limit')",
    "SELECT getvariable('x')",
    "SELECT nextval('x')",
    "SELECT write_log('x')",
    "SELECT sleep_ms(100000)",
    "SELECT pg_sleep(100)",
    "SELECT list_transform([1], x -> current_setting('temp_directory'))",
    "SELECT list_transform([1], lambda x: getenv('HOME'))",
    "SELECT * REPLACE (getenv('HOME') AS id) FROM events",
    "SELECT id FROM events ORDER BY getenv('HOME')",
    "SELECT id FROM events GROUP BY getenv('HOME'), id",
    "SELECT id FROM events LIMIT (SELECT length(getenv('HOME')))",
    "SELECT sum(bytes) FILTER (getenv('HOME') = '') FROM events",
    "SELECT sum(bytes) OVER (PARTITION BY getenv('HOME')) FROM events",
    "SELECT CASE WHEN getenv('HOME') = '' THEN 1 END",
    "SELECT 1 IN (SELECT length(getenv('HOME')))",
    "VALUES (getenv('HOME'))",
    "SELECT 1 UNION ALL SELECT length(getenv('HOME'))",
    "SELECT * FROM events e JOIN events f ON getenv('HOME') = e.id",
    "SELECT * FROM range(length(getenv('HOME')))",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('events')",
    "SELECT json_execute_serialized_sql('x')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT json_serialize_plan('SELECT 1')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM duckdb_memory()",
    "SELECT * FROM pragma_database_size()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master",
    'SELECT * FROM "facts".x',
    'SELECT * FROM "events-2026-11".events',
    'SELECT * FROM "events-2026-11".main.events',
    "SELECT * FROM temp.events",
    "SELECT * FROM pieces",
    "SELECT * FROM migrations",
    "DESCRIBE events",
    "SUMMARIZE events",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SELECT * FROM (DESCRIBE events)",
    "PIVOT events ON type USING count(*)",
    "SELECT * FROM (PIVOT events ON type USING count(*))",
    "SELECT $1",
    "SELECT ?",
    "SELECT $name",
    "SELECT * FROM events AT (VERSION => 1)",
    "SELECT repeat('x', 10000000000)",
    "SELECT range(10000000000)",
    "SELECT lpad('x', 2000000000, 'x')",
    "SELECT printf('%2000000000d', 1)",
    "SELECT format('{{:>2000000000}}', 'x')",
    "SELECT 1\0; DELETE FROM events",
    "\0",
    "SELECT '\ud800'",
    "SELECT " + "(" * DEEP + "1" + ")" * DEEP,
    "SELECT " + "(" * 9_000 + "1" + ")" * 9_000,
    "SELECT " + "- " * 9_000 + "1",
    "SELECT " + "[" * 9_000 + "1" + "]" * 9_000,
    "SELECT * FROM " + "(FROM " * 1500 + "events" + ")" * 1500,
    "SELECT " + "(SELECT " * 1000 + "1" + ")" * 1000,
    "SELECT '" + "x" * 1_000_000 + "'",
    ";",
    "-- nothing",
]  # fmt: skip


@pytest.mark.parametrize("text", ATTACKS, ids=lambda text: text[:60])
async def test_whatever_reaches_further_is_refused_with_a_sentence(store: Store, tmp_path: Path, text: str) -> None:
    await store.append(some_events(2))
    before = sorted(file.name for file in store.path.iterdir() if file.name != "tmp")
    with pytest.raises(QueryRefused) as refused:
        await ask(store, text.replace("{folder}", str(store.path)), seconds=20)
    assert str(refused.value).endswith((".", "?")) and len(str(refused.value)) < 1200
    assert "root:" not in str(refused.value)
    assert (
        sorted(file.name for file in store.path.iterdir() if file.name != "tmp" and "facts" not in file.name) == before
    )
    assert await ask(store, "SELECT count(*) FROM events") == [[2]]


async def test_names_of_all_kinds_are_only_names(store: Store) -> None:
    await store.append(some_events(1))
    text = 'SELECT 1 AS "; DROP TABLE x", 2 AS "\x1b[31m", 3 AS "a""b", 4 AS "data", 5 AS "<script>"'
    answer = await store.query(Query(text=text))
    assert [column.name for column in answer.columns] == ["; DROP TABLE x", "\x1b[31m", 'a"b', "data", "<script>"]
    assert await ask(store, "SELECT count(*) -- ; DELETE\n FROM events /* ' */ ; ") == [[1]]


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{outside}/x.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "ATTACH '{outside}/x.duckdb' AS x",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "INSTALL httpfs",
        "LOAD httpfs",
    ],
)
async def test_also_without_the_first_fence_nothing_outside_is_reached(
    store: Store, tmp_path: Path, statement: str
) -> None:
    await store.append(some_events(1))
    with pytest.raises(duckdb.Error):
        store._months.files.analyst.execute(statement.replace("{outside}", str(tmp_path)))
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


def test_every_function_that_is_offered_is_known_to_be_harmless() -> None:
    """What a later DuckDB has more is not offered; what is must not be one of those that read or change something."""
    rows = duckdb.connect().execute("SELECT DISTINCT function_name, function_type FROM duckdb_functions()").fetchall()
    assert {"generate_series", "json_each", "range", "unnest"} == TABLE_FUNCTIONS
    words = [
        "read_",
        "pragma",
        "duckdb_",
        "_sql",
        "_scan",
        "setting",
        "variable",
        "nextval",
        "currval",
        "setval",
        "log_",
        "secret",
        "glob",
        "query",
        "sleep",
        "getenv",
        "parquet",
        "extension",
        "checkpoint",
        "repeat",
        "pad",
        "printf",
        "resize",
        "serialize",
        "_plan",
        "pg_",
        "has_",
        "inet_",
        "connection",
        "__internal",
        "external",
    ]
    harmless = {"pg_size_pretty", "array_has_all", "array_has_any", "list_has_all", "list_has_any"}
    kinds = {str(name).lower(): kind for name, kind in rows}
    bad = [name for name in FUNCTIONS - harmless if any(word in name for word in words)]
    assert bad == []
    assert not [name for name in FUNCTIONS if kinds.get(name) in ("table", "pragma", "table_macro") and name not in
                ("histogram", "unnest")]  # fmt: skip
    known = sum(name in kinds for name in FUNCTIONS)
    assert known > 0.9 * len(FUNCTIONS)


# --- what takes too much ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 3",
        "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
    ],
)
async def test_an_endless_query_ends_in_time_and_others_go_on_meanwhile(store: Store, text: str) -> None:
    await store.append(some_events(10))
    begun, worked = time.monotonic(), time.process_time()
    running = asyncio.create_task(ask(store, text, seconds=1))
    await asyncio.sleep(0.2)
    assert await store.append(some_events(5)) == 5
    assert (await store.summary(None, None, "day")).events == 15
    assert not running.done() or time.monotonic() - begun > 0.9
    with pytest.raises(QueryRefused, match=r"longer than 1 seconds|more memory than 64MB"):
        await running
    assert time.process_time() - worked < 20, "of all threads; the clock on the wall has that of others in it"
    assert await ask(store, "SELECT count(*) FROM events") == [[15]]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT list(a.range) FROM range(100000000) a",
        "SELECT string_agg(a.range::VARCHAR, '') FROM range(1000000000) a",
        "SELECT count(*) FROM (SELECT DISTINCT md5(a.range::VARCHAR) || b.range FROM range(100000) a, range(1000) b)",
        "WITH RECURSIVE t AS (SELECT 'xxxxxxxx' AS s UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t",
    ],
)
async def test_a_greedy_query_ends_with_a_sentence_and_nothing_of_the_writer_is_lost(store: Store, text: str) -> None:
    running = asyncio.create_task(ask(store, text, seconds=3))
    sent = 0
    while not running.done():
        events = some_events(20)
        for _ in range(100):  # as the runner of a worker does
            try:
                await store.append(events)
                break
            except StoreUnavailable:
                await asyncio.sleep(0.05)
        sent += 20
        await asyncio.sleep(0.01)
    with pytest.raises((QueryRefused, StoreUnavailable), match=r"more memory than 64MB|longer than 3|broken off"):
        await running
    assert await store.append(some_events(20)) == 20
    assert await ask(store, "SELECT count(*) FROM events") == [[sent + 20]]


async def test_a_store_that_closes_breaks_off_what_runs(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "store")
    text = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
    running = asyncio.create_task(ask(store, text))
    await asyncio.sleep(0.3)
    worked = time.process_time()
    await store.close()
    assert time.process_time() - worked < 5, "it would go on for minutes"
    with pytest.raises(StoreUnavailable):
        await running


async def test_a_query_that_does_not_end_keeps_the_store_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventsink.store.store.QUERY_ENDS", 0.2)
    store = await Store.open(tmp_path)
    await store.append(some_events(5))

    begun, end = threading.Event(), threading.Event()

    def go_on(query: Query) -> None:
        with store._months.gate.looking():
            begun.set()
            end.wait(100)  # as a function of DuckDB that does not look up

    monkeypatch.setattr(store._analyst, "answer", go_on)
    endless = asyncio.create_task(store.query(Query(text="SELECT 1")))
    assert await asyncio.to_thread(begun.wait, 60)
    await store.close()
    assert store.stuck and not endless.done(), "it is not waited for"
    assert not list(tmp_path.glob("events-*.wal")), "all is in the files"
    end.set()
    await endless
    store._months.close()  # which the end of the process does
    again = await Store.open(tmp_path)
    assert (await again.stats()).events == 5
    await again.close()
