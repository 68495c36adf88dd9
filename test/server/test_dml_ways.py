"""Changes of rows in each of their ways (by key, by blocks, once, by consent) beside plain psql on a twin, under clients and kills."""

import threading
import time

import pytest
from harness import Crowd, Pgseam
from harness.twin import psql

ROWS = 20000
# Rows move at each update: `hits` is indexed, so no update is HOT, and there is no room left in their pages.
SETUP = f"""
CREATE TABLE events (n int NOT NULL, hits int NOT NULL DEFAULT 0, state text NOT NULL, note text);
INSERT INTO events SELECT g, 0, (ARRAY['open', 'closed', 'void'])[g % 3 + 1], NULL FROM generate_series(1, {ROWS}) g;
CREATE INDEX events_n ON events (n);
CREATE INDEX events_hits ON events (hits);
CREATE TABLE pairs (a int, b int, state text NOT NULL DEFAULT 'old', PRIMARY KEY (a, state));
INSERT INTO pairs SELECT g, g % 10 FROM generate_series(1, {ROWS}) g;
CREATE TABLE owners (id int PRIMARY KEY, name text, total int, last int, state text);
INSERT INTO owners SELECT g, 'owner ' || g FROM generate_series(1, 4000) g;
CREATE TABLE items (id serial PRIMARY KEY, owner_id int REFERENCES owners, price int, at int);
INSERT INTO items (owner_id, price, at) SELECT g % 3000 + 1, g % 97, g FROM generate_series(1, {ROWS}) g;
CREATE INDEX items_owner ON items (owner_id);
CREATE TABLE copies (id bigserial PRIMARY KEY, item_id int UNIQUE, owner_name text, price int);
CREATE TABLE parted (k int, id int, v int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT g % 3, g, 0 FROM generate_series(1, {ROWS}) g;
CREATE SCHEMA aside;
CREATE TABLE aside.owners (id int PRIMARY KEY, total int REFERENCES owners ON DELETE CASCADE);
INSERT INTO aside.owners SELECT g, g FROM generate_series(1, 4000, 3) g;
CREATE TABLE settings (name text PRIMARY KEY, value int);
INSERT INTO settings SELECT 's' || g, g FROM generate_series(1, 40) g;
CREATE TABLE doomed (n int);
INSERT INTO doomed SELECT g FROM generate_series(1, {ROWS}, 7) g;
CREATE UNIQUE INDEX doomed_n ON doomed (n);
ANALYZE;
"""

