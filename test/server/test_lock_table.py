"""The lock table of src/rules/effects.c, measured: each row on each server, beside what pg_locks and the table's file say."""

import re
import threading
import time
from pathlib import Path

import psycopg
import pytest

EFFECTS = Path(__file__).resolve().parents[2] / "src/rules/effects.c"
ROW = re.compile(
    r'\{\s*"(?P<statement>[^"]+)",\s*(?P<on>ON_\w+),\s*LOCK_(?P<mode>\w+),\s*HOLD_(?P<hold>\w+),'
    r"\s*(?P<since>\d+),\s*(?P<until>\d+),"
)

# As pg_locks spells them, from weak to strong.
MODES = [
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock",
    "ExclusiveLock", "AccessExclusiveLock",
]

SETUP = """
CREATE TABLE other (id bigint PRIMARY KEY);
CREATE TABLE t (id bigint PRIMARY KEY, a int DEFAULT 1, b int NOT NULL DEFAULT 1, c int, proven int,
                other_id bigint REFERENCES other, CONSTRAINT proof CHECK (proven IS NOT NULL));
ALTER TABLE t ADD CONSTRAINT unproven CHECK (c > 0) NOT VALID;
CREATE INDEX t_a ON t (a);
CREATE UNIQUE INDEX t_unique ON t (id, c);
CREATE TABLE keyless (id bigint NOT NULL);
INSERT INTO keyless SELECT g FROM generate_series(1, 1000) g;
ALTER TABLE t ADD CONSTRAINT unproven_fk FOREIGN KEY (b) REFERENCES other NOT VALID;
CREATE MATERIALIZED VIEW mv AS SELECT g AS id FROM generate_series(1, 1000) g;
CREATE UNIQUE INDEX ON mv (id);
CREATE TABLE p (id bigint NOT NULL, other_id bigint REFERENCES other) PARTITION BY RANGE (id);
CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (1000);
CREATE TABLE p_next (id bigint NOT NULL, other_id bigint);
CREATE TABLE q (id bigint NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE q_low PARTITION OF q FOR VALUES FROM (0) TO (1000);
CREATE INDEX q_id ON ONLY q (id);
CREATE INDEX q_low_id ON q_low (id);
INSERT INTO other SELECT g FROM generate_series(1, 10) g;
INSERT INTO t SELECT g, 1, 1, 1, 1, g % 10 + 1 FROM generate_series(1, 1000) g;
"""

