"""Columns that move to a table of their own: the old application has them in users, the new one in addresses, on the same values."""

import re
from pathlib import Path

import psycopg
import pytest
from harness.moved import (ADDER, BY_ADDRESSES, BY_TABLE, BY_USERS, CREATE, DROP, FILE, FILLED, GRANTS, HEAD, INSERT, MOVED, NEW_PATH, NEW_ROLE,
                           OLD_ROLE, moving, refused_with, same)
from harness.twin import assert_same
from harness.versions import session, to_the_gate


@pytest.fixture
def users(db):
    return moving(db)


# ---- what each writes the other reads

OLD_WRITES = [
    "INSERT INTO users (name, street) VALUES ('x', 'new')", "INSERT INTO users (name) VALUES ('nothing')",
    "INSERT INTO users (name, city) SELECT 'm', 'many' FROM generate_series(1, 3)", "UPDATE users SET street = NULL WHERE id = 2",
    "UPDATE users SET street = 's', city = 'c' WHERE id IN (1, 5, 7)", "UPDATE users SET id = id + 1000 WHERE id IN (3, 4, 5)",
    "UPDATE users SET name = 'other' WHERE id < 20", "UPDATE users SET points = coalesce(points, 0) + 1 WHERE id < 20",
    "DELETE FROM users WHERE id IN (6, 7)", "INSERT INTO users (id, name, city) VALUES (8, 'x', 'up') ON CONFLICT (id) DO UPDATE SET city = 'up'",
    "UPDATE users SET id = CASE id WHEN 9 THEN 2009 ELSE id END, street = 'moved' WHERE id BETWEEN 9 AND 11", "DELETE FROM users WHERE id > 290",
    "WITH u AS (UPDATE users SET street = 'once' WHERE id = 70 RETURNING id) UPDATE users SET street = 'twice' FROM u WHERE users.id = u.id + 1",
]
NEW_WRITES = [
    "INSERT INTO addresses (user_id, street) VALUES (25, 'new')", "INSERT INTO addresses (user_id, street, city) SELECT id, 'many', NULL"
    " FROM users u WHERE id BETWEEN 30 AND 60 AND NOT EXISTS (SELECT FROM addresses WHERE user_id = u.id)",
    "UPDATE addresses SET city = city || '!' WHERE user_id < 40", "UPDATE addresses SET points = 1 WHERE street LIKE 's%'",
    "DELETE FROM addresses WHERE user_id = 12", "DELETE FROM addresses a USING users u WHERE u.id = a.user_id AND u.name LIKE 'u4%'",
    "DELETE FROM users WHERE id IN (14, 15)", "INSERT INTO users (id, name) VALUES (14, 'back')", "INSERT INTO addresses VALUES (14, 's', 'c', 3)",
    "WITH gone AS (DELETE FROM addresses WHERE user_id = 14 RETURNING *) INSERT INTO users (name) SELECT street FROM gone",
    "UPDATE addresses a SET city = u.name FROM users u WHERE u.id = a.user_id AND a.user_id < 50",
    "SELECT * FROM addresses WHERE user_id < 9 FOR UPDATE",
    "WITH u AS (INSERT INTO users (name) VALUES ('both'), ('more') RETURNING id) INSERT INTO addresses (user_id, street) SELECT id, 'w' FROM u",
]