# name -> (kind and walk of its step, migration, what must be the same as on the twin)
CASES = {
    "fill without a key": (
        ("backfill.update", "ctid"), "ALTER TABLE events ADD COLUMN filled int; UPDATE events SET filled = n * 2 WHERE filled IS NULL",
        "SELECT n, filled FROM events ORDER BY 1"),
    "state without a key": (
        ("backfill.update", "ctid"), "UPDATE events AS e SET state = 'done', note = 'was open' WHERE e.state = 'open' AND n > 50",
        "SELECT n, state, note FROM events ORDER BY 1"),
    "delete without a key": (
        ("backfill.delete", "ctid"), "DELETE FROM ONLY events WHERE state = 'void' RETURNING n", "SELECT n, state FROM events ORDER BY 1"),
    "delete without a key, using": (
        ("backfill.delete", "ctid"), "DELETE FROM events USING doomed d WHERE d.n = events.n", "SELECT n, state FROM events ORDER BY 1"),
    "the key changes": (
        ("backfill.update", "ctid"), "UPDATE pairs SET state = 'new' WHERE state = 'old' AND b < 7", "SELECT * FROM pairs ORDER BY 1, 3"),
    "update from": (
        ("backfill.update", None), "UPDATE items AS i SET price = price + length(o.name) FROM owners o WHERE o.id = i.owner_id AND o.id % 2 = 0",
        "SELECT * FROM items ORDER BY 1"),
    "update from values": (
        ("backfill.update", None), "UPDATE items SET price = v.p FROM (VALUES (1, 1000), (2, 2000)) AS v(o, p) WHERE v.o = owner_id RETURNING *",
        "SELECT * FROM items ORDER BY 1"),
    "correlated subqueries": (
        ("backfill.update", None),
        "UPDATE owners SET (total, last) = (SELECT count(*), max(at) FROM items WHERE items.owner_id = owners.id),"
        " state = DEFAULT WHERE EXISTS (SELECT FROM items i WHERE i.owner_id = owners.id)", "SELECT * FROM owners ORDER BY 1"),
    "a subquery with a limit for each row": (
        ("backfill.update", None),
        "UPDATE owners o SET last = (SELECT i.at FROM items i WHERE i.owner_id = o.id ORDER BY i.price, i.at LIMIT 1)",
        "SELECT * FROM owners ORDER BY 1"),
    "delete with a subquery": (
        ("backfill.delete", None), "DELETE FROM items WHERE owner_id IN (SELECT id FROM owners WHERE id % 5 = 0)", "SELECT * FROM items ORDER BY 1"),
    "a namesake in another schema, which references it": (
        ("backfill.update", None), "UPDATE owners SET total = aside.owners.total FROM aside.owners WHERE aside.owners.id = public.owners.id",
        "SELECT * FROM owners ORDER BY 1"),
    "a partitioned table": (
        ("backfill.update", None), "UPDATE parted AS p SET v = v + p.id WHERE p.k < 2", "SELECT * FROM parted ORDER BY id"),
    "one partition": (
        ("backfill.update", None), "UPDATE parted_rest SET v = v + 1 WHERE k = 0", "SELECT * FROM parted ORDER BY id"),
    "delete from a partitioned table": (
        ("backfill.delete", None), "DELETE FROM parted USING doomed WHERE doomed.n = parted.id", "SELECT * FROM parted ORDER BY id"),
    "insert into and from partitioned tables": (
        ("backfill.insert", None), "INSERT INTO parted (k, id, v) SELECT 7, i.id + 100000, 1 FROM items i", "SELECT * FROM parted ORDER BY id"),
    "insert from a partitioned table": (
        ("backfill.insert", None), "INSERT INTO copies (item_id, price) SELECT id, k FROM parted", "SELECT item_id, price FROM copies ORDER BY 1"),
    "insert from a query": (
        ("backfill.insert", None), "INSERT INTO copies (item_id, owner_name, price) SELECT i.id, o.name, i.price FROM items AS i"
        " LEFT JOIN owners o ON o.id = i.owner_id WHERE i.price > 10 -- the end\n ON CONFLICT (item_id) DO NOTHING",
        "SELECT item_id, owner_name, price FROM copies ORDER BY 1"),
    "insert into a new table": (
        ("backfill.insert", None), "CREATE TABLE fresh (id int PRIMARY KEY, price int); INSERT INTO fresh SELECT id, price FROM items",
        "SELECT * FROM fresh ORDER BY 1"),
    "insert values": (
        ("dml.once", None), "INSERT INTO copies (item_id, price) VALUES (-1, 1), (-2, (SELECT max(price) FROM items)) RETURNING id",
        "SELECT item_id, price FROM copies ORDER BY 1"),
    "a small table": (
        ("dml.once", None), "UPDATE settings SET value = value + (SELECT max(value) FROM settings)", "SELECT * FROM settings ORDER BY 1"),
    "a small table, limited": (
        ("dml.once", None), "DELETE FROM settings WHERE name IN (SELECT name FROM settings ORDER BY value DESC LIMIT 3)",
        "SELECT * FROM settings ORDER BY 1"),
    "a new table's rows": (
        ("dml.once", None), "CREATE TABLE fresh (a int); INSERT INTO fresh VALUES (1), (2); UPDATE fresh SET a = a * 10",
        "SELECT * FROM fresh ORDER BY 1"),
    "by consent": (
        ("dml.once", None), "-- pgseam: allow opaque because it is a test\nUPDATE events SET hits = hits + (SELECT count(*) FROM events)",
        "SELECT n, hits FROM events ORDER BY 1"),
    "insert that cannot be split, by consent": (
        ("dml.once", None), "-- pgseam: allow opaque because it is a test\nINSERT INTO copies (item_id, price) SELECT owner_id, sum(price)"
        " FROM items GROUP BY owner_id", "SELECT item_id, price FROM copies ORDER BY 1"),
}
POINTS = ["batch.work", "batch.cursor", "batch.committed", "step.verified"]
PIECES = ["--max-batch", "700"]