# (statement, on) of a row -> (SQL, relation to look at). None: CONCURRENTLY, measured from outside.
SQL = {
    ("CREATE TABLE", "ON_TABLE"): ("CREATE TABLE fresh (id bigint PRIMARY KEY)", "fresh"),
    ("ADD COLUMN", "ON_TABLE"): ("ALTER TABLE t ADD COLUMN x int DEFAULT 5 NOT NULL", "t"),
    ("DROP COLUMN", "ON_TABLE"): ("ALTER TABLE t DROP COLUMN a", "t"),
    ("DROP COLUMN", "ON_REFERENCED"): ("ALTER TABLE t DROP COLUMN other_id", "other"),
    ("SET DEFAULT", "ON_TABLE"): ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 2", "t"),
    ("DROP DEFAULT", "ON_TABLE"): ("ALTER TABLE t ALTER COLUMN a DROP DEFAULT", "t"),
    ("DROP NOT NULL", "ON_TABLE"): ("ALTER TABLE t ALTER COLUMN b DROP NOT NULL", "t"),
    ("SET NOT NULL", "ON_TABLE"): ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "t"),
    ("SET NOT NULL, proven", "ON_TABLE"): ("ALTER TABLE t ALTER COLUMN proven SET NOT NULL", "t"),
    ("ADD CHECK NOT VALID", "ON_TABLE"): ("ALTER TABLE t ADD CONSTRAINT k CHECK (a IS NOT NULL) NOT VALID", "t"),
    ("ADD CHECK", "ON_TABLE"): ("ALTER TABLE t ADD CONSTRAINT k CHECK (a IS NOT NULL)", "t"),
    ("ADD FOREIGN KEY", "ON_TABLE"): ("ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other", "t"),
    ("ADD FOREIGN KEY", "ON_REFERENCED"): ("ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other", "other"),
    ("ADD FOREIGN KEY NOT VALID", "ON_TABLE"): ("ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other NOT VALID", "t"),
    ("ADD FOREIGN KEY NOT VALID", "ON_REFERENCED"): ("ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other NOT VALID", "other"),
    ("VALIDATE FOREIGN KEY", "ON_TABLE"): ("ALTER TABLE t VALIDATE CONSTRAINT unproven_fk", "t"),
    ("VALIDATE FOREIGN KEY", "ON_REFERENCED"): ("ALTER TABLE t VALIDATE CONSTRAINT unproven_fk", "other"),
    ("ADD UNIQUE", "ON_TABLE"): ("ALTER TABLE t ADD CONSTRAINT k UNIQUE (id, a)", "t"),
    ("ADD PRIMARY KEY", "ON_TABLE"): ("ALTER TABLE keyless ADD PRIMARY KEY (id)", "keyless"),
    ("ADD UNIQUE USING INDEX", "ON_TABLE"): ("ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX t_unique", "t"),
    ("DROP CONSTRAINT", "ON_TABLE"): ("ALTER TABLE t DROP CONSTRAINT proof", "t"),
    ("DROP FOREIGN KEY", "ON_TABLE"): ("ALTER TABLE t DROP CONSTRAINT t_other_id_fkey", "t"),
    ("DROP FOREIGN KEY", "ON_REFERENCED"): ("ALTER TABLE t DROP CONSTRAINT t_other_id_fkey", "other"),
    ("ADD COLUMN, rewriting", "ON_TABLE"): ("ALTER TABLE t ADD COLUMN x uuid DEFAULT gen_random_uuid()", "t"),
    ("ALTER COLUMN TYPE", "ON_TABLE"): ("ALTER TABLE t ALTER COLUMN c TYPE bigint", "t"),
    ("VALIDATE CONSTRAINT", "ON_TABLE"): ("ALTER TABLE t VALIDATE CONSTRAINT unproven", "t"),
    ("CREATE INDEX", "ON_TABLE"): ("CREATE INDEX ON t (a, b)", "t"),
    ("DROP INDEX", "ON_TABLE"): ("DROP INDEX t_a", "t"),
    ("CREATE INDEX ON ONLY", "ON_TABLE"): ("CREATE INDEX p_id ON ONLY p (id)", "p"),
    ("ALTER INDEX ATTACH PARTITION", "ON_TABLE"): ("ALTER INDEX q_id ATTACH PARTITION q_low_id", "q"),
    **{("ATTACH PARTITION", on): ("ALTER TABLE p ATTACH PARTITION p_next FOR VALUES FROM (1000) TO (2000)", relation)
       for on, relation in (("ON_TABLE", "p"), ("ON_PARTITION", "p_next"), ("ON_REFERENCED", "other"))},
    **{("DETACH PARTITION", on): ("ALTER TABLE p DETACH PARTITION p_low", relation)
       for on, relation in (("ON_TABLE", "p"), ("ON_PARTITION", "p_low"), ("ON_REFERENCED", "other"))},
    **{("PARTITION OF", on): ("CREATE TABLE p_new PARTITION OF p FOR VALUES FROM (2000) TO (3000)", relation)
       for on, relation in (("ON_TABLE", "p"), ("ON_REFERENCED", "other"))},
    ("REINDEX INDEX", "ON_TABLE"): ("REINDEX INDEX t_pkey", "t"),
    ("REFRESH MATERIALIZED VIEW", "ON_TABLE"): ("REFRESH MATERIALIZED VIEW mv", "mv"),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY", "ON_TABLE"): ("REFRESH MATERIALIZED VIEW CONCURRENTLY mv", "mv"),
    ("REINDEX INDEX CONCURRENTLY", "ON_TABLE"): None,
    ("UPDATE", "ON_TABLE"): ("UPDATE t SET a = 2 WHERE b = 1", "t"),
    ("DELETE", "ON_TABLE"): ("DELETE FROM t WHERE b = 1", "t"),
    ("CREATE INDEX CONCURRENTLY", "ON_TABLE"): None,
    ("DROP INDEX CONCURRENTLY", "ON_TABLE"): None,
}
CONCURRENTLY = {
    "CREATE INDEX CONCURRENTLY": "CREATE INDEX CONCURRENTLY t_b ON t (b)",
    "REINDEX INDEX CONCURRENTLY": "REINDEX INDEX CONCURRENTLY t_pkey",
    "DROP INDEX CONCURRENTLY": "DROP INDEX CONCURRENTLY t_a",
}


def rows_of(text):
    """The rows of the table, with the mode spelled as in pg_locks."""
    rows = []
    for match in ROW.finditer(text):
        row = match.groupdict()
        row["mode"] = "".join(word.capitalize() for word in row["mode"].split("_")) + "Lock"
        assert row["mode"] in MODES
        rows.append({**row, "since": int(row["since"]), "until": int(row["until"])})
    return rows


def holds_on(row, major):
    return (row["since"] == 0 or major >= row["since"]) and (row["until"] == 0 or major <= row["until"])


def strongest(modes):
    return max(modes, key=MODES.index, default=None)


def hold_of(measured):
    """What was seen under the lock, in the words of the table."""
    if measured["rewritten"]:
        return "REWRITE"
    if measured["built"]:
        return "BUILD"
    return "SCAN" if measured["scans"] else "INSTANT"


def difference(row, measured):
    """What is wrong with a row; None if it says what was measured."""
    name = f"{row['statement']} {row['on']}"
    if measured["mode"] != row["mode"]:
        return f"{name}: the table says {row['mode']}, measured {measured['mode']}"
    # Nothing but the lock is measured of what was made just now, and of CONCURRENTLY.
    if measured["rewritten"] is not None and row["on"] == "ON_TABLE" and hold_of(measured) != row["hold"]:
        return f"{name}: the table says {row['hold']}, measured {hold_of(measured)}"
    return None


