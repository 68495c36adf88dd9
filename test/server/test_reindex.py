"""REINDEX, index by index, and REFRESH MATERIALIZED VIEW: under clients, killed anywhere, and nothing left behind."""

import threading
import time

import pytest
from harness import Crowd, Pgseam

SETUP = """
CREATE SCHEMA depot;
CREATE TABLE t (id bigint PRIMARY KEY, a int, b text);
CREATE INDEX t_a ON t (a);
CREATE INDEX t_lower ON t (lower(b)) WHERE a > 5;
CREATE TABLE p (id bigint NOT NULL, a int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (5000);
CREATE TABLE p_high PARTITION OF p FOR VALUES FROM (5000) TO (1000000) PARTITION BY RANGE (id);
CREATE TABLE p_high_1 PARTITION OF p_high FOR VALUES FROM (5000) TO (1000000);
CREATE INDEX p_a ON p (a);
CREATE TABLE depot.crate (id int PRIMARY KEY, size int UNIQUE);
CREATE MATERIALIZED VIEW depot.sizes AS SELECT id, size FROM depot.crate;
CREATE INDEX ON depot.sizes (size);
CREATE TABLE room (during tsrange, EXCLUDE USING gist (during WITH &&));
CREATE MATERIALIZED VIEW totals AS SELECT a % 10 AS k, count(*) AS n, sum(a) AS s FROM t GROUP BY 1;
CREATE MATERIALIZED VIEW empty AS SELECT * FROM t WITH NO DATA;
INSERT INTO t SELECT g, g, 'name ' || g FROM generate_series(1, 20000) g;
INSERT INTO p SELECT g, g FROM generate_series(1, 10000) g;
INSERT INTO depot.crate SELECT g, g FROM generate_series(1, 100) g;
ANALYZE;
"""
LONG = "i2345678901234567890123456789012345678901234567890123456789_idx"

CLIENTS = [
    "UPDATE t SET a = a + 1 WHERE id = %(n)s", "SELECT * FROM t WHERE a = %(n)s", "SELECT * FROM p WHERE a = %(n)s",
    "UPDATE p SET a = a + 1 WHERE id = %(n)s", "SELECT count(*) FROM totals", "DELETE FROM t WHERE id = 40000 + %(n)s",
]

REBUILT = {
    "REINDEX INDEX t_a": ["t_a"],
    "REINDEX (VERBOSE) TABLE t": ["t_a", "t_lower", "t_pkey"],
    "REINDEX TABLE CONCURRENTLY p": ["p_low_a_idx", "p_low_pkey", "p_high_1_a_idx", "p_high_1_pkey"],
    "REINDEX INDEX p_a": ["p_high_1_a_idx", "p_low_a_idx"],
    "REINDEX SCHEMA depot": ["depot.crate_pkey", "depot.crate_size_key", "depot.sizes_size_idx"],
}


def files(db):
    return dict(db.query("SELECT indexrelid::regclass::text, pg_relation_filenode(indexrelid) FROM pg_index i JOIN pg_class c ON"
                         " c.oid = indexrelid WHERE c.relnamespace IN ('public'::regnamespace, 'depot'::regnamespace)"
                         " AND c.relkind = 'i'"))


def clean(db):
    return db.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


@pytest.mark.parametrize("sql", REBUILT)
def test_each_index_is_rebuilt(any_cluster, db, pgseam, sql):
    db.execute(SETUP)
    before, dump = files(db), db.dump_schema()
    with Crowd(db, CLIENTS) as crowd:
        pgseam.run("start", pgseam.file("m.sql", sql))
    assert crowd.faults() == []
    after = files(db)
    assert sorted(name for name in after if after[name] != before[name]) == sorted(REBUILT[sql])
    assert db.dump_schema() == dump and clean(db)
    assert db.scalar("SELECT state FROM pgseam.migration") == "complete"


@pytest.mark.parametrize("action", ["kill", "error"])
@pytest.mark.parametrize("end", ["resume", "rollback"])
@pytest.mark.parametrize("point", ["step.begin", "step.intent", "alone.before", "alone.after", "step.verified", "phase.end"])
def test_killed_at_each_point(cluster, db, pgseam, point, end, action):
    db.execute(SETUP)
    dump = db.dump_schema()
    pgseam.run("start", pgseam.file("m.sql", "REINDEX TABLE t"), env={"PGSEAM_FAULT": f"{point}:{action}:1"}, expect=None)
    pgseam.run(end, "m")
    assert db.dump_schema() == dump and clean(db)