@pytest.fixture(scope="module")
def oracle(clusters):
    """Each case through plain psql: what its query then says."""
    found = {}

    def ask(case, cluster):
        if case not in found:
            with cluster.database() as db, Pgseam(db) as tool:
                db.execute(SETUP)
                psql(db, tool.file("m.sql", CASES[case][1] + ";\n"))
                found[case] = db.query(CASES[case][2])
        return found[case]

    return ask


@pytest.mark.parametrize("case", CASES)
def test_it_does_what_psql_does(any_cluster, oracle, db, pgseam, case):
    (kind, walk), sql, check = CASES[case]
    db.execute(SETUP)
    file = pgseam.file("m.sql", sql + ";\n")
    step = pgseam.run("plan", "--format", "json", file).json()["steps"][-1]
    assert (step["kind"], step["params"].get("walk")) == (kind, walk)
    pgseam.run("start", *PIECES, file)
    assert db.query(check) == oracle(case, any_cluster)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("case", CASES)
def test_killed_it_still_does(cluster, oracle, db, pgseam, case, point):
    """The second passing of a point where there is one: in the middle of a walk, or in its last run."""
    sql, check = CASES[case][1:]
    db.execute(SETUP)
    file = pgseam.file("m.sql", sql + ";\n")
    for place in (1, 2, 30):
        env = {"PGSEAM_FAULT": f"{point}:kill:{place}"}
        if place == 1:
            pgseam.run("start", *PIECES, file, env=env, expect=None)
        elif db.scalar("SELECT state NOT IN ('complete', 'gated') FROM pgseam.migration"):
            pgseam.run("resume", *PIECES, env=env, expect=None)
    if db.scalar("SELECT state <> 'complete' FROM pgseam.migration"):
        pgseam.run("resume", *PIECES)
    assert db.query(check) == oracle(case, cluster)


# The application moves each row about, and never touches what the migration changes.
MOVERS = ["UPDATE events SET hits = hits + 1 WHERE n = %(n)s", "UPDATE events SET hits = hits + 1 WHERE n BETWEEN %(n)s AND %(n)s + 5"]


@pytest.mark.parametrize("case", ["fill without a key", "state without a key", "delete without a key"])
def test_rows_that_move_are_not_missed(cluster, oracle, db, pgseam, case):
    sql, check = CASES[case][1:]
    db.execute(SETUP)
    with Crowd(db, MOVERS, clients=4, numbers=ROWS, pause_s=0.0005) as crowd:
        # Slowly, so that many rows go behind the walk.
        pgseam.run("start", "--max-batch", "300", "--load", "20", pgseam.file("m.sql", sql + ";\n"))
    assert crowd.faults() == []
    assert db.query(check) == oracle(case, cluster)
    assert db.scalar("SELECT rows_changed > 0 AND passes = 2 FROM pgseam.chunk")


def test_an_insert_under_clients_takes_each_row_once(cluster, oracle, db, pgseam):
    """The application rewrites the rows of the source and adds new ones, which are left alone."""
    db.execute(SETUP)
    adders = ["UPDATE items SET at = at + 1 WHERE id = %(n)s", "INSERT INTO items (owner_id, price) VALUES (%(n)s %% 3000 + 1, 90)"]
    with Crowd(db, adders, numbers=ROWS) as crowd:
        # A pause between batches for new rows to come in.
        pgseam.run("start", "--max-batch", "500", "--load", "20",
                   pgseam.file("m.sql", "CREATE TABLE fresh (id int, price int); INSERT INTO fresh SELECT id, price FROM items;"))
    assert crowd.faults() == []
    assert db.query("SELECT count(*), count(DISTINCT id) FROM fresh WHERE id <= %s", [ROWS]) == [(ROWS, ROWS)]
    assert db.scalar("SELECT count(*) > count(DISTINCT id) FROM fresh") is False
    assert db.scalar("SELECT max(id) FROM fresh") < db.scalar("SELECT max(id) FROM items")


