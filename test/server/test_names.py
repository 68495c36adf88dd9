"""Names, keys, schemas, search paths and roles as odd as PostgreSQL allows."""

import re

import pytest
from harness import Pgseam
from harness.database import quote_identifier as name

# 63 bytes, the most PostgreSQL keeps; the second two differ in their last byte alone.
LONG = "a" * 63
TWINS = ["b" * 62 + "1", "b" * 62 + "2"]

ODD = {
    "63 bytes": LONG,
    "63 bytes of two-byte letters and one": "ä" * 31 + "x",
    "mixed case": "MixedCase",
    "spaces": " a  b ",
    "double quotes": 'say "hello"',
    "single quotes": "it's",
    "backslash": "back\\slash",
    "percent and dollar": "100%s $1 :x {}",
    "dots": "public.users",
    "non-ASCII": "größe_桁_🐘",
    "reserved word": "select",
    "comment": "a--b /* c */; d",
    "new line": "two\nlines",
    "digits first": "1st",
}


def run(pgseam, text, **keywords):
    """Starts and completes the SQL as one migration."""
    file = pgseam.file("m.sql", text)
    pgseam.run("start", file, **keywords)
    migration = pgseam.run("status", "m", "--format", "json", **keywords).json()["migrations"][0]
    if migration["state"] != "complete":
        pgseam.run("complete", "m", **keywords)
    return migration


def compare(cluster, db, pgseam, before, text, table):
    """The SQL through pgseam ends in the same as through psycopg on a twin."""
    db.execute(before)
    started = pgseam.run("start", pgseam.file("m.sql", text), "--max-batch", "50")
    # One batch would walk nothing.
    batches = re.findall(r"in (\d+) batches", started.err)
    assert batches and all(int(number) >= 6 for number in batches)
    pgseam.run("complete", "m")
    with cluster.database() as twin:
        twin.execute(before)
        twin.execute(text)
        assert db.dump_schema() == twin.dump_schema()
        assert db.data_digest(table) == twin.data_digest(table)
        assert int(db.data_digest(table).split(":")[0]) > 100


def compare_rollback(db, pgseam, before, text):
    """A rollback at the gate gives the schema back."""
    db.execute(before)
    schema = db.dump_schema()
    pgseam.run("start", pgseam.file("m.sql", text))
    assert db.dump_schema() != schema
    pgseam.run("rollback", "m")
    assert db.dump_schema() == schema


def full_migration(table, column="c", old="old"):
    """Each kind of step on the table; SQL."""
    return f"""
        ALTER TABLE {table} ADD COLUMN {column} int;
        UPDATE {table} SET {column} = 18 WHERE {column} IS NULL;
        UPDATE {table} SET n = n + 1;
        ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT 3;
        CREATE INDEX ON {table} ({column});
        ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;
        ALTER TABLE {table} DROP COLUMN {old};
    """


# ---- names


@pytest.mark.parametrize("what", ODD)
def test_odd_names_of_everything(cluster, db, pgseam, what):
    odd = name(ODD[what])
    # Schema, table, key column, new column, old column and index all have it, as far as they may.
    key, old = name("k" + ODD[what][:30]), name("o" + ODD[what][:30])
    table = f"{odd}.{odd}"
    before = (
        f"CREATE SCHEMA {odd}; CREATE TABLE {table} ({key} bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, {old} text);"
        f" INSERT INTO {table} ({key}) SELECT generate_series(1, 300)"
    )
    compare(cluster, db, pgseam, before, full_migration(table, odd, old), table)
    with cluster.database() as other, Pgseam(other) as tool:
        compare_rollback(other, tool, before, full_migration(table, odd, old))


