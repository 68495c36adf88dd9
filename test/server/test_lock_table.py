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
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE VIEW v AS SELECT id FROM other;
CREATE MATERIALIZED VIEW m AS SELECT id FROM other;
CREATE SEQUENCE s;
CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tf();
CREATE POLICY po ON t USING (true);
CREATE RULE ru AS ON DELETE TO other DO ALSO NOTHING;
CREATE STATISTICS st ON c, proven FROM t;
CREATE PUBLICATION pub FOR TABLE other;
CREATE SCHEMA elsewhere;
CREATE INDEX t_x ON t (c, b);
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
    ("CREATE TRIGGER", "ON_TABLE"): ("CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf()", "t"),
    ("CREATE POLICY", "ON_TABLE"): ("CREATE POLICY x ON t USING (true)", "t"),
    ("CREATE RULE", "ON_TABLE"): ("CREATE RULE x AS ON DELETE TO t DO INSTEAD NOTHING", "t"),
    ("CREATE STATISTICS", "ON_TABLE"): ("CREATE STATISTICS x ON b, c FROM t", "t"),
    ("CREATE PUBLICATION", "ON_TABLE"): ("CREATE PUBLICATION x FOR TABLE t", "t"),
    ("REPLACE VIEW", "ON_TABLE"): ("CREATE OR REPLACE VIEW v AS SELECT id, 1 AS x FROM other", "v"),
    ("COMMENT ON TABLE", "ON_TABLE"): ("COMMENT ON TABLE t IS 'x'", "t"),
    ("COMMENT ON VIEW", "ON_TABLE"): ("COMMENT ON VIEW v IS 'x'", "v"),
    ("COMMENT ON MATERIALIZED VIEW", "ON_TABLE"): ("COMMENT ON MATERIALIZED VIEW m IS 'x'", "m"),
    ("COMMENT ON SEQUENCE", "ON_TABLE"): ("COMMENT ON SEQUENCE s IS 'x'", "s"),
    ("COMMENT ON COLUMN", "ON_TABLE"): ("COMMENT ON COLUMN t.a IS 'x'", "t"),
    ("COMMENT ON INDEX", "ON_TABLE"): ("COMMENT ON INDEX t_x IS 'x'", "t_x"),
    ("COMMENT ON CONSTRAINT", "ON_TABLE"): ("COMMENT ON CONSTRAINT proof ON t IS 'x'", "t"),
    ("COMMENT ON TRIGGER", "ON_TABLE"): ("COMMENT ON TRIGGER tr ON t IS 'x'", "t"),
    ("COMMENT ON POLICY", "ON_TABLE"): ("COMMENT ON POLICY po ON t IS 'x'", "t"),
    ("COMMENT ON RULE", "ON_TABLE"): ("COMMENT ON RULE ru ON other IS 'x'", "other"),
    ("GRANT ON TABLE", "ON_TABLE"): ("GRANT SELECT ON t TO PUBLIC", "t"),
    ("GRANT ON SEQUENCE", "ON_TABLE"): ("GRANT USAGE ON SEQUENCE s TO PUBLIC", "s"),
    ("ALTER VIEW", "ON_TABLE"): ("ALTER VIEW v SET (security_barrier = true)", "v"),
    ("ALTER SEQUENCE", "ON_TABLE"): ("ALTER SEQUENCE s CACHE 5", "s"),
    ("ALTER MATERIALIZED VIEW", "ON_TABLE"): ("ALTER MATERIALIZED VIEW m SET (fillfactor = 90)", "m"),
    ("ALTER INDEX", "ON_TABLE"): ("ALTER INDEX t_x SET (fillfactor = 90)", "t_x"),
    ("ALTER POLICY", "ON_TABLE"): ("ALTER POLICY po ON t USING (false)", "t"),
    ("ALTER PUBLICATION", "ON_TABLE"): ("ALTER PUBLICATION pub ADD TABLE t", "t"),
    ("DROP TABLE", "ON_TABLE"): ("DROP TABLE t CASCADE", "t"),
    ("DROP TABLE", "ON_REFERENCED"): ("DROP TABLE t CASCADE", "other"),
    ("DROP VIEW", "ON_TABLE"): ("DROP VIEW v", "v"),
    ("DROP MATERIALIZED VIEW", "ON_TABLE"): ("DROP MATERIALIZED VIEW m", "m"),
    ("DROP SEQUENCE", "ON_TABLE"): ("DROP SEQUENCE s", "s"),
    ("DROP TRIGGER", "ON_TABLE"): ("DROP TRIGGER tr ON t", "t"),
    ("DROP POLICY", "ON_TABLE"): ("DROP POLICY po ON t", "t"),
    ("DROP RULE", "ON_TABLE"): ("DROP RULE ru ON other", "other"),
    ("DROP STATISTICS", "ON_TABLE"): ("DROP STATISTICS st", "t"),
    ("RENAME TABLE", "ON_TABLE"): ("ALTER TABLE t RENAME TO x", "t"),
    ("RENAME COLUMN", "ON_TABLE"): ("ALTER TABLE t RENAME COLUMN a TO x", "t"),
    ("RENAME CONSTRAINT", "ON_TABLE"): ("ALTER TABLE t RENAME CONSTRAINT proof TO x", "t"),
    ("RENAME VIEW", "ON_TABLE"): ("ALTER VIEW v RENAME TO x", "v"),
    ("RENAME MATERIALIZED VIEW", "ON_TABLE"): ("ALTER MATERIALIZED VIEW m RENAME TO x", "m"),
    ("RENAME SEQUENCE", "ON_TABLE"): ("ALTER SEQUENCE s RENAME TO x", "s"),
    ("RENAME TRIGGER", "ON_TABLE"): ("ALTER TRIGGER tr ON t RENAME TO x", "t"),
    ("RENAME POLICY", "ON_TABLE"): ("ALTER POLICY po ON t RENAME TO x", "t"),
    ("RENAME RULE", "ON_TABLE"): ("ALTER RULE ru ON other RENAME TO x", "other"),
    ("RENAME INDEX", "ON_TABLE"): ("ALTER INDEX t_x RENAME TO x", "t_x"),
    ("SET SCHEMA TABLE", "ON_TABLE"): ("ALTER TABLE t SET SCHEMA elsewhere", "t"),
    ("SET SCHEMA VIEW", "ON_TABLE"): ("ALTER VIEW v SET SCHEMA elsewhere", "v"),
    ("SET SCHEMA MATERIALIZED VIEW", "ON_TABLE"): ("ALTER MATERIALIZED VIEW m SET SCHEMA elsewhere", "m"),
    ("SET SCHEMA SEQUENCE", "ON_TABLE"): ("ALTER SEQUENCE s SET SCHEMA elsewhere", "s"),
    ("OWNER VIEW", "ON_TABLE"): ("ALTER VIEW v OWNER TO pg_monitor", "v"),
    ("OWNER MATERIALIZED VIEW", "ON_TABLE"): ("ALTER MATERIALIZED VIEW m OWNER TO pg_monitor", "m"),
    ("OWNER SEQUENCE", "ON_TABLE"): ("ALTER SEQUENCE s OWNER TO pg_monitor", "s"),
    ("TRUNCATE", "ON_TABLE"): ("TRUNCATE t", "t"),
    ("ANALYZE", "ON_TABLE"): ("ANALYZE t", "t"),
    ("UPDATE", "ON_TABLE"): ("UPDATE t SET a = 2 WHERE b = 1", "t"),
    ("UPDATE", "ON_REFERENCED"): ("UPDATE t SET other_id = 11 - other_id", "other"),
    ("INSERT", "ON_TABLE"): ("INSERT INTO t (id, b, proven, other_id) VALUES (-1, 1, 1, 1)", "t"),
    ("INSERT", "ON_REFERENCED"): ("INSERT INTO t (id, b, proven, other_id) VALUES (-1, 1, 1, 1)", "other"),
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
        # What is dropped or emptied has no rows that were written anew; a sequence never has.
        after, scans, rows = conn.execute(
            "SELECT pg_relation_filenode(%s::oid), pg_stat_get_xact_numscans(%s), coalesce(pg_relation_size(%s), 0) > 0 AND NOT"
            " EXISTS (SELECT FROM pg_sequence WHERE seqrelid = %s)", [oid, oid, oid, oid]).fetchone()
        built = indexes(conn, relation) - made if before else set()
        conn.rollback()
    return {
        "mode": strongest(mode for (mode,) in modes), "rewritten": rows and before != after if before else None,
        "scans": scans > 0 and rows is not False, "built": bool(built),
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
        if row["statement"] == "ANALYZE":
            measured["rewritten"] = None  # its scan is in no statistics
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
