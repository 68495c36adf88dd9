"""ATTACH and DETACH PARTITION: nothing is scanned or built under their locks; as plain SQL on a twin; and back again."""

import threading
import time
from pathlib import Path

import pytest
from harness import Crowd, Pgseam
from test_partitions import Frozen, plain, refused
from test_step_laws import frozen_locks, undeclared

SETUP = """
CREATE TABLE zone (id bigint PRIMARY KEY);
INSERT INTO zone SELECT g FROM generate_series(0, 10) g;
CREATE TABLE m (id bigint NOT NULL, at date NOT NULL, zone_id bigint REFERENCES zone, a int, b text, PRIMARY KEY (id, at),
                UNIQUE (at, id) DEFERRABLE, CONSTRAINT positive CHECK (a > 0)) PARTITION BY RANGE (at);
CREATE TABLE m_2024 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ON m (a);
CREATE INDEX ON m (lower(b), a) WHERE a > 5;
CREATE TABLE log (id bigint PRIMARY KEY, m_id bigint, m_at date, FOREIGN KEY (m_id, m_at) REFERENCES m);
CREATE TABLE m_new (id bigint NOT NULL, at date NOT NULL, zone_id bigint, a int, b text, CONSTRAINT positive CHECK (a > 0));
INSERT INTO m SELECT g, date '2024-01-01' + g % 366, g % 10, g, 'name ' || g FROM generate_series(1, 5000) g;
INSERT INTO m_new SELECT g, date '2025-01-01' + g % 365, g % 10, g, 'name ' || g FROM generate_series(1, 20000) g;
INSERT INTO log SELECT id, id, at FROM m LIMIT 500;
CREATE TABLE l (k text, v int) PARTITION BY LIST (k);
CREATE TABLE l_x PARTITION OF l FOR VALUES IN ('x', NULL);
CREATE TABLE l_new (k text, v int);
INSERT INTO l_new SELECT CASE WHEN g % 2 = 0 THEN 'a' ELSE 'b' END, g FROM generate_series(1, 2000) g;
CREATE TABLE h (id bigint NOT NULL, v int) PARTITION BY HASH (id);
CREATE TABLE h_0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE h_new (id bigint NOT NULL, v int);
INSERT INTO h_new SELECT g, g FROM generate_series(1, 5000) g WHERE satisfies_hash_partition('h'::regclass::oid, 2, 1, g::bigint);
CREATE SEQUENCE tick START 100000;
ANALYZE;
"""
WITH_DEFAULT = ("CREATE TABLE m_rest PARTITION OF m DEFAULT; INSERT INTO m SELECT g, date '2020-01-01', 1, 1 FROM"
                " generate_series(10001, 12000) g;")

CLIENTS = [
    "INSERT INTO m (id, at, zone_id, a) SELECT nextval('tick'), date '2024-01-01' + %(n)s %% 366, %(n)s %% 10 + 1, 1",
    "UPDATE m SET a = 1 + %(n)s WHERE id = %(n)s", "SELECT a, b FROM m WHERE at = date '2024-01-01' + %(n)s %% 366",
    "INSERT INTO m_new (id, at, a) SELECT nextval('tick'), date '2025-01-01' + %(n)s %% 365, 1",
    "SELECT count(*) FROM m_2024 WHERE id = %(n)s", "DELETE FROM log WHERE id = 100000 + %(n)s",
    "SELECT * FROM l WHERE k = 'x'", "UPDATE zone SET id = id WHERE id = %(n)s %% 10",
]

M = "ALTER TABLE m ATTACH PARTITION m_new FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
ATTACH = [
    M,
    "ALTER TABLE l ATTACH PARTITION l_new FOR VALUES IN ('a', 'b')",
    "ALTER TABLE h ATTACH PARTITION h_new FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
]
OWN = ("CREATE UNIQUE INDEX mine ON m_new (id, at); ALTER TABLE m_new ADD CONSTRAINT mine PRIMARY KEY USING INDEX mine;"
       "CREATE INDEX yours ON m_new (a); ALTER TABLE m_new ADD CONSTRAINT other FOREIGN KEY (zone_id) REFERENCES zone (id);")