@pytest.mark.parametrize("what", ["63 bytes", "double quotes", "single quotes", "non-ASCII", "percent and dollar"])
def test_odd_names_of_everything_on_every_major(any_cluster, db, pgseam, what):
    odd = name(ODD[what])
    db.execute(f"CREATE TABLE {odd} (id int PRIMARY KEY, n int DEFAULT 0, old int);"
               f" INSERT INTO {odd} (id) SELECT generate_series(1, 300)")
    run(pgseam, full_migration(odd, odd))
    assert db.query(f"SELECT DISTINCT n, {odd} FROM {odd}") == [(1, 18)]


def test_long_names_that_differ_only_at_the_end_do_not_collide(cluster, db, pgseam):
    # Two helper constraints, two automatic index names, two tables of one file.
    first, second = TWINS
    before = "; ".join(
        f"CREATE TABLE {table} (id int PRIMARY KEY, n int DEFAULT 0, old int, {first} int, {second} int);"
        f" INSERT INTO {table} (id) SELECT generate_series(1, 300)" for table in TWINS
    )
    text = "".join(
        f"UPDATE {table} SET {column} = id WHERE {column} IS NULL; CREATE INDEX ON {table} ({column});"
        f" ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;" for table in TWINS for column in TWINS
    )
    compare(cluster, db, pgseam, before, text, first)


def test_long_names_of_migrations_that_differ_only_at_the_end(db, pgseam):
    # The name is the file's stem; application_name is cut at 63 bytes, so it cannot tell them apart.
    db.execute("CREATE TABLE t1 (id int PRIMARY KEY, old int); CREATE TABLE t2 (id int PRIMARY KEY, old int)")
    names = ["m" * 100 + "1", "m" * 100 + "2"]
    for number, stem in enumerate(names, 1):
        pgseam.run("start", pgseam.file(f"{stem}.sql", f"ALTER TABLE t{number} DROP COLUMN old;"))
    found = {m["name"]: m["state"] for m in pgseam.run("status", "--format", "json").json()["migrations"]}
    assert found == {names[0]: "gated", names[1]: "gated"}
    pgseam.run("complete", names[0])
    assert db.scalar("SELECT count(*) FROM pg_attribute WHERE attrelid = 't2'::regclass AND attname = 'old'") == 1


@pytest.mark.parametrize("stem", ["with space", "größe", "it's", 'say "x"', "a.b.c", "-dash", "percent%s", "semi;colon"])
def test_odd_names_of_migrations(db, pgseam, stem):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, old int)")
    pgseam.run("start", pgseam.file(f"{stem}.sql", "ALTER TABLE t DROP COLUMN old;"))
    assert [m["name"] for m in pgseam.run("status", "--format", "json").json()["migrations"]] == [stem]
    assert stem in pgseam.run("status").out
    pgseam.run("complete", "--", stem)
    assert pgseam.run("status", "--format", "json").json()["migrations"][0]["state"] == "complete"


@pytest.mark.parametrize("database", ["Mixed", "with space", "it's=odd", 'say "x"', "größe", "postgresql://x", "a=b"])
def test_odd_names_of_databases(cluster, database):
    with cluster.database(database) as db, Pgseam(db) as pgseam:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, old int);"
                   " INSERT INTO t (id) SELECT generate_series(1, 300)")
        run(pgseam, full_migration("t"))
        assert db.query("SELECT DISTINCT n, c FROM t") == [(1, 18)]


def test_name_longer_than_63_bytes_means_what_postgresql_makes_of_it(cluster, db, pgseam):
    # The server truncates it, also in the middle of the file that uses it again.
    long = "x" * 80
    before = "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, old int); INSERT INTO t (id) SELECT generate_series(1, 300)"
    compare(cluster, db, pgseam, before, full_migration("t", long), "t")


def test_helper_constraint_does_not_take_a_name_that_is_there(db, pgseam):
    # The name we would take is one that the user has, so another is taken or the plan says so.
    db.execute("CREATE TABLE users (id int PRIMARY KEY, age int,"
               " CONSTRAINT pgseam_not_null_users_age CHECK (age < 200)); INSERT INTO users VALUES (1, 1)")
    result = pgseam.run("start", pgseam.file("m.sql", "ALTER TABLE users ALTER COLUMN age SET NOT NULL;"), expect=None)
    if result.rc == 0:
        pgseam.run("complete")
        assert db.scalar("SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'age'")
    else:
        assert result.rc == 3 and "pgseam_not_null_users_age" in result.err
    assert db.scalar("SELECT count(*) FROM pg_constraint WHERE conname = 'pgseam_not_null_users_age'") == 1


