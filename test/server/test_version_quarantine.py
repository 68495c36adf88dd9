"""Rows on which "up" or "down" fails, put into quarantine: nothing that an application writes is refused or lost."""

import json
import pathlib
import random
import signal
import threading
import uuid

import psycopg
import pytest
from harness.twin import assert_same
from harness.versions import session, state, to_the_gate

APP = "quarantine_app"
TYPE = """-- pgseam: version v2
-- pgseam: on-error quarantine
-- pgseam: down a = a::text
ALTER TABLE t ALTER COLUMN a TYPE int USING a::int;
"""
NAMES = """-- pgseam: version v2
-- pgseam: on-error quarantine
-- pgseam: up first = known(split_part(name, ' ', 1))
ALTER TABLE t ADD COLUMN first varchar(5);
-- pgseam: up last = split_part(name, ' ', 2)
ALTER TABLE t ADD COLUMN last text;
-- pgseam: down name = known(first || ' ' || last)
ALTER TABLE t DROP COLUMN name;
"""
KNOWN = """CREATE FUNCTION known(x text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN IF x LIKE '%?%' THEN RAISE 'not known: %', x; END IF; RETURN x; END $$;"""


def table(db, columns="id int PRIMARY KEY, a text, n int DEFAULT 0", rows="(1, '1'), (2, 'two'), (3, '3')", into="id, a"):
    db.cluster.role(APP)
    db.execute(f"CREATE TABLE t ({columns}); GRANT SELECT, INSERT, UPDATE, DELETE ON t TO {APP}; INSERT INTO t ({into}) VALUES {rows}")


def names(db):
    db.execute(KNOWN)
    table(db, "id int PRIMARY KEY, name text, n int DEFAULT 0", "(1, 'Ada B')", "id, name")


def old(db, statement, values=None):
    with db.connect(APP) as conn:
        return list(conn.execute(statement, values)) if "RETURNING" in statement or statement.startswith("SELECT") else conn.execute(statement, values)


def new(db, statement, values=None):
    with session(db, "v2, public", role=APP) as conn:
        return list(conn.execute(statement, values)) if "RETURNING" in statement or statement.startswith("SELECT") else conn.execute(statement, values)


def both(db, key, columns):
    """What the two applications read: (old, new)."""
    return (old(db, f"SELECT {columns[0]} FROM t WHERE id = %s", [key])[0], new(db, f"SELECT {columns[1]} FROM t WHERE id = %s", [key])[0])


def listed(pgseam, *name):
    rows = json.loads(pgseam.run("version", "quarantine", *name, "--format", "json").out)["rows"]
    return sorted((row["key"].get("id"), row["side"], row["sqlstate"]) for row in rows)


def quarantined(pgseam):
    return json.loads(pgseam.run("status", "--format", "json").out)["migrations"][0]["quarantined"]


def refused(pgseam):
    result = pgseam.run("complete", "--look", "0", expect=3)
    assert state(pgseam) == "gated" and "version quarantine" in result.err, result
    return result.err


def test_rows_that_are_there_and_writes_of_the_old_application(any_cluster, db, pgseam):
    table(db)
    said = pgseam.run("start", pgseam.file("m.sql", TYPE))
    assert "1 rows of public.t are in quarantine" in said.err + said.out and quarantined(pgseam) == 1
    assert listed(pgseam) == [(2, "new", "22P02")]
    old(db, "INSERT INTO t (id, a) VALUES (4, ' 4x'), (5, '5')")
    old(db, "UPDATE t SET a = '99999999999' WHERE id = 3")
    assert [both(db, key, ("a", "a")) for key in range(1, 6)] == [
        (("1",), (1,)), (("two",), (None,)), (("99999999999",), (None,)), ((" 4x",), (None,)), (("5",), (5,))]
    assert listed(pgseam) == [(2, "new", "22P02"), (3, "new", "22003"), (4, "new", "22P02")] and quarantined(pgseam) == 3
    row = json.loads(pgseam.run("version", "quarantine", "--format", "json").out)["rows"][-1]
    assert row["role"] == APP and row["table"] == "public.t" and "99999999999" in row["message"]
    # What has nothing to do with it leaves all as it is, whoever writes.
    for side in (old, new):
        side(db, "UPDATE t SET n = n + 1")
        side(db, "UPDATE t SET a = a")
    assert both(db, 2, ("a", "a")) == (("two",), (None,))
    assert '{"id": 2}' in refused(pgseam)
    # The old application repairs one, the new one another, the third goes.
    old(db, "UPDATE t SET a = '2' WHERE id = 2")
    new(db, "UPDATE t SET a = 33 WHERE id = 3")
    assert both(db, 2, ("a", "a")) == (("2",), (2,)) and both(db, 3, ("a", "a")) == (("33",), (33,))
    refused(pgseam)
    old(db, "DELETE FROM t WHERE id = 4")
    assert listed(pgseam) == [] and quarantined(pgseam) == 0
    pgseam.run("complete", "--look", "0")
    assert db.query("SELECT id, a FROM t ORDER BY id") == [(1, 1), (2, 2), (3, 33), (5, 5)]
    assert db.scalar("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^pgseam_'") == 0