def test_what_one_writes_the_other_reads_at_once(any_cluster, users, pgseam):
    db = users
    to_the_gate(pgseam, FILE)
    with session(db, "public") as old, session(db, NEW_PATH, NEW_ROLE) as new, session(db, "public") as judge:
        for number, (by_old, by_new) in enumerate(zip(OLD_WRITES, NEW_WRITES, strict=True)):
            for conn, text in ((old, by_old), (new, by_new)):
                with conn.transaction():
                    conn.execute("SAVEPOINT a")
                    conn.execute(text)
                    if conn is old:
                        same(conn)
                    if number % 3 == 0:
                        conn.execute("ROLLBACK TO a")
                        conn.execute(text)
                same(judge)
        one, two = (key for (key,) in new.execute("INSERT INTO users (name) VALUES ('one'), ('two') RETURNING id").fetchall())
        assert new.execute("INSERT INTO addresses (user_id) VALUES (%s) RETURNING *", [one]).fetchall() == [(one, None, "Ulm", None)]
        with new.cursor().copy("COPY addresses (user_id, street) FROM STDIN") as copy:
            copy.write(f"{two}\tcopied\n")
        assert same(judge)[two] == ("copied", "Ulm", None)
        old.execute("SET session_replication_role = replica")
        old.execute("UPDATE users SET city = 'replicated' WHERE id = 31")
        same(judge)
    rows = db.query(BY_USERS)
    pgseam.run("complete")
    assert db.query(BY_TABLE) == rows == db.query(BY_ADDRESSES)
    assert db.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgseam_%'") == []
    with session(db, NEW_PATH, NEW_ROLE) as new:
        new.execute("INSERT INTO addresses (user_id) SELECT max(id) FROM users ON CONFLICT (user_id) DO UPDATE SET points = 9")
        new.execute("UPDATE addresses SET street = NULL, city = NULL, points = NULL")
        assert new.execute("DELETE FROM addresses").rowcount >= len(rows)


def test_what_the_view_says_no_to(any_cluster, users, pgseam):
    db = users
    to_the_gate(pgseam, FILE)
    before = db.query(BY_USERS)
    with session(db, NEW_PATH, NEW_ROLE) as new:
        for text, sqlstate in {
            "INSERT INTO addresses (user_id, street) VALUES (2, 'twice')": "23505",
            "INSERT INTO addresses (user_id, street) VALUES (99999, 'nobody')": "23503",
            "INSERT INTO addresses (user_id, street) VALUES (NULL, 'nobody')": "23503",
            "INSERT INTO addresses (user_id, street, city) VALUES (1, NULL, NULL)": "23514",
            "UPDATE addresses SET street = NULL, city = NULL WHERE user_id = 2": "44000",
            "INSERT INTO addresses (user_id, street) VALUES (2, 'x') ON CONFLICT DO NOTHING": "23505",
            "INSERT INTO addresses (user_id, street) VALUES (2, 'x') ON CONFLICT (user_id) DO UPDATE SET city = 'x'": "42P10",
        }.items():
            assert refused_with(new, text) == sqlstate, text
        # The SQLSTATE is 0A000, 55000 before PostgreSQL 16.
        assert refused_with(new, "UPDATE addresses SET user_id = 7 WHERE user_id = 2") in ("0A000", "55000")
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            new.execute("INSERT INTO addresses (user_id, street) VALUES (2, 'twice')")
        assert (caught.value.diag.constraint_name, caught.value.diag.table_name) == ("addresses_pkey", "addresses")
    for text in ("INSERT INTO public.addresses VALUES (1, 'x')", "UPDATE public.addresses SET city = 'x'", "DELETE FROM public.addresses"):
        with session(db, "public") as owner:
            assert refused_with(owner, text) == "55000", text
    assert db.query(BY_USERS) == before