# ---- keys

KEYS = {
    "composite": ("a int, b text, PRIMARY KEY (a, b)", "SELECT i % 7, 'k' || i"),
    "composite, mixed and quoted": ('"A b" text, "C" timestamptz, PRIMARY KEY ("C", "A b")',
                                    "SELECT 'k' || i % 5, timestamptz '2024-03-31 00:00+00' + i * interval '7 minutes'"),
    "uuid": ("id uuid PRIMARY KEY", "SELECT md5(i::text)::uuid"),
    "text": ("id text PRIMARY KEY", "SELECT (ARRAY['ä', 'Z', 'z', '', '''', '\"', '\\', '-', '{', ','])[i % 10 + 1] || i"),
    "text of another collation": ('id text COLLATE "C" PRIMARY KEY', "SELECT chr(65 + i % 60) || i"),
    "timestamptz": ("id timestamptz PRIMARY KEY", "SELECT timestamptz '2024-03-31 01:00+00' + i * interval '1.000001 s'"),
    "timestamp with infinity": ("id timestamp PRIMARY KEY",
                                "SELECT CASE i WHEN 1 THEN '-infinity' WHEN 2 THEN 'infinity' ELSE timestamp '2024-01-01'"
                                " + i * interval '1 day' END"),
    "numeric with NaN": ("id numeric PRIMARY KEY", "SELECT CASE i WHEN 1 THEN 'NaN' ELSE i / 3.0 - 50 END"),
    "float8": ("id float8 PRIMARY KEY", "SELECT CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE i / 7.0::float8 END"),
    "negative smallint": ("id smallint PRIMARY KEY", "SELECT i - 150"),
    "bytea": ("id bytea PRIMARY KEY", "SELECT decode(md5(i::text), 'hex')"),
    "varchar": ("id varchar(20) PRIMARY KEY", "SELECT 'v' || i"),
    "char with padding": ("id char(8) PRIMARY KEY", "SELECT 'c' || i"),
    "date and inet": ("d date, i inet, PRIMARY KEY (i, d)", "SELECT date '2024-01-01' + i % 3, ('10.0.0.' || i / 3 || '/24')::inet"),
    "enum": ("e mood, id int, PRIMARY KEY (e, id)", "SELECT (ARRAY['sad', 'ok', 'happy'])[i % 3 + 1]::mood, i"),
    "domain": ("id positive PRIMARY KEY", "SELECT i"),
    "array": ("id int[] PRIMARY KEY", "SELECT ARRAY[i % 3, i]"),
    "included column": ("id int, extra int, PRIMARY KEY (id) INCLUDE (extra)", "SELECT i, i"),
    "unique and not null": ("id int NOT NULL UNIQUE", "SELECT i"),
    "column called like the statement's words": ('"where" int, "set" int, PRIMARY KEY ("where", "set")', "SELECT i % 5, i"),
    "boolean first": ("b boolean, id int, PRIMARY KEY (b, id)", "SELECT i % 2 = 0, i"),
    "identity": ("id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", None),
    "descending unique index": ("id int NOT NULL", "SELECT i"),
}


@pytest.mark.parametrize("what", KEYS)
def test_keys_of_all_kinds_are_walked_in_batches(cluster, db, pgseam, what):
    columns, rows = KEYS[what]
    fill = f"INSERT INTO t SELECT q.* FROM generate_series(1, 300) i, LATERAL ({rows}) q" if rows else \
        "INSERT INTO t (n) SELECT 0 FROM generate_series(1, 300)"
    before = (
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
        f" CREATE TABLE t ({columns}, n int NOT NULL DEFAULT 0, old int); {fill};"
    )
    if what == "descending unique index":
        before += " CREATE UNIQUE INDEX t_desc ON t (id DESC);"
    compare(cluster, db, pgseam, before, full_migration("t"), "t")