def test_writes_of_the_new_application_outlive_a_rollback(cluster, db, pgseam):
    names(db)
    before = db.dump_schema()
    to_the_gate(pgseam, NAMES)
    assert new(db, "INSERT INTO t (id, first, last) VALUES (2, 'a?', 'b') RETURNING first, last") == [("a?", "b")]
    new(db, "UPDATE t SET last = 'what?' WHERE id = 1")
    columns = ("name", "first, last")
    assert both(db, 1, columns) == ((None,), ("Ada", "what?")) and both(db, 2, columns) == ((None,), ("a?", "b"))
    assert listed(pgseam) == [(1, "old", "P0001"), (2, "old", "P0001")]
    for side in (old, new):
        side(db, "UPDATE t SET n = n + 1")
    assert both(db, 2, columns) == ((None,), ("a?", "b"))
    new(db, "UPDATE t SET first = 'A' WHERE id = 2")
    assert both(db, 2, columns) == (("A b",), ("A", "b"))
    said = pgseam.run("rollback")
    assert "1 rows" in said.err, said
    assert_same(before, db.dump_schema(), "rollback leaves something")
    assert db.query("SELECT id, name FROM t ORDER BY id") == [(1, None), (2, "A b")]
    kept = json.loads(pgseam.run("version", "quarantine", "m", "--format", "json").out)["rows"]
    assert (kept[0]["key"], kept[0]["written"]) == ({"id": 1}, {"first": "Ada", "last": "what?"})


def test_what_only_the_new_side_has_does_not_keep_from_completing(cluster, db, pgseam):
    names(db)
    to_the_gate(pgseam, NAMES)
    new(db, "INSERT INTO t (id, first, last) VALUES (2, 'a?', 'b')")
    pgseam.run("complete", "--look", "0")
    assert db.query("SELECT id, first, last FROM t ORDER BY id") == [(1, "Ada", "B"), (2, "a?", "b")]


def test_a_part_of_the_missing_side_takes_nothing_from_the_other(cluster, db, pgseam):
    names(db)
    to_the_gate(pgseam, NAMES)
    old(db, "INSERT INTO t (id, name) VALUES (2, 'Who? X'), (3, 'Bartholomew Y')")
    columns = ("name", "first, last")
    assert both(db, 2, columns) == (("Who? X",), (None, None)) and both(db, 3, columns) == (("Bartholomew Y",), (None, None))
    assert listed(pgseam) == [(2, "new", "P0001"), (3, "new", "22001")]
    new(db, "UPDATE t SET first = 'Who' WHERE id = 2")
    assert both(db, 2, columns) == (("Who? X",), ("Who", None))
    refused(pgseam)
    new(db, "UPDATE t SET first = NULL WHERE id = 2")
    assert both(db, 2, columns) == (("Who? X",), (None, None))
    new(db, "UPDATE t SET first = 'Who', last = 'X' WHERE id = 2")
    new(db, "UPDATE t SET first = 'Bart', last = 'Y' WHERE id = 3")
    assert both(db, 2, columns) == (("Who X",), ("Who", "X")) and both(db, 3, columns) == (("Bart Y",), ("Bart", "Y"))
    pgseam.run("complete", "--look", "0")
    assert db.query("SELECT first, last FROM t ORDER BY id") == [("Ada", "B"), ("Who", "X"), ("Bart", "Y")]


PARTS = """-- pgseam: version v2
-- pgseam: on-error quarantine
-- pgseam: up name = known(first || ' ' || last)
ALTER TABLE t ADD COLUMN name text;
-- pgseam: down first = known(split_part(name, ' ', 1))
ALTER TABLE t DROP COLUMN first;
-- pgseam: down last = known(split_part(name, ' ', 2))
ALTER TABLE t DROP COLUMN last;
"""