# Names that PostgreSQL would choose are taken.
TAKEN = "CREATE TABLE m_new_pkey (x int); CREATE TABLE m_new_a_idx (x int);"


def run_to_the_end(pgseam, sql):
    pgseam.run("start", pgseam.file("m.sql", sql))
    if pgseam.db.scalar("SELECT state FROM pgseam.migration") != "complete":
        pgseam.run("complete", "m")


def check_forward(cluster, sql, extra=""):
    with cluster.database() as db, cluster.database() as twin, Pgseam(db) as pgseam:
        db.execute(SETUP + extra)
        twin.execute(SETUP + extra)
        plain(twin, sql)
        with Crowd(db, CLIENTS) as crowd:
            run_to_the_end(pgseam, sql)
        assert crowd.faults() == []
        assert db.dump_schema() == twin.dump_schema()
        assert db.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


@pytest.mark.parametrize("extra", ["", WITH_DEFAULT, OWN, TAKEN], ids=["plain", "default", "own", "taken"])
@pytest.mark.parametrize("sql", ATTACH)
def test_attach_is_as_plain_sql(any_cluster, sql, extra):
    if extra and "ALTER TABLE m " not in sql:
        pytest.skip("of m only")
    check_forward(any_cluster, sql, extra)


SEVERAL = (M + "; CREATE TABLE m_2026 (LIKE m INCLUDING ALL); ALTER TABLE m ATTACH PARTITION m_2026 FOR VALUES FROM ('2026-01-01') TO"
           " ('2027-01-01'); CREATE TABLE m_2027 PARTITION OF m FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')")


@pytest.mark.parametrize("extra", ["", WITH_DEFAULT], ids=["plain", "default"])
def test_several_in_one_file(any_cluster, extra):
    check_forward(any_cluster, SEVERAL, extra)


@pytest.mark.parametrize("extra", ["", WITH_DEFAULT, OWN], ids=["plain", "default", "own"])
@pytest.mark.parametrize("sql", ATTACH)
def test_attach_is_taken_back(any_cluster, db, pgseam, sql, extra):
    db.execute(SETUP + extra)
    before = db.dump_schema(), db.data_digest("m"), db.data_digest("m_new")
    pgseam.run("start", pgseam.file("m.sql", sql), env={"PGSEAM_FAULT": "phase.end:error:1"}, expect=1)
    assert db.dump_schema() != before[0]
    pgseam.run("rollback", "m")
    assert (db.dump_schema(), db.data_digest("m"), db.data_digest("m_new")) == before


@pytest.mark.parametrize("end", ["resume", "rollback"])
@pytest.mark.parametrize("point", ["step.intent", "alone.before", "alone.after", "guard.locked", "guard.committed"])
def test_attach_killed_anywhere(cluster, point, end):
    with cluster.database() as twin:
        twin.execute(SETUP + WITH_DEFAULT)
        before = twin.dump_schema()
        plain(twin, M)
        after = twin.dump_schema()
    for number in (1, 3, 5, 8, 11, 13):
        with cluster.database() as db, Pgseam(db) as pgseam:
            db.execute(SETUP + WITH_DEFAULT)
            hit = pgseam.run("start", pgseam.file("m.sql", M), env={"PGSEAM_FAULT": f"{point}:kill:{number}"}, expect=None)
            if hit.rc != 0:
                pgseam.run(end, "m")
            assert db.dump_schema() == (before if hit.rc != 0 and end == "rollback" else after), (point, number)


@pytest.mark.parametrize("extra", ["", WITH_DEFAULT], ids=["plain", "default"])
def test_locks_of_attach_are_declared(any_cluster, extra):
    with any_cluster.database() as db, Pgseam(db) as pgseam:
        db.execute(SETUP + extra)
        steps = pgseam.run("plan", "--format", "json", pgseam.file("m.sql", M)).json()["steps"]
    guarded = [step for step in steps if step["kind"] != "index.create"]
    assert len(guarded) >= 6
    for place, step in enumerate(guarded, 1):
        with any_cluster.database() as db, Pgseam(db) as pgseam:
            db.execute(SETUP + extra)
            case = Frozen(db, pgseam, pgseam.file("m.sql", M), step, False)
            observed = frozen_locks(case, "guard.locked", place)
            assert undeclared(observed, [lock for lock in step["locks"] if not lock.get("undo")]) == [], step["sql"]