@pytest.mark.parametrize("what", ["composite", "uuid", "text", "timestamptz"])
def test_backfill_by_a_key_goes_on_where_it_was_killed(any_cluster, db, pgseam, what):
    columns, rows = KEYS[what]
    db.execute(f"CREATE TABLE t ({columns}, n int NOT NULL DEFAULT 0);"
               f" INSERT INTO t SELECT q.* FROM generate_series(1, 300) i, LATERAL ({rows}) q")
    pgseam.run("start", pgseam.file("m.sql", "UPDATE t SET n = n + 1;"), "--max-batch", "50",
               env={"PGSEAM_FAULT": "batch.committed:kill:3"}, expect=-9)
    assert db.scalar("SELECT count(*) FROM t WHERE n = 1") == 150

    pgseam.run("resume", "--max-batch", "50")

    assert db.query("SELECT n, count(*) FROM t GROUP BY n") == [(1, 300)]


@pytest.mark.parametrize("columns", [
    "id int UNIQUE", "id int", "id int NOT NULL, p int, UNIQUE (id, p)", "id int NOT NULL",
], ids=["nullable unique", "none", "half nullable", "not unique"])
def test_table_without_a_usable_key_is_refused(db, pgseam, columns):
    # With a NULL in it a key cannot be walked, and rows would be missed silently.
    db.execute(f"CREATE TABLE t ({columns}, n int DEFAULT 0); {LARGE}")
    said = pgseam.run("start", pgseam.file("m.sql", "UPDATE t SET n = n + 1;"), expect=3).err
    assert "key" in said and "m.sql:1:" in said


@pytest.mark.parametrize("index", [
    "CREATE UNIQUE INDEX i ON t (id) WHERE id > 10", "CREATE UNIQUE INDEX i ON t (abs(id))",
    "ALTER TABLE t ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED",
])
def test_index_that_is_no_key_is_not_taken_for_one(db, pgseam, index):
    db.execute(f"CREATE TABLE t (id int NOT NULL, n int DEFAULT 0); INSERT INTO t SELECT generate_series(1, 300); {index}")
    result = pgseam.run("start", pgseam.file("m.sql", "UPDATE t SET n = n + 1;"), expect=None)
    assert result.rc in (0, 3), str(result)
    assert db.query("SELECT n, count(*) FROM t GROUP BY n") == [(1 if result.rc == 0 else 0, 300)]


# ---- statements in odd clothes