def test_who_may_do_what(any_cluster, users, pgseam):
    """Rights on addresses are enough, as they will be when it is a table; nobody gets more than these."""
    db = users
    # What is to be had of any new table, but not of this one.
    db.execute(f"REVOKE ALL ON users FROM {NEW_ROLE}; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {OLD_ROLE};"
               f" ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO {OLD_ROLE}")
    to_the_gate(pgseam, FILE.replace(GRANTS, f"REVOKE ALL ON addresses FROM {OLD_ROLE};\n{GRANTS}"))
    own = db.scalar("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgseam_move%'")
    with session(db, NEW_PATH, NEW_ROLE) as new:
        new.execute("INSERT INTO addresses (user_id, street) VALUES (1, 'mine')")
        new.execute("UPDATE addresses SET city = 'mine' WHERE user_id = 1")
        assert new.execute("DELETE FROM addresses WHERE user_id = 1").rowcount == 1
        assert refused_with(new, "UPDATE public.users SET city = 'mine'") == "42501"
    with session(db, NEW_PATH, ADDER) as adder:
        assert adder.execute("INSERT INTO addresses (user_id, street) VALUES (1, 'added')").rowcount == 1
        assert refused_with(adder, "INSERT INTO addresses (user_id, street) VALUES (1, 'again')") == "23505"
        for text in ("SELECT street FROM addresses", "UPDATE addresses SET city = 'x'", "DELETE FROM addresses"):
            assert refused_with(adder, text) == "42501", text
    with session(db, "public", OLD_ROLE) as old:
        old.execute("UPDATE users SET street = 'by the old one' WHERE id = 1")
        for name in ("v4.addresses", f"{own}.free", f"{own}.held"):
            assert refused_with(old, f"SELECT FROM {name}") == refused_with(old, f"DELETE FROM {name}") == "42501", name
        # On a table of one's own they would empty the new one, and call casts of the table's types, with their owner's rights.
        old.execute("CREATE TEMP TABLE mine (id bigint, street text)")
        for name in ("keep", "empty"):
            assert refused_with(old, f"CREATE TRIGGER a AFTER INSERT ON mine EXECUTE FUNCTION {own}.{name}()") == "42501", name
        assert refused_with(old, "SELECT FROM public.addresses") == "42501"
    assert db.query("SELECT street FROM v4.addresses WHERE user_id = 1") == [("by the old one",)]
    pgseam.run("complete")
    with session(db, NEW_PATH, NEW_ROLE) as new:
        assert new.execute("SELECT street FROM addresses WHERE user_id = 1").fetchall() == [("by the old one",)]


def test_triggers_of_the_user_and_truncate(cluster, users, pgseam):
    """What they write of other rows counts, in whatever order they come; they have the writer's path and rights."""
    db = users
    db.execute("""
        CREATE SCHEMA app; CREATE TABLE app.log (who text, id bigint); GRANT USAGE ON SCHEMA app TO move_new; GRANT ALL ON app.log TO move_new;
        CREATE FUNCTION neighbour() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            INSERT INTO log VALUES (current_user, NEW.id);
            UPDATE public.users SET street = 'neighbour of ' || NEW.id WHERE id = NEW.id + 1 AND pg_trigger_depth() <= 2; RETURN NULL; END$$;
        CREATE TRIGGER zz AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION neighbour();""")
    to_the_gate(pgseam, FILE)
    with session(db, "public, app") as old, session(db, NEW_PATH + ", app", NEW_ROLE) as new:
        old.execute("UPDATE users SET city = 'c' WHERE id BETWEEN 10 AND 20")
        assert same(old)[15][0] == "neighbour of 14"
        new.execute("UPDATE addresses SET street = 'n' WHERE user_id BETWEEN 10 AND 12")
        new.execute("INSERT INTO addresses (user_id, street) VALUES (25, 'i')")
        assert same(old)[26][0] == "neighbour of 25"
        assert {who for (who,) in old.execute("SELECT who FROM app.log WHERE id = 25")} == {NEW_ROLE}
        old.execute("BEGIN; TRUNCATE users CASCADE")
        assert same(old) == {}
        old.execute("ROLLBACK")
        assert same(old)
    pgseam.run("rollback")
    assert db.query("SELECT street FROM users WHERE id = 26") == [("neighbour of 25",)]


def test_a_row_that_is_taken_away_just_then(cluster, users, pgseam):
    """An INSERT that has to look twice writes what it was given; one that never gets through says so."""
    db = users
    db.execute("""CREATE SEQUENCE tries; GRANT USAGE ON tries TO PUBLIC; CREATE FUNCTION not_yet() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        IF NEW.id = 1 AND nextval('public.tries') < 3 OR NEW.id = 5 THEN RETURN NULL; END IF;
        NEW.city := coalesce(NEW.city, 'made'); RETURN NEW; END$$;
        CREATE TRIGGER a BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION not_yet()""")
    to_the_gate(pgseam, FILE)
    with session(db, NEW_PATH, NEW_ROLE) as new:
        given = new.execute("INSERT INTO addresses VALUES (1, 'mine', NULL, 3) RETURNING *").fetchall()
        assert given == [(1, "mine", "made", 3)] == new.execute("SELECT * FROM addresses WHERE user_id = 1").fetchall()
        assert refused_with(new, "INSERT INTO addresses VALUES (5, 'mine')") == "40001"
    assert db.query("SELECT * FROM public.addresses WHERE user_id IN (1, 5)") == given