def test_a_patient_statement_gives_way(db, pgseam):
    """It locks row after row for seconds; whoever wants one waits for less than the budget."""
    db.execute(SETUP + """
        CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN $1; END $$;
        CREATE TABLE slow AS SELECT g AS n, 0 AS v FROM generate_series(1, 1500) g; CREATE INDEX ON slow (n); ANALYZE slow;""")
    file = pgseam.file("m.sql", "-- pgseam: allow opaque because it is a test\nUPDATE slow SET v = v + 1 WHERE slowly(n) > 0;")
    waits, stop = [], threading.Event()

    def want_first_rows():
        with db.connect() as conn:
            while not stop.is_set():
                begun = time.monotonic()
                conn.execute("SELECT FROM slow WHERE n = 1 FOR UPDATE")
                waits.append(time.monotonic() - begun)
                time.sleep(1)

    process = pgseam.spawn("start", file)
    thread = threading.Thread(target=want_first_rows)
    thread.start()
    time.sleep(4)
    assert process.running(), "it got through although somebody wanted its rows all the time"
    stop.set()
    thread.join()
    process.wait(expect=0)
    assert max(waits) < 0.35
    assert max(waits) > 0.05, "nobody waited: the test shows nothing"
    assert db.query("SELECT v, count(*) FROM slow GROUP BY v") == [(1, 1500)]


def test_what_has_grown_is_not_one_statement_any_more(db, pgseam):
    db.execute(SETUP)
    plan = pgseam.file("m.plan", pgseam.run("plan", "--format", "json", pgseam.file("m.sql", "UPDATE settings SET value = (SELECT max(1) FROM settings);")).out)
    db.execute("INSERT INTO settings SELECT repeat('x', 500) || g, g FROM generate_series(41, 30000) g; ANALYZE settings")
    result = pgseam.run("start", plan, expect=5)
    assert "was small when the plan was made" in result.err and "rollback" in result.err
    assert db.scalar("SELECT count(*) FROM settings WHERE value = 1") == 1
    pgseam.run("rollback")


def test_a_plan_stands_although_a_small_table_has_grown_a_little(db, pgseam):
    db.execute(SETUP)
    plan = pgseam.file("m.plan", pgseam.run("plan", "--format", "json", pgseam.file("m.sql", "UPDATE settings SET value = (SELECT max(1) FROM settings);")).out)
    db.execute("INSERT INTO settings SELECT 'n' || g, g FROM generate_series(41, 3000) g; ANALYZE settings")
    pgseam.run("start", plan)
    assert db.query("SELECT value, count(*) FROM settings GROUP BY 1") == [(1, 3000)]


def test_one_statement_that_is_too_slow_says_so(db, pgseam):
    db.execute(SETUP + "CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql AS"
               " $$ BEGIN PERFORM pg_sleep(0.1); RETURN $1; END $$;")
    result = pgseam.run("start", pgseam.file("m.sql", "UPDATE settings SET value = slowly(value) WHERE value IN (SELECT value FROM settings);"), expect=1)
    assert "takes longer than the lock budget" in result.err
    assert db.scalar("SELECT sum(value) FROM settings") == 820
    pgseam.run("rollback")


def test_a_row_without_a_key_that_fails_is_named_by_its_block(db, pgseam):
    db.execute(SETUP + "ALTER TABLE events ADD CONSTRAINT odd CHECK (NOT (n = 15000 AND state = 'done')) NOT VALID")
    result = pgseam.run("start", pgseam.file("m.sql", "UPDATE events SET state = 'done' WHERE state <> 'done' AND n > 10;"), expect=1)
    block = db.scalar("SELECT (ctid::text::point)[0]::int FROM events WHERE n = 15000")
    assert f"a row in block {block} " in result.err
    db.execute("ALTER TABLE events DROP CONSTRAINT odd")
    pgseam.run("resume")
    assert db.scalar("SELECT count(*) FROM events WHERE state = 'done'") == ROWS - 10


def test_what_is_written_behind_a_walk_by_blocks_is_swept(db, pgseam):
    """The old application goes on writing rows that the fill has to find, until the gate."""
    db.execute(SETUP)
    pgseam.run("start", *PIECES, pgseam.file("m.sql", "ALTER TABLE events ADD COLUMN k int; UPDATE events SET k = n WHERE k IS NULL;"
                                             " ALTER TABLE events ALTER COLUMN k SET NOT NULL;"))
    db.execute(f"INSERT INTO events (n, state) SELECT g, 'late' FROM generate_series({ROWS + 1}, {ROWS + 500}) g")
    pgseam.run("complete")
    assert db.scalar("SELECT count(*) FROM events WHERE k = n") == ROWS + 500