@pytest.mark.parametrize("command", ["complete", "rollback"])
def test_what_the_new_application_wrote_is_kept_whatever_becomes_of_its_row(any_cluster, db, pgseam, command):
    """A new key, a part of the old side that is filled, and a second write that fails."""
    db.execute(KNOWN)
    table(db, "id int PRIMARY KEY, first text, last text", "(1, 'Ada', 'B'), (2, 'C', 'D')", "id, first, last")
    to_the_gate(pgseam, PARTS)
    new(db, "INSERT INTO t (id, name) VALUES (3, 'e? f'), (4, 'g? h')")
    new(db, "UPDATE t SET name = 'a?' WHERE id = 1")
    new(db, "UPDATE t SET name = 'again?' WHERE id = 1")
    old(db, "UPDATE t SET first = 'part' WHERE id = 3")
    new(db, "UPDATE t SET id = 40 WHERE id = 4")
    old(db, "UPDATE t SET id = 20, first = '?' WHERE id = 2")
    old(db, "UPDATE t SET id = 21 WHERE id = 20")
    missing = [(1, "old", "P0001"), (3, "old", "P0001"), (40, "old", "P0001")]
    assert listed(pgseam) == missing[:2] + [(21, "new", "P0001")] + missing[2:]
    old(db, "UPDATE t SET first = 'C' WHERE id = 21")
    if command == "complete":
        pgseam.run("complete", "--look", "0")
        assert db.query("SELECT * FROM t ORDER BY id") == [(1, "again?"), (3, "e? f"), (21, "C D"), (40, "g? h")]
        return
    assert "3 rows" in pgseam.run("rollback").err
    kept = {row["key"]["id"]: row for row in json.loads(pgseam.run("version", "quarantine", "m", "--format", "json").out)["rows"]}
    assert {key: row["written"]["name"] for key, row in kept.items()} == {1: "again?", 3: "e? f", 40: "g? h"}
    assert kept[1]["replaced"] == {"first": "Ada", "last": "B"}


def test_triggers_of_the_user_take_nothing_of_what_was_written(cluster, db, pgseam):
    names(db)
    db.execute("CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := coalesce(NEW.name, 'nobody at all');"
               " RETURN NEW; END $$; CREATE TRIGGER m BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fill()")
    to_the_gate(pgseam, NAMES)
    new(db, "INSERT INTO t (id, first, last) VALUES (2, 'a?', 'b')")
    new(db, "UPDATE t SET first = 'x?' WHERE id = 1")
    old(db, "INSERT INTO t (id, name) VALUES (3, 'Who? X')")
    old(db, "UPDATE t SET name = 'Why? Y' WHERE id = 3")
    columns = ("name", "first, last")
    assert both(db, 2, columns)[1] == ("a?", "b") and both(db, 1, columns)[1] == ("x?", "B")
    assert both(db, 3, columns) == (("Why? Y",), (None, None)) and listed(pgseam) == [(3, "new", "P0001")]


def test_a_shared_column_and_columns_beside(cluster, db, pgseam):
    table(db, "id int PRIMARY KEY, a int, d int, k int DEFAULT 1", "(1, 10, 2), (2, 10, 0)", "id, a, d")
    to_the_gate(pgseam, """-- pgseam: version v2
-- pgseam: on-error quarantine
-- pgseam: up b = a / d
ALTER TABLE t ADD COLUMN b int;
-- pgseam: down a = b * d * (1 / k)
ALTER TABLE t DROP COLUMN a;
-- pgseam: up inverse = 100 / d
ALTER TABLE t ADD COLUMN inverse int;
""")
    columns = ("a, d", "b, d, inverse")
    assert both(db, 1, columns) == ((10, 2), (5, 2, 50)) and both(db, 2, columns) == ((10, 0), (None, 0, None))
    new(db, "INSERT INTO t (id, b, d, inverse, k) VALUES (3, 7, 2, 9, 0)")
    assert both(db, 3, columns) == ((None, 2), (7, 2, 9))
    new(db, "UPDATE t SET k = 1 WHERE id = 3")
    assert both(db, 3, columns) == ((14, 2), (7, 2, 9))
    old(db, "UPDATE t SET d = 5 WHERE id = 2")
    assert both(db, 2, columns) == ((10, 5), (2, 5, 20))
    assert listed(pgseam) == []
    pgseam.run("complete", "--look", "0")
    assert db.query("SELECT id, b, inverse FROM t ORDER BY id") == [(1, 5, 50), (2, 2, 20), (3, 7, 9)]