def test_each_user_has_one(any_cluster, users, pgseam):
    """Without WHERE: an address without values is one that may be filled."""
    db = users
    to_the_gate(pgseam, FILE.replace(f" WHERE {FILLED}", ""))
    with session(db, NEW_PATH, NEW_ROLE) as new:
        key = new.execute("INSERT INTO users (name) VALUES ('n') RETURNING id").fetchone()[0]
        assert new.execute("SELECT * FROM addresses WHERE user_id = %s", [key]).fetchall() == [(key, None, None, None)]
        new.execute("INSERT INTO addresses (user_id, street) VALUES (%s, 's')", [key])
        assert refused_with(new, f"INSERT INTO addresses (user_id, street) VALUES ({key}, 's')") == "23505"
        assert refused_with(new, f"DELETE FROM addresses WHERE user_id = {key}") == "0A000"
        new.execute("UPDATE addresses SET street = NULL, city = NULL WHERE user_id = %s", [key])
    db.execute("DELETE FROM users WHERE id = 4")
    rows = db.query(f"SELECT id, {MOVED} FROM users ORDER BY 1")
    pgseam.run("complete")
    assert db.query(BY_TABLE) == rows


def test_the_pages_examples_run(cluster, db, pgseam):
    page = (Path(__file__).resolve().parents[2] / "docs" / "version.md").read_text()
    files = {name: pgseam.file(name, text) for name, text in re.findall(r"```sql\n-- file: (000[89]\S+)\n(.*?)```", page, re.DOTALL)}
    db.execute("CREATE TABLE users (id bigint PRIMARY KEY, street text, city text); INSERT INTO users VALUES (1, 's', 'c'), (2, NULL, NULL), (3, NULL, 'd');"
               "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, note text); INSERT INTO orders SELECT g, g, 'n' FROM generate_series(1, 3) g")
    first, second = files.values()
    pgseam.run("start", first)
    db.execute("UPDATE users SET street = 'by the old one' WHERE id = 1; UPDATE v6.addresses SET street = 'by the new one' WHERE user_id = 3")
    pgseam.run("complete")
    assert db.query("SELECT * FROM addresses ORDER BY 1") == [(1, "by the old one", "c"), (3, "by the new one", "d")]
    # Both read the same table, so the view stays.
    pgseam.run("start", second)
    db.execute("INSERT INTO orders (id, user_id) VALUES (4, 1); UPDATE addresses SET city = 'later' WHERE user_id = 3")
    assert db.query("SELECT city FROM v7.orders ORDER BY id") == [("c",), (None,), ("d",), (None,)]
    pgseam.run("complete")
    assert db.query("SELECT city FROM v7.orders ORDER BY id") == [("c",), (None,), ("d",), ("c",)]


NAMES = '''-- pgseam: version "Release 4"
CREATE TABLE "Their ""Addresses""" ("Land" text, "Nr" int, "select" text NOT NULL, CONSTRAINT "the key" PRIMARY KEY ("Nr", "Land"));
INSERT INTO "Their ""Addresses""" ("select", "Nr", "Land") SELECT u."new?", nr, land FROM app."Users" AS u WHERE (u."new?") IS NOT NULL;
ALTER TABLE app."Users" DROP "new?";
'''