# As its statistics would say.
LARGE = "UPDATE pg_class SET reltuples = 1e6 WHERE oid = 't'::regclass"
CLOTHES = {
    "several columns at once": "UPDATE t SET (n, s) = (n + 1, 'x');",
    "default": "UPDATE t SET n = DEFAULT, s = 'x';",
    "element of an array": "UPDATE t SET a[2] = id;",
    "returning": "UPDATE t SET n = n + 1 WHERE id > 5 -- x\n RETURNING *;",
    "from": "UPDATE t SET n = v.n FROM (VALUES (1, 10), (2, 20)) AS v(id, n) -- x\n WHERE t.id = v.id -- y\n;",
    "subquery in brackets": "UPDATE t SET (n) = (SELECT t.id + x FROM generate_series(1, 1) x) WHERE (id) IN (SELECT 5);",
    "alias": "UPDATE t AS u SET n = u.n + 1 WHERE u.id > 0;",
    "alias without AS": "UPDATE t u SET n = u.n + 1 WHERE u.id > 0;",
    "quoted alias": 'UPDATE t AS "U U" SET n = "U U".n + 1 WHERE "U U".id > 0;',
    "alias called like a column": "UPDATE t AS n SET n = n.n + 1;",
    "alias in delete": "DELETE FROM t AS d WHERE d.id % 3 = 0;",
    "only": "UPDATE ONLY t SET n = n + 1;",
    "line comment at the end of the predicate": "UPDATE t SET n = n + 1 WHERE id > 5 -- not the first five\n;",
    "line comment at the end of the file": "UPDATE t SET n = n + 1 WHERE id > 5 -- not the first five",
    "line comment without predicate": "UPDATE t SET n = n + 1 -- all of them",
    "comments everywhere": "/*a*/UPDATE/*b;*/t/*c*/SET/*d*/n/*e*/=/*f*/n+1/*g*/WHERE/*h*/id>5/*i*/;/*j*/",
    "or in the predicate": "UPDATE t SET n = n + 1 WHERE id < 10 OR id > 290;",
    "and, or and not": "UPDATE t SET n = n + 1 WHERE NOT id < 10 AND n = 0 OR id = 3;",
    "word where in strings": "UPDATE t SET s = ' where $1 -- ' WHERE s IS NULL OR s = 'WHERE';",
    "dollar quotes": "UPDATE t SET s = $q$ it's $1 'where' $q$ WHERE s IS NULL;",
    "parameters' look-alike in a string": "UPDATE t SET s = '$1 $2' WHERE id > 1;",
    "case": "UPDATE t SET s = CASE WHEN id > 10 THEN 'a' ELSE 'b' END WHERE s IS NULL;",
    "escape string": r"UPDATE t SET s = E'a\'b\n' WHERE s IS NULL;",
    "unicode string": r"UPDATE t SET s = U&'d\0061t\+000061' WHERE s IS NULL;",
    "carriage returns": "UPDATE t\r\nSET n = n + 1\r\nWHERE id > 5 -- x\r\n;\r\n",
    "tabs and blank lines": "\n\n\tUPDATE\n\n t\tSET n\t=\n\nn + 1\n\n\n;",
    "lower and upper case": "uPdAtE T SeT N = n + 1 wHeRe ID > 5;",
    "qualified": "UPDATE public.t SET n = public.t.n + 1;",
    "no semicolon": "UPDATE t SET n = n + 1",
    "several on one line": "UPDATE t SET n = n + 1; UPDATE t SET n = n + 1; DELETE FROM t WHERE id = 7;",
    "between and in": "UPDATE t SET n = n + 1 WHERE id BETWEEN 5 AND 100 AND n IN (0, 1);",
    "operators that end in a dash": "UPDATE t SET n = n - -1 WHERE id > - 1;",
}


@pytest.mark.parametrize("what", CLOTHES)
def test_statement_in_odd_clothes_does_what_it_does_in_psql(cluster, db, pgseam, what):
    before = ("CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, s text, a int[]);"
              " INSERT INTO t (id) SELECT generate_series(1, 300)")
    db.execute(before)

    pgseam.run("start", pgseam.file("m.sql", CLOTHES[what]), "--max-batch", "50")

    with cluster.database() as twin:
        twin.execute(before)
        twin.execute(CLOTHES[what])
        assert db.data_digest("t") == twin.data_digest("t")
        # The statement does something, so this could fail.
        twin.execute("DROP TABLE t; " + before)
        assert db.data_digest("t") != twin.data_digest("t")


@pytest.mark.parametrize("statement", [
    "WITH w AS (SELECT 1) UPDATE t SET n = n + 1;", "UPDATE t SET n = 1 FROM t AS other WHERE other.id = t.n;",
    "UPDATE t SET n = 1 WHERE random() < 0.5;", "DELETE FROM t WHERE ctid IN (SELECT min(ctid) FROM (VALUES (1)) v);",
    "UPDATE t SET n = (SELECT count(*) FROM t);", "DELETE FROM t WHERE id IN (SELECT max(id) FROM t);",
])
def test_statement_that_cannot_be_split_is_refused(db, pgseam, statement):
    # In batches such a statement might see what an earlier batch has done.
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, s text, a int[]); INSERT INTO t (id) VALUES (1), (2);" + LARGE)
    before = db.data_digest("t")
    said = pgseam.run("start", pgseam.file("m.sql", statement), expect=3).err
    assert "m.sql:1:1" in said and ("may not be split" in said or "volatile" in said)
    assert db.data_digest("t") == before