def test_a_row_that_fails_after_the_look_is_not_lost(cluster, db, pgseam):
    """Written between the look through the table and the lock: the step under the lock finds it, and the next complete looks again."""
    table(db, rows="(1, '1')")
    to_the_gate(pgseam, TYPE)
    pgseam.run("complete", "--look", "0", env={"PGSEAM_FAULT": "quarantine.work:kill"}, expect=None)
    with db.connect(APP) as conn:
        conn.execute("BEGIN")
        conn.execute("INSERT INTO t (id, a) VALUES (2, 'late')")
        thread = threading.Thread(target=lambda: results.append(pgseam.run("resume", expect=None)))
        results = []
        thread.start()
        # The look does not see it, the lock waits for it.
        for _ in range(1500):
            if db.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"):
                break
            threading.Event().wait(0.02)
        else:
            raise AssertionError("nobody waits for the lock")
        conn.execute("COMMIT")
    thread.join(60)
    assert results[0].rc != 0 and "quarantine" in results[0].err, results
    assert both(db, 2, ("a", "a")) == (("late",), (None,))
    result = pgseam.run("complete", "--look", "0", expect=3)
    assert '{"id": 2}' in result.err, result
    new(db, "UPDATE t SET a = 2 WHERE id = 2")
    pgseam.run("complete", "--look", "0")
    assert db.query("SELECT id, a FROM t ORDER BY id") == [(1, 1), (2, 2)]


@pytest.mark.parametrize("statement, sqlstate", [
    ("SET statement_timeout = 200; INSERT INTO t (id, a) VALUES (9, 'sleep')", "57014"),
    ("INSERT INTO t (id, a) VALUES (9, '40001')", "40001"), ("INSERT INTO t (id, a) VALUES (9, '55P03')", "55P03"),
    ("INSERT INTO t (id, a) VALUES (9, '53200')", "53200"), ("INSERT INTO t (id, a) VALUES (9, '57P01')", "57P01"),
    ("INSERT INTO t (id, a) VALUES (9, 'MY001')", "MY001")])
def test_what_is_no_matter_of_the_row_is_not_caught(cluster, db, pgseam, statement, sqlstate):
    table(db, rows="(1, '1')")
    db.execute("CREATE FUNCTION made(x text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF x = 'sleep' THEN PERFORM pg_sleep(30); END IF;"
               " IF length(x) = 5 THEN RAISE 'no' USING ERRCODE = x; END IF; RETURN x::int; END $$")
    to_the_gate(pgseam, TYPE.replace("USING a::int", "USING made(a)"))
    with db.connect(APP) as conn, pytest.raises(psycopg.Error) as raised:
        conn.execute(statement)
    assert raised.value.sqlstate == sqlstate
    assert listed(pgseam) == [] and db.scalar("SELECT count(*) FROM t") == 1