def test_names_and_a_key_of_two_columns(any_cluster, db, pgseam):
    db.execute("""CREATE SCHEMA app; CREATE TABLE app."Users" (nr int, land text, "new?" text, state text, PRIMARY KEY (land, nr));
        INSERT INTO app."Users" SELECT g, 'a', CASE WHEN g % 2 = 0 THEN 'x?' || g END FROM generate_series(1, 20) g""")
    to_the_gate(pgseam, NAMES, name="m" + "ä" * 40 + ".sql")
    table = '"Their ""Addresses"""'
    read = f'SELECT "Land", "Nr", "select" FROM {{}}.{table} ORDER BY 1, 2'
    with session(db, '"Release 4", public') as new:
        new.execute(f"INSERT INTO {table} VALUES ('a', 1, 'one'); UPDATE {table} SET \"select\" = 'two' WHERE \"Nr\" = 2")
        assert new.execute(f'DELETE FROM {table} WHERE "Nr" = 4').rowcount == 1
        assert refused_with(new, f"INSERT INTO {table} VALUES ('a', 1, 'one')") == "23505"
        assert refused_with(new, f"INSERT INTO {table} VALUES ('b', 1, 'one')") == "23503"
        assert refused_with(new, f'UPDATE {table} SET "select" = NULL') == "44000"
        new.execute("UPDATE app.\"Users\" SET land = 'b' WHERE nr > 18; DELETE FROM app.\"Users\" WHERE nr = 18")
        rows = new.execute('SELECT land, nr, "new?" FROM app."Users" WHERE "new?" IS NOT NULL ORDER BY 1, 2').fetchall()
        assert new.execute(read.format('"Release 4"')).fetchall() == rows == new.execute(read.format("public")).fetchall()
    pgseam.run("complete")
    assert db.query(read.format('"Release 4"')) == rows == db.query(read.format("public"))


# ---- refused

def test_a_pinned_version_shows_the_new_table_too(cluster, users, pgseam):
    users.execute("CREATE TABLE beside (id int PRIMARY KEY)")
    file = pgseam.file("m.sql", FILE)
    assert "no view" not in pgseam.run("plan", file, "--pin", "all").out
    pgseam.run("start", file, "--pin", "all")
    assert users.query("SELECT relname FROM pg_class WHERE relnamespace = 'v4'::regnamespace ORDER BY 1") == [("addresses",), ("beside",), ("users",)]
    pgseam.run("complete", "--look", "0")