# ---- schemas, search paths, roles

PATHS = {
    "another schema": ("shop", "t"),
    "two schemas with the same table": ("shop, public", "t"),
    "user's own": ('"$user", public', "t"),
    "quoted": ('"Odd, Schema"', "t"),
    "none that exists first": ("nosuch, shop", "t"),
    "empty": ("''", "shop.t"),
    "pg_catalog last": ("shop, pg_catalog", "t"),
}


@pytest.mark.parametrize("what", PATHS)
def test_search_path_of_the_role_decides_as_in_psql(any_cluster, db, what):
    path, table = PATHS[what]
    with any_cluster.connect() as admin:
        if admin.execute("SELECT FROM pg_roles WHERE rolname = 'walker'").fetchone() is None:
            admin.execute("CREATE ROLE walker LOGIN")
    # The settings are of this role in this database; those for search_path may not leak into the next test.
    db.execute(f'ALTER ROLE walker IN DATABASE {db.name} SET search_path = {path}')
    for schema in ("shop", '"Odd, Schema"', "walker", "public"):
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {schema}.t (id int PRIMARY KEY, n int DEFAULT 0,"
                   f" old int); INSERT INTO {schema}.t (id) SELECT generate_series(1, 300);"
                   f" ALTER TABLE {schema}.t OWNER TO walker; GRANT ALL ON SCHEMA {schema} TO walker")
    db.execute("CREATE SCHEMA pgseam AUTHORIZATION walker")
    # An operator and a function in the path could be taken for those of pg_catalog.
    db.execute("CREATE FUNCTION shop.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'wrong' $$")
    expected = db.scalar("SELECT format('%%s', %s::regclass::oid)", [table], role="walker")

    with Pgseam(db, "walker") as pgseam:
        run(pgseam, full_migration(table) + f"CREATE TABLE {table}_new (id int PRIMARY KEY);"
            if what != "none" else full_migration(table))

    changed = db.query("SELECT attrelid::text FROM pg_attribute WHERE attname = 'c' AND attrelid IN"
                       " (SELECT oid FROM pg_class WHERE relname = 't' AND relkind = 'r')")
    assert changed == [(expected,)]
    assert db.query(f"SELECT DISTINCT n, c FROM {table}", role="walker") == [(1, 18)]
    # New things come where CREATE would put them: beside the table.
    assert db.scalar(f"SELECT a.relnamespace = b.relnamespace FROM pg_class a, pg_class b"
                     f" WHERE a.oid = '{table}'::regclass AND b.oid = '{table}_new'::regclass", role="walker")