def test_nothing_is_scanned_under_the_locks(any_cluster, db, pgseam):
    """PostgreSQL says so itself: the constraint is implied."""
    db.execute(SETUP + WITH_DEFAULT)
    pgseam.run("start", pgseam.file("m.sql", M), env={"PGSEAM_FAULT": "step.begin:error:13"}, expect=1)
    pending = db.query("SELECT s.id FROM pgseam.step s WHERE s.status = 'pending' ORDER BY 1")
    sql = M
    notices = []
    with db.connect(autocommit=False) as conn:
        conn.add_notice_handler(lambda diag: notices.append(diag.message_primary))
        conn.execute("SET client_min_messages = debug1")
        conn.execute(sql)
        conn.rollback()
    assert [note for note in notices if "is implied by existing constraints" in note][0].count("m_new")
    assert any("m_rest" in note and "implied" in note for note in notices), (pending, notices)
    assert not any("verifying table" in note or "building index" in note for note in notices)
    pgseam.run("rollback", "m")


def test_refusals(cluster, db, pgseam):
    db.execute(SETUP)
    bound = "FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
    refused(pgseam, f"ALTER TABLE m ATTACH PARTITION l_new {bound}", 'column "id" of l_new is not there')
    refused(pgseam, f"ALTER TABLE m ATTACH PARTITION m_2024 {bound}", "a partition already")
    refused(pgseam, f"ALTER TABLE zone ATTACH PARTITION m_new {bound}", "zone is not partitioned")
    refused(pgseam, "ALTER TABLE m ATTACH PARTITION m_new DEFAULT", "would read every row of m_new", "DEFAULT")
    refused(pgseam, "ALTER TABLE m ATTACH PARTITION m_new FOR VALUES FROM (now()::date) TO ('2026-01-01')", "constants")
    refused(pgseam, "ALTER TABLE m DETACH PARTITION m_new", "is not a partition of public.m")
    db.execute("ALTER TABLE m_new DROP CONSTRAINT positive")
    refused(pgseam, M, 'lacks constraint "positive"')
    db.execute("CREATE TABLE m_rest PARTITION OF m DEFAULT")
    refused(pgseam, "ALTER TABLE m DETACH PARTITION m_2024 CONCURRENTLY", "has a default partition", "leave CONCURRENTLY out")


def test_rows_that_do_not_fit_stop_it(cluster, db, pgseam):
    db.execute(SETUP)
    before = db.dump_schema()
    db.execute("INSERT INTO m_new VALUES (1000000, '2031-01-01', 1, 1)")
    result = pgseam.run("start", pgseam.file("m.sql", M), expect=1)
    assert "1 in all" in result.err and "(1000000," in result.err
    pgseam.run("rollback", "m")
    assert db.dump_schema() == before


# ---- DETACH

DETACH = ["ALTER TABLE m DETACH PARTITION m_2024", "ALTER TABLE m DETACH PARTITION m_2024 CONCURRENTLY",
          "ALTER TABLE l DETACH PARTITION l_x"]
FREE = "DELETE FROM log;"


@pytest.mark.parametrize("sql", DETACH)
def test_detach_is_as_plain_sql(any_cluster, sql):
    clients = [sql for sql in CLIENTS if "INTO m (" not in sql]
    with any_cluster.database() as db, any_cluster.database() as twin, Pgseam(db) as pgseam:
        db.execute(SETUP + FREE)
        twin.execute(SETUP + FREE)
        plain(twin, sql)
        with Crowd(db, clients) as crowd:
            run_to_the_end(pgseam, sql)
        assert crowd.faults() == []
        assert db.dump_schema() == twin.dump_schema()