@pytest.mark.parametrize("index", ["t_a", LONG])
@pytest.mark.parametrize("end", ["resume", "rollback"])
def test_killed_in_the_middle_nothing_is_left(any_cluster, db, pgseam, end, index):
    """A writer keeps the rebuild waiting, its copy is there and invalid: then the backend and pgseam are killed."""
    db.execute(SETUP)
    if index == LONG:
        db.execute(f"CREATE INDEX {LONG} ON t (b)")
    dump = db.dump_schema()
    writer = db.connect(autocommit=False)
    writer.execute("UPDATE t SET a = 0 WHERE id = 1")
    process = pgseam.spawn("start", pgseam.file("m.sql", f"REINDEX INDEX {index}"))
    deadline = time.monotonic() + 30
    while clean(db):
        assert time.monotonic() < deadline and process.running(), process.err
        time.sleep(0.01)
    process.kill9()
    db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%'")
    deadline = time.monotonic() + 30
    while db.scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%'"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not clean(db)
    # The writer goes away while pgseam waits for it to drop what is left.
    threading.Timer(0.5, writer.rollback).start()
    pgseam.run(end, "m")
    writer.close()
    assert db.dump_schema() == dump and clean(db)


def refused(pgseam, sql, *words):
    result = pgseam.run("plan", pgseam.file("m.sql", sql), expect=3)
    for word in words:
        assert word in result.err, result.err


def test_refusals(cluster, db, pgseam):
    db.execute(SETUP)
    refused(pgseam, "REINDEX TABLE room", "exclusion constraint", "one by one")
    refused(pgseam, "REINDEX INDEX nowhere", 'index "nowhere" does not exist')
    refused(pgseam, "REINDEX SCHEMA nowhere", 'schema "nowhere" does not exist')
    refused(pgseam, f"REINDEX DATABASE {db.name}", "system catalogs")
    refused(pgseam, f"REINDEX SYSTEM {db.name}", "system catalogs")
    refused(pgseam, "REINDEX TABLE pg_class", "system catalog")
    refused(pgseam, "REINDEX (TABLESPACE pg_default) TABLE t", "TABLESPACE")
    refused(pgseam, "REFRESH MATERIALIZED VIEW totals", "blocks its readers", "CREATE UNIQUE INDEX")
    refused(pgseam, "REFRESH MATERIALIZED VIEW totals WITH NO DATA", "empties")
    refused(pgseam, "REFRESH MATERIALIZED VIEW CONCURRENTLY empty", "never been filled")
    refused(pgseam, "REFRESH MATERIALIZED VIEW t", "is not a materialized view")


def test_a_leftover_of_somebody_else_is_refused(cluster, db, pgseam):
    db.execute(SETUP)
    db.execute("CREATE INDEX t_a_ccnew ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a_ccnew'::regclass")
    refused(pgseam, "REINDEX TABLE t", "t_a_ccnew is INVALID", "DROP INDEX CONCURRENTLY")


def test_refresh_goes_on_beside_readers(any_cluster, db, pgseam):
    db.execute(SETUP)
    sql = "CREATE UNIQUE INDEX ON totals (k);\nREFRESH MATERIALIZED VIEW totals;\nREFRESH MATERIALIZED VIEW empty;\n"
    with db.cluster.database() as twin:
        twin.execute(SETUP)
        twin.execute(sql)
        with Crowd(db, CLIENTS) as crowd:
            pgseam.run("start", pgseam.file("m.sql", sql))
        assert crowd.faults() == []
        assert db.dump_schema() == twin.dump_schema()
    db.execute("UPDATE t SET a = 0")
    pgseam.run("start", pgseam.file("again.sql", "REFRESH MATERIALIZED VIEW totals"))
    assert db.query("SELECT k, n, s FROM totals") == [(0, 20000, 0)]
    plan = pgseam.run("plan", pgseam.file("n.sql", "REFRESH MATERIALIZED VIEW totals")).out
    assert "REFRESH MATERIALIZED VIEW CONCURRENTLY totals" in plan
    assert "lock: EXCLUSIVE on public.totals" in plan and "lock: ACCESS SHARE on public.t " in plan


@pytest.mark.parametrize("point", ["guard.locked", "guard.committed", "step.verified"])
@pytest.mark.parametrize("end", ["resume", "rollback"])
def test_refresh_killed(cluster, db, pgseam, point, end):
    db.execute(SETUP + "CREATE UNIQUE INDEX ON totals (k);")
    dump = db.dump_schema()
    db.execute("UPDATE t SET a = 0")
    pgseam.run("start", pgseam.file("m.sql", "REFRESH MATERIALIZED VIEW totals"), env={"PGSEAM_FAULT": f"{point}:kill:1"},
               expect=None)
    pgseam.run(end, "m")
    assert db.dump_schema() == dump
    if end == "resume":
        assert db.query("SELECT k, n, s FROM totals") == [(0, 20000, 0)]