@pytest.mark.parametrize("back", [False, True], ids=["complete", "rollback"])
def test_nobody_has_more_rights_than_before(cluster, db, pgseam, back):
    table(db)
    db.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {APP}")
    to_the_gate(pgseam, TYPE)
    own = db.scalar("SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname ~ '^pgseam_version'")
    assert db.query("SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE prosecdef AND quote_ident(nspname) = %s", [own]) == []
    with db.connect(APP) as conn:
        for statement in ("SELECT FROM {}", "DELETE FROM {}", "UPDATE {} SET side = 'new'", "TRUNCATE {}",
                          "INSERT INTO {} (role, table_schema, table_name, row_key, side, columns, sqlstate, message)"
                          " VALUES ('postgres', 'public', 't', '{{}}', 'new', '{{}}', '', '')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.format(f"{own}.pgseam_quarantine"))
            conn.rollback()
        # A line that somebody makes up changes nothing.
        conn.execute(f"INSERT INTO {own}.pgseam_quarantine (table_schema, table_name, row_key, side, columns, sqlstate, message)"
                     " VALUES ('public', 't', '{\"id\": 1}', 'new', '{pgseam_new_a}', '', ''), ('public', 't', '{}', 'new', '{x}', '', ''),"
                     " ('public', 't', '{\"id\": \"no id\"}', 'old', '{a}', '', ''), ('public', 't', '[null]', 'new', '{pgseam_new_a}', '', '')")
    assert listed(pgseam) == [(2, "new", "22P02")] and quarantined(pgseam) == 1
    if back:
        pgseam.run("rollback")
        assert listed(pgseam, "m") == []
        return
    new(db, "UPDATE t SET a = 2 WHERE id = 2")
    pgseam.run("complete", "--look", "0")


LONG = "ä" * 28 + "longest"


@pytest.mark.parametrize("key, values", [("k uuid PRIMARY KEY", [uuid.uuid4(), uuid.uuid4()]), (f'"{LONG}" timestamptz PRIMARY KEY', ["2024-03-01 12:00+05", "2024-03-02"]),
                                         ('"a ""b""" numeric, "c\'d" text, PRIMARY KEY ("a ""b""", "c\'d")', [("1.50", "x'y"), ("2", '"')])])
def test_keys_and_names(any_cluster, db, pgseam, key, values):
    db.cluster.role(APP)
    name, column = '"T ""x"".y"', f'"{LONG[:-1]}2"'
    db.execute(f"CREATE TABLE {name} ({key}, {column} text); GRANT ALL ON {name} TO {APP}")
    with db.connect() as conn:
        for value, text in zip(values, ("x", "7"), strict=True):
            value = value if isinstance(value, tuple) else (value,)
            conn.execute(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * (len(value) + 1))})", (*value, text))
    to_the_gate(pgseam, TYPE.replace("TABLE t", f"TABLE {name}").replace("down a = a", f"down {column} = {column}").replace("a::int", f"{column}::int")
                .replace("COLUMN a", f"COLUMN {column}").replace("version v2", 'version "V ""2"""'), "My file's.sql")
    with db.connect(APP) as conn:
        conn.execute("SET TimeZone = 'Asia/Tokyo'")
        conn.execute(f"UPDATE {name} SET {column} = 'y'")
    rows = json.loads(pgseam.run("version", "quarantine", "--format", "json").out)["rows"]
    assert len(rows) == 2 and rows[0]["table"] == f"public.{name}", rows
    result = pgseam.run("complete", "--look", "0", expect=3)
    assert "2 rows" in result.err
    with db.connect(APP) as conn:
        conn.execute(f"UPDATE {name} SET {column} = '6'")
    pgseam.run("complete", "--look", "0")
    assert db.query(f"SELECT {column} FROM {name}") == [(6,), (6,)]