def test_detach_beside_a_default_partition(any_cluster):
    with any_cluster.database() as db, any_cluster.database() as twin, Pgseam(db) as pgseam:
        extra = FREE + WITH_DEFAULT.replace("'2020-01-01'", "'2020-01-01'")
        db.execute(SETUP + extra)
        twin.execute(SETUP + extra)
        plain(twin, DETACH[0])
        with Crowd(db, [sql for sql in CLIENTS if "INTO m (" not in sql]) as crowd:
            run_to_the_end(pgseam, DETACH[0])
        assert crowd.faults() == []
        assert db.dump_schema() == twin.dump_schema()


def test_detach_behind_a_long_reader_keeps_nobody_waiting(any_cluster, db, pgseam):
    """A reader of the parent and the partition stays for three seconds: others go on, the partition is out in the end."""
    db.execute(SETUP + FREE)
    pgseam.run("start", pgseam.file("m.sql", DETACH[0]))
    reader = db.connect(autocommit=False)
    reader.execute("SELECT count(*) FROM m")
    threading.Timer(3, reader.rollback).start()
    with Crowd(db, ["SELECT count(*) FROM m_2024 WHERE id = %(n)s", "SELECT count(*) FROM m WHERE id = %(n)s"]) as crowd:
        pgseam.run("complete", "m")
    reader.close()
    assert crowd.faults() == []
    assert not db.scalar("SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'm_2024'::regclass)")


@pytest.mark.parametrize("point", ["step.begin", "step.intent", "alone.before", "alone.after", "guard.locked", "guard.committed",
                                   "step.verified", "phase.end"])
def test_detach_killed_anywhere(cluster, db, pgseam, point):
    db.execute(SETUP + FREE)
    with cluster.database() as twin:
        twin.execute(SETUP + FREE)
        plain(twin, DETACH[0])
        after = twin.dump_schema()
    pgseam.run("start", pgseam.file("m.sql", DETACH[0]))
    pgseam.run("complete", "m", env={"PGSEAM_FAULT": f"{point}:kill:1"}, expect=None)
    pgseam.run("resume", "m", expect=None)
    assert db.scalar("SELECT state FROM pgseam.migration") == "complete"
    assert db.dump_schema() == after


def test_detach_killed_while_pending(any_cluster, db, pgseam):
    db.execute(SETUP + FREE)
    with any_cluster.database() as twin:
        twin.execute(SETUP + FREE)
        plain(twin, DETACH[0])
        after = twin.dump_schema()
    pgseam.run("start", pgseam.file("m.sql", DETACH[0]))
    # The reader comes when pgseam has looked and found nobody.
    process = pgseam.spawn("complete", "m", env={"PGSEAM_FAULT": "alone.before:stop:1"})
    deadline = time.monotonic() + 30
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline and process.running(), process.err
        time.sleep(0.01)
    reader = db.connect(autocommit=False)
    reader.execute("SELECT count(*) FROM m")
    process.thaw()
    while not db.scalar("SELECT coalesce(bool_or(inhdetachpending), false) FROM pg_inherits"):
        assert time.monotonic() < deadline and process.running(), process.err
        time.sleep(0.01)
    process.kill9()
    reader.rollback()
    reader.close()
    pgseam.run("resume", "m")
    assert db.dump_schema() == after


# ---- CREATE TABLE ... PARTITION OF, INHERITS

CREATE = [
    "CREATE TABLE m_2026 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "CREATE TABLE m_2026 PARTITION OF m (a DEFAULT 5, CONSTRAINT small CHECK (a < 100)) FOR VALUES FROM ('2026-01-01') TO"
    " ('2027-01-01') PARTITION BY HASH (id); CREATE TABLE m_2026_0 PARTITION OF m_2026 FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
    " CREATE INDEX ON m_2026_0 (a)",
    "CREATE TABLE heir (extra int, zone_id bigint REFERENCES zone) INHERITS (zone); CREATE INDEX ON heir (id)",
    "CREATE TABLE alike (LIKE m INCLUDING ALL)",
    "CREATE TABLE fresh (id int, k int) PARTITION BY LIST (k); CREATE TABLE fresh_1 PARTITION OF fresh FOR VALUES IN (1);"
    " CREATE INDEX ON fresh (id); CREATE TABLE fresh_rest PARTITION OF fresh DEFAULT; ALTER TABLE fresh ADD COLUMN x int DEFAULT 5",
]