@pytest.mark.parametrize("how", ["schema made by the administrator", "create granted on the database"])
def test_role_that_only_owns_the_tables_can_do_everything(any_cluster, db, how):
    with any_cluster.connect() as admin:
        if admin.execute("SELECT FROM pg_roles WHERE rolname = 'tenant'").fetchone() is None:
            admin.execute("CREATE ROLE tenant LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
    db.execute(
        "CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, n int DEFAULT 0, old int);"
        " INSERT INTO app.t (id) SELECT generate_series(1, 300); ALTER TABLE app.t OWNER TO tenant;"
        # CREATE INDEX needs CREATE on the schema, as without us.
        " GRANT USAGE, CREATE ON SCHEMA app TO tenant;"
    )
    if how.startswith("schema"):
        db.execute("CREATE SCHEMA pgseam AUTHORIZATION tenant")
    else:
        db.execute(f"GRANT CREATE ON DATABASE {db.name} TO tenant")
    before = db.dump_schema()

    with Pgseam(db, "tenant") as pgseam:
        file = pgseam.file("m.sql", full_migration("app.t"))
        pgseam.run("plan", file)
        pgseam.run("start", file)
        pgseam.run("status")
        pgseam.run("locks")
        pgseam.run("rollback")
        assert db.dump_schema() == before
        db.execute("UPDATE app.t SET n = 0")
        pgseam.run("start", file)
        pgseam.run("complete")

    assert db.query("SELECT DISTINCT n, c FROM app.t") == [(1, 18)]


def test_role_that_is_only_a_member_of_the_owner_can_do_it(db):
    # As on managed services: the login is a member of the role that owns.
    with db.cluster.connect() as admin:
        for role in ("owners", "member"):
            if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute("GRANT owners TO member")
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, old int); INSERT INTO t (id) SELECT generate_series(1, 300);"
               " ALTER TABLE t OWNER TO owners; GRANT CREATE ON SCHEMA public TO owners;"
               f" GRANT CREATE ON DATABASE {db.name} TO owners")
    with Pgseam(db, "member") as pgseam:
        run(pgseam, full_migration("t"))
    assert db.query("SELECT DISTINCT n, c FROM t") == [(1, 18)]
    assert db.scalar("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 't'::regclass") == "owners"


def test_two_logins_of_one_owner_work_on_one_migration_or_are_told_what_is_missing(db):
    # The journal belongs to whoever came first; the colleague who resumes it may have another login.
    with db.cluster.connect() as admin:
        for role in ("team", "anna", "bert"):
            if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute("GRANT team TO anna, bert")
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, old int); INSERT INTO t (id) SELECT generate_series(1, 300);"
               " ALTER TABLE t OWNER TO team; GRANT CREATE ON SCHEMA public TO team; CREATE SCHEMA pgseam AUTHORIZATION team")
    with Pgseam(db) as pgseam:
        pgseam.run("start", pgseam.file("m.sql", full_migration("t")), role="anna")

        result = pgseam.run("complete", role="bert", expect=None)

        if result.rc != 0:
            assert result.rc == 3, str(result)
            assert "bert" in result.err and "pgseam" in result.err and "GRANT" in result.err
            pgseam.run("complete", role="anna")
    assert db.query("SELECT DISTINCT n, c FROM t") == [(1, 18)]


def test_settings_of_the_role_do_not_disturb_us(db):
    with db.cluster.connect() as admin:
        if admin.execute("SELECT FROM pg_roles WHERE rolname = 'eccentric'").fetchone() is None:
            admin.execute("CREATE ROLE eccentric LOGIN")
    for setting in ("statement_timeout = '20ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '20ms'",
                    "datestyle = 'German'", "timezone = 'Asia/Kathmandu'", "intervalstyle = 'sql_standard'",
                    "standard_conforming_strings = off", "default_transaction_read_only = on", "bytea_output = 'escape'",
                    "default_transaction_isolation = 'serializable'", "extra_float_digits = 0", "client_encoding = 'LATIN1'",
                    "default_transaction_deferrable = on", "row_security = off", "quote_all_identifiers = on",
                    "search_path = pg_catalog, public"):
        db.execute(f"ALTER ROLE eccentric IN DATABASE {db.name} SET {setting}")
    db.execute("CREATE TABLE t (at timestamptz, f float8, n int DEFAULT 0, old int, PRIMARY KEY (at, f));"
               " INSERT INTO t (at, f) SELECT timestamptz '2024-01-02' + i * interval '1.000001 s', i / 7.0::float8"
               " FROM generate_series(1, 3000) i; ALTER TABLE t OWNER TO eccentric;"
               " GRANT CREATE ON SCHEMA public TO eccentric; CREATE SCHEMA pgseam AUTHORIZATION eccentric")
    with Pgseam(db, "eccentric") as pgseam:
        run(pgseam, full_migration("public.t"))
    assert db.query("SELECT n, c, count(*) FROM t GROUP BY n, c") == [(1, 18, 3000)]
