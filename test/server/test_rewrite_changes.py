"""What an online rewrite can change, beside the type of a key: against plain psql on a twin, and back; keys of all kinds; repack."""

import re

import pytest
from harness import Load, init_orders
from harness.rewrite import assert_calm, assert_nothing_left, digests, journal, leftovers, migration_of, rewrite_of, sql_file
from harness.twin import assert_same, psql

# What every change starts from: rows enough that a rewrite is worth it, nothing that keeps another type away.
SETUP = """
CREATE TABLE t (id int PRIMARY KEY, code int NOT NULL, amount int, words text, doc text, moment timestamp, u varchar(40) NOT NULL UNIQUE,
                p point, spare int);
INSERT INTO t SELECT n, n, n % 1000, 'w' || n, '{"a": ' || n || '}', timestamp '2025-01-01' + n * interval '1 minute', 'u' || n,
                     point(n, n), CASE WHEN n % 3 = 0 THEN n END FROM generate_series(1, 6000) n;
CREATE INDEX t_amount ON t (amount);
CREATE INDEX t_words ON t (words text_pattern_ops);
CREATE TABLE child (id int PRIMARY KEY, t_id int REFERENCES t ON DELETE CASCADE);
INSERT INTO child SELECT n, n FROM generate_series(1, 500) n;
CREATE TABLE lone (a int NOT NULL, b text NOT NULL, c int, UNIQUE (a, b));
INSERT INTO lone SELECT n, 'b' || n % 7, n FROM generate_series(1, 6000) n;
CREATE UNLOGGED TABLE light (id int PRIMARY KEY, x text);
INSERT INTO light SELECT n, 'x' || n FROM generate_series(1, 6000) n;
ANALYZE;
"""

CHANGES = {
    "numeric": "ALTER TABLE t ALTER amount TYPE numeric(12,2);",
    "using": "-- pgseam: down amount = substr(amount, 3)::int\nALTER TABLE t ALTER amount TYPE text USING 'n ' || amount;",
    "jsonb": "ALTER TABLE t ALTER doc TYPE jsonb USING doc::jsonb;",
    "timestamptz": "-- pgseam: down moment = moment AT TIME ZONE 'Europe/Berlin'\nALTER TABLE t ALTER moment TYPE timestamptz USING moment AT TIME ZONE 'Europe/Berlin';",
    "narrower": "ALTER TABLE t ALTER u TYPE char(30);",
    "key to text": "ALTER TABLE lone ALTER a TYPE text;",
    "with default": "ALTER TABLE t ALTER spare SET DEFAULT 5; ALTER TABLE t ALTER spare TYPE bigint;",
    "collation": '-- pgseam: down words = lower(words)\nALTER TABLE t ALTER words TYPE text COLLATE "C" USING upper(words);',
    "generated": "ALTER TABLE t ADD COLUMN twice int GENERATED ALWAYS AS (amount * 2) STORED;",
    "unlogged": "ALTER TABLE lone SET UNLOGGED;",
    "logged": "ALTER TABLE light SET LOGGED;",
    "tablespace": "ALTER TABLE t SET TABLESPACE other;",
    "access method": "ALTER TABLE t SET ACCESS METHOD heap2;",
    "exclude": "ALTER TABLE t ADD CONSTRAINT apart EXCLUDE USING btree (code WITH =);",
    "primary key": "ALTER TABLE lone ADD PRIMARY KEY (a, b);",
    "other primary key": "ALTER TABLE child DROP CONSTRAINT child_pkey; ALTER TABLE child ADD PRIMARY KEY (id, t_id);",
    "several": "ALTER TABLE t ALTER id TYPE bigint, ALTER amount TYPE numeric, ADD COLUMN twice bigint GENERATED ALWAYS AS (code * 2) STORED;"
               "ALTER TABLE t ALTER doc TYPE jsonb USING doc::jsonb;",
    "two tables": "ALTER TABLE t ALTER id TYPE bigint; ALTER TABLE child ALTER t_id TYPE bigint;",
}
# Those that really need a copy; the others may be done in another way.
COPIED = {"numeric", "using", "jsonb", "timestamptz", "narrower", "generated", "unlogged", "logged", "tablespace", "access method", "several"}
CAPTURES = ["logical", "trigger"]
# Without a replica identity the log does not tell which row it was, and an unlogged table is not in it.
ONLY_TRIGGER = {"key to text", "unlogged", "logged"}
# What is not there on all servers.
SINCE = {"access method": 15}