@pytest.mark.parametrize("extra", ["", WITH_DEFAULT], ids=["plain", "default"])
@pytest.mark.parametrize("sql", CREATE)
def test_new_members_are_as_plain_sql(any_cluster, sql, extra):
    check_forward(any_cluster, sql, extra)


@pytest.mark.parametrize("extra", ["", WITH_DEFAULT], ids=["plain", "default"])
@pytest.mark.parametrize("sql", CREATE)
def test_new_members_are_taken_back(any_cluster, db, pgseam, sql, extra):
    db.execute(SETUP + extra)
    before = db.dump_schema(), db.data_digest("m")
    pgseam.run("start", pgseam.file("m.sql", sql), env={"PGSEAM_FAULT": "phase.end:error:1"}, expect=1)
    pgseam.run("rollback", "m")
    assert (db.dump_schema(), db.data_digest("m")) == before


@pytest.mark.parametrize("sql", CREATE[:3])
def test_locks_of_new_members_are_declared(any_cluster, sql):
    with any_cluster.database() as db, Pgseam(db) as pgseam:
        db.execute(SETUP + WITH_DEFAULT)
        steps = pgseam.run("plan", "--format", "json", pgseam.file("m.sql", sql)).json()["steps"]
    guarded = [step for step in steps if step["kind"] != "index.create"]
    for place, step in enumerate(guarded, 1):
        with any_cluster.database() as db, Pgseam(db) as pgseam:
            db.execute(SETUP + WITH_DEFAULT)
            case = Frozen(db, pgseam, pgseam.file("m.sql", sql), step, False)
            observed = frozen_locks(case, "guard.locked", place)
            assert undeclared(observed, [lock for lock in step["locks"] if not lock.get("undo")]) == [], step["sql"]


def test_orders_that_cannot_be_planned_are_refused(cluster, db, pgseam):
    db.execute(SETUP)
    refused(pgseam, "CREATE TABLE m_2026 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\nCREATE INDEX ON m (b);",
            "line 1 brings a partition", "put the index before")
    refused(pgseam, f"CREATE INDEX ON m (b);\n{M};", "line 1 changes that", "put it before")
    refused(pgseam, f"ALTER TABLE m_new ADD PRIMARY KEY (id, at);\n{M};", "leave that constraint out")
    pgseam.run("plan", pgseam.file("m.sql", f"CREATE INDEX mine ON m_new (a);\n{M};"))
    refused(pgseam, "CREATE TABLE copy (LIKE l);\nINSERT INTO copy SELECT 'q', id FROM zone;\n"
            "ALTER TABLE l ATTACH PARTITION copy FOR VALUES IN ('q');", "line 2 fills copy", "a migration of its own")


def test_rows_in_the_default_partition_are_told_before_anything_keeps_the_application_from_writing(db, pgseam):
    db.execute("CREATE TABLE p (id int, a int) PARTITION BY RANGE (id); CREATE TABLE p_rest PARTITION OF p DEFAULT;"
               "CREATE TABLE fresh (id int, a int); INSERT INTO p SELECT g, g FROM generate_series(1, 3000) g; ANALYZE")
    failed = pgseam.run("start", pgseam.file("m.sql", "ALTER TABLE p ATTACH PARTITION fresh FOR VALUES FROM (2990) TO (5000)"), expect=1)
    assert "11 in all" in failed.err and "not begun" in failed.err
    db.execute("UPDATE p SET a = 0 WHERE id = 2995")
    db.execute("DELETE FROM p WHERE id >= 2990")
    pgseam.run("resume", "m")
    assert db.scalar("SELECT count(*) FROM pg_inherits WHERE inhrelid = 'fresh'::regclass") == 1