REFUSED = {
    "an expression": (FILE.replace("SELECT id, street", "SELECT id, upper(street)"), "plain columns"),
    "a literal": (FILE.replace("SELECT id, street", "SELECT id, 'x'"), "plain columns"),
    "two tables": (FILE.replace("FROM users WHERE", "FROM users JOIN other ON true WHERE"), "plain columns"),
    "ON CONFLICT": (FILE.replace(FILLED, FILLED + " ON CONFLICT DO NOTHING"), "plain columns"),
    "another WHERE": (FILE.replace(FILLED, FILLED + " OR name IS NOT NULL"), "does not decide by just"),
    "half a WHERE": (FILE.replace(" OR points IS NOT NULL", ""), "does not decide by just"),
    "AND": (FILE.replace(" OR city", " AND city"), "plain columns"),
    "no list": (FILE.replace(f"addresses (user_id, {MOVED}) SELECT", "addresses SELECT"), "plain columns"),
    "a column that stays": (FILE.replace(", DROP COLUMN points", ""), "stays in table users"),
    "down": (FILE.replace("DROP COLUMN street, DROP COLUMN city, DROP COLUMN points",
                          "DROP COLUMN street, DROP COLUMN city;\n-- pgseam: down points = 7\nALTER TABLE users DROP COLUMN points"), "known from the INSERT"),
    "drop first": (HEAD + CREATE + DROP + f"{INSERT} WHERE {FILLED};\n", "known from the INSERT"),
    "one column more": (FILE.replace("points bigint)", "points bigint, more text)"), "no place for it"),
    "a column that is not there": (FILE.replace("(user_id, street", "(user_id, nope, street").replace("SELECT id, street", "SELECT id, name, street"),
                                   "to columns of the new table"),
    "one column twice": (FILE.replace("SELECT id, street, city", "SELECT id, street, street"), "would go to two columns"),
    "serial key": (FILE.replace("(user_id bigint PRIMARY", "(id bigserial, user_id bigint PRIMARY"), "no place for it"),
    "another type": (FILE.replace("varchar(40)", "text"), "is character varying(40)"),
    "a collation": (FILE.replace("city text", 'city text COLLATE "C"'), "collation"),
    "no key": (FILE.replace(" PRIMARY KEY REF", " REF"), "must be the primary key"),
    "only unique": (FILE.replace("PRIMARY KEY REF", "NOT NULL UNIQUE REF"), "might not hold"),
    "a wider key": (FILE.replace(" PRIMARY KEY REF", " REF").replace("points bigint)", "points bigint, PRIMARY KEY (user_id, points))"), "might not hold"),
    "NOT NULL": (FILE.replace("city text", "city text NOT NULL"), "is NOT NULL"),
    "CHECK": (FILE.replace("city text", "city text CHECK (city <> '')"), "might not hold"),
    "UNIQUE": (FILE.replace("city text", "city text UNIQUE"), "might not hold"),
    "unique index": (FILE.replace("CREATE INDEX", "CREATE UNIQUE INDEX"), "uses table addresses as well"),
    "index on an expression": (FILE.replace("addresses (city)", "addresses ((1 / points))"), "uses table addresses as well"),
    "no action": (FILE.replace(" ON DELETE CASCADE", ""), "might not hold"),
    "another foreign key": (FILE.replace("points bigint)", "points bigint REFERENCES other)"), "might not hold"),
    "IF NOT EXISTS": (FILE.replace("TABLE addresses (", "TABLE IF NOT EXISTS addresses ("), "ordinary table"),
    "UNLOGGED": (FILE.replace("CREATE TABLE", "CREATE /* x */ UNLOGGED TABLE"), "ordinary table"),
    "a table that is there": (HEAD + f"INSERT INTO there (user_id, {MOVED}) SELECT id, {MOVED} FROM users;\n" + DROP, "ordinary table"),
    "altered": (FILE + "ALTER TABLE addresses ADD COLUMN x int;\n", "uses table addresses as well"),
    "referenced": (FILE + "CREATE TABLE t (a bigint REFERENCES addresses);\n", "uses table addresses as well"),
    "more rows": (FILE + "INSERT INTO addresses VALUES (1, 'x');\n", "uses table addresses as well"),
    "renamed": (FILE + "ALTER TABLE users RENAME TO people;\n", "renamed in the same file"),
    "kept in step": (FILE.replace(DROP, "-- pgseam: down name = label\nALTER TABLE users DROP COLUMN name;\n-- pgseam: up label = name\n"
                                  "ALTER TABLE users ADD COLUMN label text;\n" + DROP), "kept in step in the same file"),
    "a join into another": (HEAD + "ALTER TABLE other ADD COLUMN city text;\nUPDATE other SET city = users.city FROM users WHERE users.id = other.id;\n"
                            + DROP, "later would be missing"),
    "a column that is NOT NULL": (FILE, "is NOT NULL", "ALTER TABLE users ALTER city TYPE text USING coalesce(city, ''), ALTER city SET NOT NULL"),
    "a default": (FILE, "has a default", "ALTER TABLE users ALTER city SET DEFAULT 'Ulm'"),
    "row security": (FILE, "row-level security", "ALTER TABLE users ENABLE ROW LEVEL SECURITY"),
    "a rule": (FILE, "rules", "CREATE RULE r AS ON INSERT TO users DO ALSO NOTIFY x"),
    "no key in the source": (FILE.replace(" REFERENCES users (id) ON DELETE CASCADE", ""), "no primary key", "ALTER TABLE users DROP CONSTRAINT users_pkey"),
}


def test_what_is_no_move_is_refused(cluster, users, pgseam):
    db = users
    db.execute("CREATE TABLE other (id bigint PRIMARY KEY); CREATE TABLE there (LIKE users); ALTER TABLE there RENAME id TO user_id")
    dump, wrong = db.dump_schema(), []

    def look(name, tool, text, said):
        result = tool.run("start", tool.file("m.sql", text), expect=None)
        if result.rc != 3 or said not in result.err or "m.sql:" not in result.err:
            wrong.append(f"{name}: {result}")

    for name, (text, said, *before) in REFUSED.items():
        assert text != FILE or before, name
        if not before:
            look(name, pgseam, text, said)
            continue
        with db.cluster.database(template=db.name) as copy, type(pgseam)(copy) as tool:
            copy.execute(before[0])
            look(name, tool, text, said)
    assert not wrong, "\n\n".join(wrong)
    assert_same(dump, db.dump_schema(), "something was changed")
