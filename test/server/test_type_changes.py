"""ALTER COLUMN TYPE, measured: each pair of types on each server, beside what pgseam says of it. No pair that writes rows or builds an
index anew may pass; those that are known to change catalog rows only must."""

import re

import psycopg
import pytest

TYPES = [
    "smallint", "integer", "bigint", "oid", "numeric", "numeric(10,2)", "numeric(12,2)", "numeric(12,4)", "real", "text", "varchar",
    "varchar(20)", "varchar(50)", "char(5)", "char(9)", "bit(4)", "varbit(4)", "varbit(8)", "varbit", "date", "timestamp", "timestamp(3)",
    "timestamptz", "timestamptz(3)", "time", "time(3)", "interval", "interval(3)", "interval year", "cidr", "inet", "json", "jsonb", "uuid",
    "varchar(9)[]", "varchar(20)[]", "text[]", "xml", "bytea", "boolean", "money", "name",
]
# Pairs of which users may rely that they pass.
KNOWN = {
    ("varchar(20)", "varchar(50)"), ("varchar(20)", "varchar"), ("varchar(20)", "text"), ("varchar", "text"), ("text", "varchar"),
    ("numeric(10,2)", "numeric(12,2)"), ("numeric(10,2)", "numeric"), ("timestamp(3)", "timestamp"), ("timestamptz(3)", "timestamptz"),
    ("time(3)", "time"), ("interval(3)", "interval"), ("varbit(4)", "varbit(8)"), ("varbit(4)", "varbit"), ("cidr", "inet"),
}
# No btree index.
UNINDEXED = {"json", "xml"}
FILES = "SELECT pg_relation_filenode('x'), (SELECT pg_relation_filenode(indexrelid) FROM pg_index WHERE indrelid = 'x'::regclass)"


def measured(conn, old, new):
    """Whether the table and its index keep their files; None if PostgreSQL refuses the change."""
    conn.execute("BEGIN")
    try:
        conn.execute(f"CREATE TABLE x (c {old})")
        if old not in UNINDEXED:
            conn.execute("CREATE INDEX ON x (c)")
        before = conn.execute(FILES).fetchone()
        conn.execute(f"ALTER TABLE x ALTER c TYPE {new}")
        return conn.execute(FILES).fetchone() == before
    except psycopg.Error:
        return None
    finally:
        conn.execute("ROLLBACK")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_no_rewrite_passes(any_cluster, db, pgseam, zone):
    db.execute(f"ALTER DATABASE {db.name} SET TimeZone = '{zone}'")
    # Only times look at the zone.
    types = TYPES if zone == "UTC" else [name for name in TYPES if "time" in name or name in ("date", "varchar(20)", "text")]
    pairs = [(old, new) for old in types for new in types if old != new]
    with db.connect() as conn:
        conn.execute(f"SET TimeZone = '{zone}'")
        kept = {pair: measured(conn, *pair) for pair in pairs}
    db.execute("".join(f"CREATE TABLE t{n} (c {old});" + ("" if old in UNINDEXED else f"CREATE INDEX ON t{n} (c);")
                       for n, (old, new) in enumerate(pairs) if kept[old, new] is not None))
    lines = {n: pair for n, pair in enumerate(pairs) if kept[pair] is not None}
    order = sorted(lines)
    file = pgseam.file("m.sql", "\n".join(f"ALTER TABLE t{n} ALTER c TYPE {lines[n][1]};" for n in order))
    said = pgseam.run("plan", file, expect=3).err
    refused = {lines[order[int(line) - 1]] for line in re.findall(r"m\.sql:(\d+):\d+$", said, re.MULTILINE)}
    accepted = set(lines.values()) - refused
    assert len(accepted) > 3 and len(refused) > 10
    assert {pair for pair in accepted if not kept[pair]} == set()
    assert KNOWN & set(pairs) - accepted == set()