def indexes(conn, relation):
    return {oid for (oid,) in conn.execute("SELECT indexrelid FROM pg_index WHERE indrelid = to_regclass(%s)", [relation])}


def measure(db, statement, relation):
    """Runs it in a transaction that is rolled back; sees locks, scans, new indexes and whether the file is another one."""
    with db.connect(autocommit=False) as conn:
        conn.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        oid = conn.execute("SELECT to_regclass(%s)::oid", [relation]).fetchone()[0]
        before = conn.execute("SELECT pg_relation_filenode(%s::oid)", [oid]).fetchone()[0] if oid else None
        made = indexes(conn, relation)
        conn.execute(statement)
        oid = oid or conn.execute("SELECT to_regclass(%s)::oid", [relation]).fetchone()[0]
        modes = conn.execute(
            "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = %s AND granted",
            [oid],
        ).fetchall()
        after, scans = conn.execute("SELECT pg_relation_filenode(%s::oid), pg_stat_get_xact_numscans(%s)", [oid, oid]).fetchone()
        built = indexes(conn, relation) - made if before else set()
        conn.rollback()
    return {
        "mode": strongest(mode for (mode,) in modes), "rewritten": before != after if before else None,
        "scans": scans > 0, "built": bool(built),
    }


def measure_concurrently(db, statement):
    """A writer keeps the statement waiting; a third session reads the locks meanwhile."""
    seen = set()
    watch = db.connect()
    writer = db.connect(autocommit=False)
    worker = db.connect()
    try:
        writer.execute("UPDATE t SET a = a WHERE id = 1")
        pid = worker.info.backend_pid
        thread = threading.Thread(target=worker.execute, args=[statement])
        thread.start()
        sees_it_wait(watch, pid, seen)
        writer.rollback()
        while thread.is_alive():
            seen |= modes_of(watch, pid)
        thread.join()
    finally:
        for conn in (writer, worker, watch):
            conn.close()
    return {"mode": strongest(seen), "rewritten": None}


def modes_of(watch, pid):
    return {
        mode for (mode,) in watch.execute(
            "SELECT mode FROM pg_locks WHERE pid = %s AND locktype = 'relation' AND relation = 't'::regclass", [pid])
    }


def sees_it_wait(watch, pid, seen, timeout=30):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        waits = watch.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [pid]).fetchone()
        seen |= modes_of(watch, pid)
        if waits:
            return
        time.sleep(0.01)
    raise AssertionError("the statement did not wait for the writer")


def findings(db, major, rows):
    db.execute(SETUP)
    found = []
    for row in rows:
        if not holds_on(row, major):
            continue
        case = SQL[row["statement"], row["on"]]
        measured = measure(db, *case) if case else measure_concurrently(db, CONCURRENTLY[row["statement"]])
        found.append(difference(row, measured))
    return [finding for finding in found if finding]


def test_each_row_has_its_measurement():
    rows = rows_of(EFFECTS.read_text())
    assert rows, "no row found: has the table another shape?"
    assert EFFECTS.read_text().count("\", ON_") == len(rows), "a row is not understood"
    assert {(row["statement"], row["on"]) for row in rows} == set(SQL)


def test_rows_are_what_the_server_does(any_cluster, db):
    assert findings(db, any_cluster.major, rows_of(EFFECTS.read_text())) == []


@pytest.mark.parametrize("statement, on, change", [
    ("ADD COLUMN", "ON_TABLE", {"mode": "ShareLock"}),
    ("DROP COLUMN", "ON_REFERENCED", {"mode": "ShareRowExclusiveLock"}),
    ("SET NOT NULL", "ON_TABLE", {"hold": "INSTANT"}),
    ("SET NOT NULL, proven", "ON_TABLE", {"hold": "SCAN"}),
    ("VALIDATE CONSTRAINT", "ON_TABLE", {"mode": "AccessExclusiveLock"}),
    ("CREATE INDEX", "ON_TABLE", {"hold": "REWRITE"}),
    ("CREATE INDEX CONCURRENTLY", "ON_TABLE", {"mode": "ShareLock"}),
    ("DROP INDEX CONCURRENTLY", "ON_TABLE", {"mode": "AccessExclusiveLock"}),
    ("UPDATE", "ON_TABLE", {"mode": "RowShareLock"}),
])
def test_a_wrong_row_is_found(db, statement, on, change):
    row = next(row for row in rows_of(EFFECTS.read_text()) if (row["statement"], row["on"]) == (statement, on))
    assert len(findings(db, 15, [{**row, **change}])) == 1


def test_a_rewrite_would_be_seen(db):
    db.execute(SETUP)
    assert hold_of(measure(db, "ALTER TABLE t ALTER COLUMN a TYPE bigint", "t")) == "REWRITE"
    with pytest.raises(psycopg.Error):
        measure(db, "ALTER TABLE t ADD x int NOT NULL", "t")


def test_versions_of_a_row_are_heeded():
    row = rows_of('{"X", ON_TABLE, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_SCAN, 15, 16, "why"}')[0]
    assert row["mode"] == "ShareRowExclusiveLock"
    assert [major for major in range(13, 19) if holds_on(row, major)] == [15, 16]
