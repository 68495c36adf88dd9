"""What an online rewrite refuses before anything is made: with the reason, and a way out."""

import pytest
from harness import Cluster, Pgseam, init_orders
from harness.rewrite import WIDEN, leftovers, sql_file

PLAIN = "CREATE TABLE t (id int PRIMARY KEY, a int, b text); INSERT INTO t SELECT n, n % 500, 'b' FROM generate_series(1, 6000) n; "
CHANGE = "ALTER TABLE t ALTER a TYPE text USING a::text;"

# What there is: the change, and a word of the reason.
REFUSED = {
    "no key": ("CREATE TABLE t (id int, a int); INSERT INTO t SELECT n, n FROM generate_series(1, 6000) n", CHANGE, r"key"),
    "a key that may be NULL": ("CREATE TABLE t (id int UNIQUE, a int); INSERT INTO t SELECT n, n FROM generate_series(1, 6000) n", CHANGE, r"key"),
    "a partial key": ("CREATE TABLE t (id int NOT NULL, a int); CREATE UNIQUE INDEX ON t (id) WHERE a > 0; INSERT INTO t SELECT n, n FROM"
                      " generate_series(1, 6000) n", CHANGE, r"key"),
    "children": (PLAIN + "CREATE TABLE child () INHERITS (t)", CHANGE, r"inherit|child"),
    "a child": ("CREATE TABLE p (id int, a int); CREATE TABLE t (PRIMARY KEY (id)) INHERITS (p); INSERT INTO t SELECT n, n FROM"
                " generate_series(1, 6000) n", "ALTER TABLE t SET UNLOGGED;", r"inherit"),
    "temporary": (None, CHANGE, r"t"),
    "foreign": ("CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE t (id int, a int) SERVER s"
                " OPTIONS (filename '/dev/null')", CHANGE, r"foreign"),
    "a prepared transaction": (PLAIN + ";PREPARED", CHANGE, r"prepared"),
    "duplicates among new values": (PLAIN + "CREATE UNIQUE INDEX t_a ON t ((a * 10000 + id))", "-- pgseam: down id = id\nALTER TABLE t ALTER id"
                                    " TYPE int USING id % 1000;", r"id|unique|key"),
    "duplicates under a new key": (PLAIN + "ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE UNIQUE INDEX t_id ON t (id); ALTER TABLE t ALTER id"
                                   " SET NOT NULL, ALTER a SET NOT NULL", "ALTER TABLE t ALTER b TYPE jsonb USING to_jsonb(b); ALTER TABLE t ADD"
                                   " PRIMARY KEY (a);", r"t"),
    "a key that does not stay unique": (PLAIN, "ALTER TABLE t ALTER id TYPE int USING id / 2;", r"id|unique|key"),
    "a random expression": (PLAIN, "ALTER TABLE t ALTER a TYPE float USING a * random();", r"random|volatile|stable|immutable"),
    "a row type that is used": (PLAIN + "CREATE TABLE other (x t)", CHANGE, r"other|type"),
    "a function of its row type": (PLAIN + "CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1'", "ALTER TABLE t SET UNLOGGED;", r"f"),
    "a materialized view": (PLAIN + "CREATE MATERIALIZED VIEW m AS SELECT id, a FROM t", "ALTER TABLE t ALTER id TYPE bigint;", r"\bm\b"),
}


@pytest.mark.parametrize("capture", ["logical", "trigger"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_is_made(db, pgseam, name, capture):
    import re

    setup, change, reason = REFUSED[name]
    keep = []
    if setup is None:
        keep.append(db.connect())
        keep[0].execute("CREATE TEMPORARY TABLE t (id int PRIMARY KEY, a int)")
    else:
        db.execute(setup.replace(";PREPARED", ""))
        if "PREPARED" in setup:
            with db.connect() as conn:
                conn.execute("BEGIN; UPDATE t SET a = a + 1 WHERE id = 7; PREPARE TRANSACTION 'left'")
    there, schema = leftovers(db), db.dump_schema()
    done = pgseam.run("start", sql_file(pgseam, change, "change"), "--capture", capture, "--deadline", "5", expect=None, timeout=60)
    if done.rc == 0 and name in ("a materialized view", "a row type that is used", "a function of its row type"):
        # Carried over is as good.
        pgseam.run("complete", expect=None)
        assert {line for line in leftovers(db)} == set(there)
        return
    assert done.rc in (1, 3), done
    assert re.search(reason, done.err), done
    assert "hint:" in done.err, done
    if done.rc != 3:
        pgseam.run("rollback", expect=None)
    assert leftovers(db) == there and db.dump_schema() == schema


def test_duplicates_under_a_new_unique_constraint_are_listed(db, pgseam):
    """Beforehand, or behind the gate, where the constraint is due; never ignored."""
    db.execute(PLAIN)
    sql = "ALTER TABLE t ALTER id TYPE bigint; ALTER TABLE t ADD CONSTRAINT u UNIQUE (a);"
    done = pgseam.run("start", sql_file(pgseam, sql, "change"), expect=None)
    if done.rc == 0:
        done = pgseam.run("complete", expect=None)
    assert done.rc in (1, 3) and "(184): 12 rows" in done.err, done
    assert db.scalar("SELECT count(*) FROM t") == 6000


def test_too_little_disk_is_seen_beforehand(clusters):
    """A tablespace on a small file system, where one can be made."""
    pytest.importorskip("ctypes")
    import os
    import subprocess
    import tempfile

    folder = tempfile.mkdtemp(prefix="pgseam-small-", dir="/tmp")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False).returncode != 0:
        os.rmdir(folder)
        pytest.skip("no file system can be mounted here")
    try:
        with Cluster(15) as server, server.database() as db, Pgseam(db) as pgseam:
            if server.user:
                os.chown(folder, server.user.pw_uid, server.user.pw_gid)
            init_orders(db, 20000)
            db.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            db.execute("ALTER TABLE orders SET TABLESPACE small")
            there = leftovers(db)
            done = pgseam.run("start", sql_file(pgseam, WIDEN), expect=None)
            assert done.rc in (1, 3), done
            assert "disk" in done.err or "space" in done.err, done
            if done.rc == 1:
                pgseam.run("rollback")
            assert leftovers(db) == there
            assert db.scalar("SELECT count(*) FROM orders") == 20000
    finally:
        subprocess.run(["umount", folder], check=False)
        os.rmdir(folder)