@pytest.fixture
def twins(cluster, db):
    """Two databases that are the same, and a further tablespace and access method."""
    folder = cluster.folder / "other"
    if not folder.exists():
        folder.mkdir()
        if cluster.user:
            import os

            os.chown(folder, cluster.user.pw_uid, cluster.user.pw_gid)
        db.execute(f"CREATE TABLESPACE other LOCATION '{folder}'")
    with cluster.database() as twin:
        for one in (db, twin):
            one.execute("CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler")
            one.execute(SETUP)
        yield db, twin


def tables(db):
    return [row[0] for row in db.query("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")]


def data(db):
    return {table: db.data_digest(table) for table in tables(db)}


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("name", CHANGES)
def test_rewrite_is_psql_and_rollback_is_nothing(twins, pgseam, name, capture):
    db, twin = twins
    if db.cluster.major < SINCE.get(name, 0):
        pytest.skip("the server has no such statement")
    there, schema, rows = leftovers(db), db.dump_schema(), data(db)
    file = sql_file(pgseam, CHANGES[name], "change")
    if capture == "logical" and name in ONLY_TRIGGER:
        pgseam.run("start", file, "--capture", capture, expect=3)
        assert leftovers(db) == there and db.dump_schema() == schema
        capture = "auto"
    pgseam.run("start", file, "--capture", capture)
    if name in COPIED:
        assert rewrite_of(pgseam)["cut_over"]
        assert len(migration_of(pgseam)["rewrites"]) == 1
    pgseam.run("rollback", expect=None if migration_of(pgseam)["state"] == "complete" else 0)
    if migration_of(pgseam)["state"] == "rolled_back":
        assert_same(schema, db.dump_schema(), "after the rollback")
        assert data(db) == rows
        assert_nothing_left(db, there)
        pgseam.run("start", sql_file(pgseam, CHANGES[name], "again"), "--capture", capture)
    if migration_of(pgseam)["state"] != "complete":
        pgseam.run("complete")
    psql(twin, file)
    assert_same(twin.dump_schema(), db.dump_schema(), "psql and pgseam")
    assert data(db) == data(twin)
    added = {line for line in leftovers(db) if line not in there}
    assert added == {line for line in leftovers(twin) if line not in there}


# ---- values that the new shape refuses: named, and nothing is changed


@pytest.mark.parametrize("sql, row", [
    ("ALTER TABLE t ALTER doc TYPE jsonb USING doc::jsonb;", "UPDATE t SET doc = 'no json' WHERE id = 4321"),
    ("ALTER TABLE t ALTER code TYPE smallint;", "UPDATE t SET code = 70000 WHERE id = 4321"),
    ("ALTER TABLE t ADD CONSTRAINT apart EXCLUDE USING btree (code WITH =);", "UPDATE t SET code = 5 WHERE id = 4321"),
    ("ALTER TABLE child ADD COLUMN half int GENERATED ALWAYS AS (1000 / (id - 77)) STORED;", "SELECT 1"),
], ids=["cast", "range", "exclude", "generated"])
def test_a_row_that_does_not_fit_stops_it(twins, pgseam, sql, row):
    db, _ = twins
    db.execute(row)
    there, schema, rows = leftovers(db), db.dump_schema(), data(db)
    done = pgseam.run("start", sql_file(pgseam, sql, "change"), expect=None)
    assert done.rc in (1, 3), done
    assert re.search(r"4321|no json|70000|\b5\b|division by zero|out of range", done.err), done
    assert data(db) == rows
    if migration_of(pgseam)["state"] not in (None, "rolled_back"):
        pgseam.run("rollback")
    assert db.dump_schema() == schema
    assert_nothing_left(db, there)


