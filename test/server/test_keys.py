"""A backfill walks a table by its key: any type, any name, any operator's place. A row that the walk misses is lost silently, so each
row is counted."""

import pytest

ROWS = 3000

# What the key is, and its values from i = 1 .. ROWS, in an order that is not that of the heap.
KEYS = {
    "a column named like one of our own": ("n bigint PRIMARY KEY", "7 * i % 10007"),
    "k0": ("k0 text PRIMARY KEY", "(7 * i % 10007)::text"),
    "c0": ("c0 int PRIMARY KEY", "7 * i % 10007"),
    "quoted, with a comma": ('"a, b" int PRIMARY KEY', "7 * i % 10007"),
    "uuid": ("id uuid PRIMARY KEY", "md5(i::text)::uuid"),
    "text in the C collation": ('id text COLLATE "C" PRIMARY KEY', "chr(65 + i % 57) || i"),
    "text in the database's collation": ("id text PRIMARY KEY", "chr(65 + i % 57) || i"),
    "char(n)": ("id char(12) PRIMARY KEY", "i::text"),
    "numeric": ("id numeric PRIMARY KEY", "i * 1.10"),
    "double precision": ("id double precision PRIMARY KEY", "i / 3.0"),
    "timestamptz": ("id timestamptz PRIMARY KEY", "timestamptz '2024-10-27 00:00+00' + i * interval '1 minute'"),
    "date in two columns": ("a date, b int, PRIMARY KEY (a, b)", "date '2024-01-01' + i % 30, i"),
    "three columns of different types": ("a text, b uuid, c int, PRIMARY KEY (a, b, c)", "(i % 7)::text, md5((i % 50)::text)::uuid, i"),
    "bytea": ("id bytea PRIMARY KEY", "decode(md5(i::text), 'hex')"),
    "an enum and a number": ("a colour, b int, PRIMARY KEY (a, b)", "(ARRAY['red', 'green', 'blue'])[1 + i % 3]::colour, i"),
    "a domain that forbids NULL": ("id strict_id PRIMARY KEY", "i"),
    "a domain on a domain": ("id nested_id PRIMARY KEY", "i"),
    "an array": ("id int[] PRIMARY KEY", "ARRAY[i % 7, i]"),
    "inet": ("id inet PRIMARY KEY", "inet '10.0.0.0' + i"),
    "a unique index in place of a primary key": ("a int NOT NULL, b int NOT NULL, UNIQUE (b, a)", "i, i % 13"),
    "a type whose operators are not on the search_path": ("id ext.citext PRIMARY KEY", "chr(65 + i % 57) || i"),
}


@pytest.fixture
def types(db):
    db.execute("""CREATE TYPE colour AS ENUM ('green', 'red', 'blue');
        CREATE DOMAIN strict_id AS bigint NOT NULL CHECK (VALUE > 0);
        CREATE DOMAIN nested_id AS strict_id CHECK (VALUE < 1000000);
        CREATE SCHEMA ext""")
    return db


@pytest.mark.parametrize("key", KEYS)
def test_each_row_is_met_exactly_once(types, pgseam, key):
    definition, values = KEYS[key]
    if "ext." in definition:
        if not types.query("SELECT FROM pg_available_extensions WHERE name = 'citext'"):
            pytest.skip("citext is not installed")
        types.execute("CREATE EXTENSION citext SCHEMA ext")
    types.execute(f"CREATE TABLE t ({definition}, done int NOT NULL DEFAULT 0)")
    types.execute(f"INSERT INTO t SELECT {values}, 0 FROM generate_series(1, {ROWS}) AS i")

    # Small batches, and a kill in the middle: the cursor goes through the journal as text.
    file = pgseam.file("1.sql", "UPDATE t SET done = done + 1;")
    pgseam.run("start", file, "--max-batch", "300", env={"PGSEAM_FAULT": "batch.cursor:kill:4"}, expect=None)
    pgseam.run("resume", "--max-batch", "300")

    assert types.query("SELECT done, count(*) FROM t GROUP BY done") == [(1, ROWS)]


def test_without_a_usable_key_it_is_refused(db, pgseam):
    db.execute("CREATE TABLE t (a int, b int UNIQUE, c int NOT NULL); CREATE UNIQUE INDEX ON t (c) WHERE b > 0;"
               f" INSERT INTO t SELECT i, i, i FROM generate_series(1, {ROWS}) i")
    refused = pgseam.run("start", pgseam.file("1.sql", "UPDATE t SET a = 1;"), expect=3)
    assert "key" in refused.err


def test_a_policy_that_would_hide_rows_is_not_passed_over(cluster, db, pgseam):
    db.execute("""CREATE ROLE shy LOGIN; GRANT CREATE ON DATABASE {0} TO shy; GRANT ALL ON SCHEMA public TO shy; SET ROLE shy;
        CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 10) i;
        ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
        CREATE POLICY half ON t USING (id > 5); RESET ROLE""".format(db.name))
    try:
        refused = pgseam.run("start", pgseam.file("1.sql", "UPDATE t SET v = 1;"), role="shy", expect=3)
        assert "row-level security" in refused.err
    finally:
        db.execute("DROP OWNED BY shy; DROP ROLE shy")


def test_a_rule_makes_an_update_something_else_and_is_refused(db, pgseam):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v int); CREATE RULE r AS ON UPDATE TO t DO INSTEAD NOTHING")
    assert "rule" in pgseam.run("start", pgseam.file("1.sql", "UPDATE t SET v = 1;"), expect=3).err