REFUSED = {
    "no key": ("a text, n int", TYPE, "key"),
    "new not null": ("id int PRIMARY KEY, a text NOT NULL", TYPE, "must not be NULL"),
    "new not null, added": ("id int PRIMARY KEY, a text", "-- pgseam: version v2\n-- pgseam: on-error quarantine up\n-- pgseam: up b = a::int\n"
                            "ALTER TABLE t ADD COLUMN b int NOT NULL;", "must not be NULL"),
    "old not null": ("id int PRIMARY KEY, a text NOT NULL", "-- pgseam: version v2\n-- pgseam: on-error quarantine down\n-- pgseam: up b = a::int\n"
                     "ALTER TABLE t ADD COLUMN b int;\n-- pgseam: down a = b::text\nALTER TABLE t DROP COLUMN a;", "on-error quarantine up"),
    "fill": ("id int PRIMARY KEY, a text", "-- pgseam: version v2\n-- pgseam: on-error quarantine\n-- pgseam: up a = 'x'\n"
             "ALTER TABLE t ALTER COLUMN a SET NOT NULL;", "must not be NULL"),
    "the key is renamed": ("id int PRIMARY KEY, a text", TYPE + "ALTER TABLE t RENAME COLUMN id TO number;", "key"),
    "nothing to compute": ("id int PRIMARY KEY, a text", "-- pgseam: version v2\n-- pgseam: on-error quarantine\nALTER TABLE t RENAME COLUMN a TO b;", "on-error"),
    "no version": ("id int PRIMARY KEY, a text", "-- pgseam: on-error quarantine\nALTER TABLE t ADD COLUMN b int;", "version"),
    "below": ("id int PRIMARY KEY, a text", TYPE + "-- pgseam: on-error reject\nALTER TABLE t ADD COLUMN b int;", "first statement"),
    "word": ("id int PRIMARY KEY, a text", TYPE.replace("quarantine", "ignore"), "known: on-error reject"),
    "types": ("id int PRIMARY KEY, a text", TYPE.replace("a::int;", "date_trunc('day', a);"), ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_when_planned(cluster, db, pgseam, name):
    columns, file, words = REFUSED[name]
    db.execute(f"CREATE TABLE t ({columns})")
    before = db.dump_schema()
    result = pgseam.run("start", pgseam.file("m.sql", file), expect=3)
    assert words in result.err, result
    assert_same(before, db.dump_schema(), "something was changed")


def test_one_direction_alone(cluster, db, pgseam):
    table(db, "id int PRIMARY KEY, a text", "(1, '1'), (2, 'x')")
    to_the_gate(pgseam, TYPE.replace("on-error quarantine", "on-error quarantine up").replace("down a = a::text", "down a = (100 / a)::text"))
    with pytest.raises(psycopg.errors.DivisionByZero):
        new(db, "UPDATE t SET a = 0 WHERE id = 1")
    assert both(db, 1, ("a", "a")) == (("1",), (1,)) and listed(pgseam) == [(2, "new", "22P02")]


@pytest.mark.parametrize("point", ["batch.committed", "quarantine.work"])
def test_killed_in_the_backfill(cluster, db, pgseam, point):
    table(db, rows="(-1, '1')")
    db.execute("INSERT INTO t (id, a) SELECT g, CASE WHEN g % 7 = 0 THEN 'bad' ELSE g::text END FROM generate_series(1, 5000) g")
    before = db.query("SELECT id, a FROM t ORDER BY id")
    args = ["start", pgseam.file("m.sql", TYPE), "--max-batch", "500"]
    kills = 0
    for number in range(1, 40, 3):
        result = pgseam.run(*args, env={"PGSEAM_FAULT": f"{point}:kill:{number}"}, expect=None)
        old(db, "UPDATE t SET a = a WHERE id = 7")
        if result.rc == 0:
            break
        assert result.rc == -signal.SIGKILL, result
        kills += 1
        args = ["resume"]
    assert kills and state(pgseam) == "gated" and quarantined(pgseam) == 5000 // 7
    assert db.query("SELECT id, a FROM t ORDER BY id") == before
    assert db.scalar("SELECT count(*) FROM v2.t WHERE a IS NULL") == 5000 // 7
    pgseam.run("rollback")
    assert db.query("SELECT id, a FROM t ORDER BY id") == before


@pytest.mark.parametrize("command, point", [("rollback", "guard.locked"), ("rollback", "undo.done"), ("complete", "guard.committed"),
                                            ("complete", "quarantine.work"), ("migrate", "guard.committed")])
def test_killed_on_the_way_back_or_out(cluster, db, pgseam, command, point):
    names(db)
    before = db.dump_schema()
    to_the_gate(pgseam, NAMES)
    new(db, "INSERT INTO t (id, first, last) VALUES (2, 'a?', 'b')")
    folder = pathlib.Path(pgseam.file("db/m.sql", NAMES)).parent
    for number in range(1, 40):
        word = command if command != "complete" or state(pgseam) == "gated" else "resume"
        words = {"complete": [word, "--look", "0"], "migrate": [word, folder, "--complete"]}.get(word, [word])
        result = pgseam.run(*words, env={"PGSEAM_FAULT": f"{point}:kill:{number}"}, expect=None)
        if result.rc == 0:
            break
        assert result.rc == -signal.SIGKILL, result
    if command == "rollback":
        assert_same(before, db.dump_schema(), "rollback leaves something")
        assert listed(pgseam, "m") == [(2, "old", "P0001")] and db.query("SELECT id, name FROM t ORDER BY id") == [(1, "Ada B"), (2, None)]
    else:
        assert state(pgseam) == "complete" and db.query("SELECT id, first, last FROM t ORDER BY id") == [(1, "Ada", "B"), (2, "a?", "b")]


def test_live_writers_on_both_sides(cluster, db, pgseam):
    """Each client knows what it has written and finds exactly that, whether the other side could be computed or not."""
    names(db)
    db.execute("INSERT INTO t (id, name) SELECT -g, CASE WHEN g % 5 = 0 THEN 'bad? x' ELSE 'A b' END FROM generate_series(1, 2000) g")
    errors, halt, mine = [], threading.Event(), [{}, {}]

    def work(number):
        texts = ("name", "first || ' ' || last")[number]
        try:
            with session(db, ("public", "v2, public")[number], role=APP) as conn:
                for turn in range(10**6):
                    if halt.is_set():
                        return
                    key = 2 * (turn % 40) + number + 10
                    value = ("Ok", "no?", "Fine")[turn % 3] + f" {turn}"
                    first, last = value.split()
                    if number == 0:
                        conn.execute("INSERT INTO t (id, name) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name", [key, value])
                    else:
                        conn.execute("INSERT INTO t (id, first, last) VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET first = EXCLUDED.first,"
                                     " last = EXCLUDED.last", [key, first, last])
                    mine[number][key] = value
                    seen = conn.execute(f"SELECT {texts} FROM t WHERE id = %s", [key]).fetchone()[0]
                    assert seen == value, (number, key, seen, value)
                    conn.execute("UPDATE t SET n = n + 1 WHERE id = %s", [key ^ 1])
        except Exception as error:  # noqa: BLE001: whatever it is, the test fails with it
            errors.append(f"{number}: {error}")

    threads = [threading.Thread(target=work, args=[0])]
    threads[0].start()
    to_the_gate(pgseam, NAMES)
    threads.append(threading.Thread(target=work, args=[1]))
    threads[1].start()
    halt.wait(1.5)
    refused(pgseam)
    halt.set()
    for thread in threads:
        thread.join(30)
    assert not errors, errors
    for number, text in enumerate(("SELECT id, name FROM public.t", "SELECT id, first || ' ' || last FROM v2.t")):
        found = dict(db.query(text))
        assert mine[number] and {key: found[key] for key in mine[number]} == mine[number]
        for key, value in mine[1 - number].items():
            other = dict(db.query(("SELECT id, name FROM public.t", "SELECT id, first || ' ' || last FROM v2.t")[number]))[key]
            assert other == (None if "?" in value else value), (number, key, other, value)
    assert {row[0]: row[1] for row in db.query("SELECT id, name FROM t WHERE id < 0")} == {
        -g: "bad? x" if g % 5 == 0 else "A b" for g in range(1, 2001)}
    db.execute("UPDATE t SET name = replace(name, '?', '') WHERE name LIKE '%?%'")
    new(db, "UPDATE t SET first = replace(first, '?', '') WHERE first LIKE '%?%'")
    assert listed(pgseam) == []
    pgseam.run("complete", "--look", "0")


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_direction_that_rejects_does_not_fail_on_a_missing_side(cluster, db, pgseam, direction):
    """Its expression raises for NULL; an unrelated write of a shared column, and the comparison, are none of its matter."""
    db.execute("CREATE FUNCTION strictly(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF x IS NULL THEN RAISE 'null'; END IF;"
               " RETURN x; END $$")
    table(db, "id int PRIMARY KEY, a int, d int NOT NULL DEFAULT 1", "(1, 10)", "id, a")
    up, down = ("a / d", "strictly(b) * d") if direction == "up" else ("strictly(a) * d", "b / d")
    to_the_gate(pgseam, f"-- pgseam: version v2\n-- pgseam: on-error quarantine {direction}\n-- pgseam: up b = {up}\nALTER TABLE t ADD COLUMN b int;\n"
                        f"-- pgseam: down a = {down}\nALTER TABLE t DROP COLUMN a;\n")
    if direction == "up":
        old(db, "INSERT INTO t (id, a, d) VALUES (2, 7, 0)")
        with pytest.raises(psycopg.errors.RaiseException):
            new(db, "INSERT INTO t (id, b) VALUES (3, NULL)")
    else:
        new(db, "INSERT INTO t (id, b, d) VALUES (2, 7, 0)")
        with pytest.raises(psycopg.errors.RaiseException):
            old(db, "INSERT INTO t (id, a) VALUES (3, NULL)")
    missing = ((7, 0), (None, 0)) if direction == "up" else ((None, 0), (7, 0))
    assert both(db, 2, ("a, d", "b, d")) == missing
    side = old if direction == "up" else new
    side(db, "UPDATE t SET id = id, d = 0 WHERE id = 2")
    assert listed(pgseam) == [(2, "new" if direction == "up" else "old", "22012")]
    side(db, "UPDATE t SET d = 7 WHERE id = 2")
    assert both(db, 2, ("a, d", "b, d")) == ((7, 7), (1, 7)) if direction == "up" else ((1, 7), (7, 7))
    pgseam.run("complete", "--look", "0")


RANDOM = """-- pgseam: version v2
-- pgseam: on-error quarantine
-- pgseam: up c = a::int / k
ALTER TABLE t ADD COLUMN c int;
-- pgseam: up d = known(b)
ALTER TABLE t ADD COLUMN d text;
-- pgseam: down a = (c * k / (c - 3))::text || left(d, 0)
ALTER TABLE t DROP COLUMN a;
-- pgseam: down b = known(d) || left(c::text, 0)
ALTER TABLE t DROP COLUMN b;
-- pgseam: up half = 100 / k
ALTER TABLE t ADD COLUMN half int;
-- pgseam: down gone = 100 / (k - 1)
ALTER TABLE t DROP COLUMN gone;
"""


class Both:
    """A session of each application, and one that reads all rows as both see them."""

    def __init__(self, db):
        self.conns = [db.connect(APP), db.connect(APP)]
        self.open = [one.__enter__() for one in self.conns]
        self.open[1].execute("SET search_path = v2, public")
        self.open[1].commit()
        self.read = db.connect().__enter__()

    def rows(self):
        found = {key: (old, new, k) for key, *old, k in self.read.execute("SELECT id, a, b, k FROM t") for new in [None]}
        for key, *new in self.read.execute("SELECT id, c, d FROM v2.t"):
            found[key] = (tuple(found[key][0]), tuple(new), found[key][2])
        self.read.commit()
        return found

    def run(self, side, statement, values):
        self.open[side].execute(statement, values)
        self.open[side].commit()


@pytest.mark.parametrize("has_triggers", [False, True], ids=["", "triggers"])
def test_random_writes(cluster, db, pgseam, has_triggers):
    """Nothing is refused; who writes finds what he wrote; what was not written is not lost for what cannot be computed."""
    dice = random.Random(7)
    db.execute(KNOWN)
    table(db, "id int PRIMARY KEY, a text, b text, k int DEFAULT 1, gone int, n int", "(0, '1', 'b'), (1, 'x', 'b'), (2, '5', '?')", "id, a, b")
    if has_triggers:
        db.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := 1; RETURN NEW; END $$;"
                   " CREATE TRIGGER m BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION nothing()")
    to_the_gate(pgseam, RANDOM)
    both_of, names_of = Both(db), (("a", "b"), ("c", "d"))
    pools = (([None, "1", "6", "x"], [None, "b", "?"]), ([None, 1, 3, 6], [None, "b", "?"]))
    for turn in range(500):
        side, key, before = dice.randrange(2), dice.randrange(6), both_of.rows()
        other = 1 - side
        if key not in before:
            values = [dice.choice(pool) for pool in pools[side]]
            both_of.run(side, "INSERT INTO t (id, {}, {}, k) VALUES (%s, %s, %s, %s)".format(*names_of[side]), [key, *values, dice.choice([0, 1, 2])])
            assert both_of.rows()[key][side] == tuple(values), (turn, side, key)
            continue
        what = dice.choice(["one", "two", "shared", "n", "delete"] if turn % 9 == 0 else ["one", "two", "shared", "n"])
        if what == "delete":
            both_of.run(side, "DELETE FROM t WHERE id = %s", [key])
        elif what == "n":
            both_of.run(side, "UPDATE t SET n = 1, id = id WHERE id = %s", [key])
            assert both_of.rows() == before, (turn, side, key)
        elif what == "shared":
            both_of.run(side, "UPDATE t SET k = %s WHERE id = %s", [dice.choice([0, 1, 2]), key])
            after = both_of.rows()[key]
            assert after[0] == before[key][0] or before[key][0] == (None, None), (turn, before[key], after)
            assert after[0] != (None, None) or after[1] == before[key][1] or before[key][1] == (None, None), (turn, before[key], after)
        else:
            columns = [0, 1] if what == "two" else [dice.randrange(2)]
            values = [dice.choice(pools[side][column]) for column in columns]
            sets = ", ".join(f"{names_of[side][column]} = %s" for column in columns)
            both_of.run(side, f"UPDATE t SET {sets} WHERE id = %s", [*values, key])
            wanted = list(before[key][side])
            for column, value in zip(columns, values, strict=True):
                wanted[column] = value
            after = both_of.rows()[key]
            assert after[side] == tuple(wanted), (turn, side, before[key], after)
            if tuple(wanted) == before[key][side]:
                assert after == before[key]
            elif None in wanted and None in before[key][side] and after[other] == (None, None):
                # A part takes the whole of the other side only where the two said the same before.
                assert before[key][other] == (None, None) or not is_missing(side, *before[key]), (turn, side, before[key], after)


def is_missing(side, old_side, new_side, k):
    """Does what computes this side fail?"""
    (a, b), (c, d) = old_side, new_side
    if side == 0:
        return c == 3 or "?" in (d or "")
    return a == "x" or (a is not None and k == 0) or "?" in (b or "")