# The same row coming while the copy runs, or behind it.
def test_a_row_that_comes_meanwhile_and_does_not_fit_stops_it(twins, pgseam):
    db, _ = twins
    running = pgseam.spawn("start", sql_file(pgseam, "ALTER TABLE t ALTER doc TYPE jsonb USING doc::jsonb;", "change"),
                           "--postpone-cut-over=on")
    from harness.rewrite import wait_until

    wait_until(lambda: rewrite_of(pgseam).get("verified"), what="the comparison")
    db.execute("UPDATE t SET doc = 'no json' WHERE id = 4321")
    done = running.wait(60)
    assert done.rc == 1 and ("4321" in done.err or "no json" in done.err), done
    assert db.scalar("SELECT doc FROM t WHERE id = 4321") == "no json"
    db.execute("UPDATE t SET doc = '{}' WHERE id = 4321")
    pgseam.run("resume", "--postpone-cut-over=off")
    assert db.scalar("SELECT pg_typeof(doc)::text FROM t WHERE id = 4321") == "jsonb"


# ---- keys of all kinds, while all that can change of a row does


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("shape", ["identity", "bigint", "uuid", "text", "icu", "nocase", "numeric", "timestamptz", "composite"])
def test_rows_are_found_again_by_any_key(any_cluster, db, pgseam, shape, capture):
    init_orders(db, 20000, shape)
    db.execute("DROP VIEW order_view; CREATE VIEW order_view AS SELECT * FROM orders")
    there = leftovers(db)
    with Load(db, old=4, new=4, rate=2000, orders=shape) as load:
        pgseam.run("start", sql_file(pgseam, "ALTER TABLE orders ALTER amount TYPE bigint;"), "--capture", capture)
        assert rewrite_of(pgseam)["cut_over"]
        pgseam.run("complete")
        report = load.stop()
    assert_calm(report, at_least=500)
    assert db.scalar("SELECT pg_typeof(amount)::text FROM orders LIMIT 1") == "bigint"
    assert_nothing_left(db, there)


# ---- repack


@pytest.fixture
def bloated(db):
    """A table of which three quarters are air."""
    init_orders(db, 40000)
    db.execute("DELETE FROM order_lines; DELETE FROM order_remarks; DELETE FROM orders WHERE code % 4 > 0")
    db.execute("VACUUM (ANALYZE) orders")
    return db


def size(db, table="orders"):
    return db.scalar(f"SELECT pg_relation_size('{table}')")


@pytest.mark.parametrize("capture", CAPTURES)
def test_repack_takes_the_air_out_under_load(bloated, pgseam, capture):
    before, there, schema = size(bloated), leftovers(bloated), bloated.dump_schema()
    with Load(bloated, old=4, new=4, rate=2000, orders="int") as load:
        pgseam.run("repack", "orders", "--capture", capture)
        if migration_of(pgseam)["state"] != "complete":
            pgseam.run("complete")
        report = load.stop()
    assert_calm(report, at_least=500)
    assert size(bloated) < before / 2
    assert bloated.dump_schema() == schema
    assert_nothing_left(bloated, there)


def test_repack_in_another_order(bloated, pgseam):
    rows = digests(bloated)
    pgseam.run("repack", "orders", "--order-by", "code DESC")
    assert digests(bloated) == rows
    assert [row[0] for row in bloated.query("SELECT code FROM orders LIMIT 5")] == [40000, 39996, 39992, 39988, 39984]


def test_repack_to_another_tablespace_and_column_order(twins, pgseam):
    db, _ = twins
    rows = db.data_digest("t", ["id", "code", "amount", "words", "spare"])
    pgseam.run("repack", "t", "--tablespace", "other", "--column-order", "id, amount, spare, code, moment, p, words, doc, u")
    assert db.scalar("SELECT spcname FROM pg_tablespace JOIN pg_class c ON c.reltablespace = pg_tablespace.oid WHERE c.oid = 't'::regclass") == "other"
    names = [row[0] for row in db.query("SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum")]
    assert names == ["id", "amount", "spare", "code", "moment", "p", "words", "doc", "u"]
    assert db.data_digest("t", ["id", "code", "amount", "words", "spare"]) == rows


def test_repack_all_that_is_bloated(bloated, pgseam):
    db = bloated
    before = size(db)
    filenode = db.scalar("SELECT pg_relation_filenode('order_lines_pkey')")
    pgseam.run("repack", "--all", "--min-bloat", "50")
    assert size(db) < before / 2
    assert filenode and all(table.strip('"').endswith("orders") for (table,) in journal(db, "source_table"))
