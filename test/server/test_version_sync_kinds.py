"""The sync trigger: columns that only one version has, values filled in place, shared columns; and what is there is what was made."""

import psycopg
import pytest
from harness.synced import OWN, Synced, cents_table, column, group, names_pair, names_table, pair


def only_new(db, **options):
    """A new column that is made from shared ones."""
    return Synced(db, "CREATE TABLE t (id int PRIMARY KEY, first text, last text)",
                  [group("add", new=[column("greeting", "'Hello ' || first", "first")]), group("add", new=[column("level", "3")])],
                  hidden={"greeting": "text", "level": "int"},
                  shown={name: name for name in ("id", "first", "last", "greeting", "level")}, **options)


def only_old(db, **options):
    """An old column that the new version does not know; it is NOT NULL."""
    return Synced(db, "CREATE TABLE t (id int PRIMARY KEY, status int, label text NOT NULL, n int)",
                  [group("drop", old=[column("label", "'is ' || status", "status")])], shown={"id": "id", "status": "status", "n": "n"},
                  **options)


@pytest.mark.parametrize("user_triggers", [False, True])
def test_a_column_that_only_the_new_version_has(any_cluster, db, user_triggers):
    synced = only_new(db, user_triggers=user_triggers)

    def row():
        return db.query("SELECT first, greeting, level FROM v2.t WHERE id = 1")[0]

    db.execute("INSERT INTO t VALUES (1, 'Ada')")
    assert row() == ("Ada", "Hello Ada", 3)
    db.execute("UPDATE t SET first = 'Max'")
    assert row() == ("Max", "Hello Max", 3)
    db.execute("UPDATE v2.t SET greeting = 'Hi', level = NULL")
    db.execute("UPDATE t SET last = 'x'; UPDATE t SET first = first")
    assert row() == ("Max", "Hi", None)
    # The new version knows what it wants, as long as its statement says which version it is.
    db.execute("SET search_path = v2, public; UPDATE t SET first = 'Ida'")
    assert row() == ("Ida", "Hi", None)
    db.execute("UPDATE v2.t SET first = 'Eve', greeting = 'Own'")
    assert row() == ("Eve", "Own", None)
    db.execute("DELETE FROM t; INSERT INTO v2.t (id, first) VALUES (1, 'New')")
    assert row() == ("New", None, None)
    # That is what the new version wrote.
    assert synced.mismatches() == 0 and synced.verified() == (True, True)


@pytest.mark.parametrize("user_triggers", [False, True])
def test_a_column_that_only_the_old_version_has(any_cluster, db, user_triggers):
    synced = only_old(db, user_triggers=user_triggers)

    def label():
        return db.scalar("SELECT label FROM t WHERE id = 1")

    db.execute("INSERT INTO v2.t VALUES (1, 5), (2, 6)")
    assert label() == "is 5"
    db.execute("UPDATE t SET status = 7")
    assert label() == "is 5"
    for path, status in (("v2, public", 8), ("public_01, v2", 9), ('"V-2", v2', 10)):
        db.execute(f"SET search_path = {path}; UPDATE t SET status = {status}")
        assert label() == f"is {status}"
    db.execute("SET search_path = v2; UPDATE t SET n = 1; UPDATE t SET status = status")
    db.execute("UPDATE t SET label = 'own'; SET search_path = v2; UPDATE t SET n = 2")
    assert label() == "own"
    db.execute("CREATE FUNCTION set_status(int) RETURNS void LANGUAGE plpgsql SET search_path = v2 AS 'BEGIN UPDATE t SET status = $1; END';"
               "SELECT set_status(11)")
    assert label() == "is 11"
    db.execute("SET search_path = v2; UPDATE public.t SET status = 12, label = 'mine'")
    assert label() == "mine"
    # Old writers, as ever; and a table of that name that is in front of the view.
    db.execute("UPDATE t SET status = 1, label = 'both'; INSERT INTO t VALUES (3, 3, 'three')")
    db.execute("SET search_path = v2; CREATE TEMP TABLE t (x int); UPDATE public.t SET status = 2")
    assert db.query("SELECT label FROM t ORDER BY id") == [("both",), ("both",), ("three",)]
    with pytest.raises(psycopg.errors.NotNullViolation):
        db.execute("INSERT INTO t (id, status) VALUES (4, 4)")
    assert synced.mismatches() == 0 and synced.verified() == (True, True)


def test_an_old_role_needs_no_right_on_the_new_schema(db):
    db.cluster.role("app")
    only_old(db)
    db.execute("GRANT SELECT, INSERT, UPDATE ON t TO app; INSERT INTO t VALUES (1, 1, 'one')")
    db.execute("SET search_path = v2, public; UPDATE t SET status = 2; UPDATE public.t SET status = 3", role="app")
    assert db.query("SELECT status, label FROM t") == [(3, "one")]


def test_a_users_trigger_on_a_shared_column_is_before_what_is_made_from_it(db):
    only_old(db, user_triggers=True)
    db.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.status := abs(NEW.status); RETURN NEW; END';"
               "CREATE TRIGGER m BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();"
               "INSERT INTO v2.t VALUES (1, -5)")
    assert db.query("SELECT status, label FROM t") == [(5, "is 5")]
    db.execute("SET search_path = v2; UPDATE t SET status = -6")
    assert db.query("SELECT status, label FROM t") == [(6, "is 6")]


@pytest.mark.parametrize("user_triggers", [False, True])
def test_a_value_is_filled_in_place(any_cluster, db, user_triggers):
    synced = Synced(db, "CREATE TABLE t (id int PRIMARY KEY, email text); INSERT INTO t VALUES (1, NULL);"
                    "ALTER TABLE t ADD CHECK (email IS NOT NULL) NOT VALID",
                    [group("fill", new=[column("email", "'none-' || id", "id")])], user_triggers=user_triggers)
    assert synced.mismatches() == 1
    db.execute("INSERT INTO t VALUES (2, NULL), (3, 'x@y'); UPDATE t SET id = id; UPDATE t SET email = NULL WHERE id = 3")
    assert db.query("SELECT email FROM t ORDER BY id") == [("none-1",), ("none-2",), ("none-3",)]
    assert synced.mismatches() == 0 and synced.verified() == (True, True)


def test_a_column_of_a_composite_type(db):
    # IS NULL is true of a row of NULLs, which NOT NULL takes.
    Synced(db, "CREATE TYPE two AS (a int, b int); CREATE TABLE t (id int PRIMARY KEY, c two)",
           [group("fill", new=[column("c", "ROW(id, id)::two", "id")])])
    db.execute("INSERT INTO t VALUES (1, ROW(NULL, NULL)), (2, NULL)")
    assert db.query("SELECT c::text FROM t ORDER BY id") == [("(,)",), ("(2,2)",)]


def shared_rate(db):
    """Both sides are made with a column that both versions have."""
    return Synced(db, "CREATE TABLE t (id int PRIMARY KEY, net numeric, rate numeric)",
                  [pair([column("net", "gross / (1 + rate)", "gross", "rate")], [column("gross", "net * (1 + rate)", "net", "rate")])],
                  hidden={"gross": "numeric(12,2)"}, shown={"id": "id", "gross": "gross", "rate": "rate"})


def test_when_a_shared_column_changes_the_old_side_stands(db):
    synced = shared_rate(db)
    db.execute("INSERT INTO t VALUES (1, 100, 0.5)")
    db.execute("UPDATE t SET rate = 1")
    assert db.query("SELECT net, gross FROM t") == [(100, 200)]
    db.execute("UPDATE v2.t SET rate = 0, gross = 70")
    assert db.query("SELECT net, gross FROM t") == [(70, 70)]
    db.execute("UPDATE t SET rate = 1, net = 80")
    assert db.query("SELECT net, gross FROM t") == [(80, 160)]
    synced.assert_in_step()


def test_a_shared_column_that_leaves_the_sides_in_step_changes_neither(db):
    # `down` is lossy: `up` would take away what the new side wrote.
    synced = Synced(db, "CREATE TABLE t (id int PRIMARY KEY, a text, s text)",
                    [pair([column("a", "lower(b)", "b")], [column("b", "a || left(s, 0)", "a", "s")])],
                    hidden={"b": "text"}, shown={"id": "id", "b": "b", "s": "s"})
    db.execute("INSERT INTO v2.t VALUES (1, 'X', 's'); UPDATE v2.t SET s = 't'")
    assert db.query("SELECT a, b FROM t") == [("x", "X")]
    synced.assert_in_step()


def test_one_way_columns_are_not_touched(db):
    # The new side keeps what it wrote though nothing brings it back, until the old side writes again.
    synced = Synced(db, "CREATE TABLE t (id int PRIMARY KEY, a text, n int) PARTITION BY LIST (id);"
                    "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)",
                    [pair([column("a", None)], [column("b", "upper(a)", "a")])], hidden={"b": "text"}, shown={"id": "id", "b": "b"})
    db.execute("INSERT INTO t VALUES (1, 'x'); UPDATE v2.t SET b = 'own'; UPDATE v2.t SET id = 2")
    assert db.query("SELECT id, a, b FROM t") == [(2, "x", "own")]
    db.execute("UPDATE t SET a = 'y'; INSERT INTO v2.t VALUES (1, 'new')")
    assert db.query("SELECT id, a, b FROM t ORDER BY id") == [(1, None, "new"), (2, "y", "Y")]
    assert synced.mismatches() == 0


def test_what_was_exchanged_is_seen(any_cluster, db):
    synced = names_table(db, user_triggers=True)
    up, last = "pgseam_up_public.t.full_name", "pgseam_last_public.t"
    assert synced.verified() == (True, True)
    for statement, found in [
        (f'CREATE OR REPLACE FUNCTION {OWN}."{up}"("first" text, "last" text) RETURNS text STABLE RETURN first', (False, True)),
        (f'CREATE OR REPLACE FUNCTION {OWN}."{last}"() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN RETURN NEW; END\'', (False, True)),
        (f'ALTER FUNCTION {OWN}."{up}" SECURITY DEFINER', (False, True)),
        (f'ALTER FUNCTION {OWN}."{up}" SET search_path = public', (False, True)),
        (f'ALTER FUNCTION {OWN}."{up}" RENAME TO x', (False, True)),
        ('ALTER TABLE t ENABLE TRIGGER "~pgseam_sync"', (True, False)),
        ('ALTER TABLE t DISABLE TRIGGER "!pgseam_sync"', (True, False)),
        ('DROP TRIGGER "!pgseam_sync" ON t', (True, False)),
        ('ALTER TRIGGER "~pgseam_sync" ON t RENAME TO x', (True, False)),
    ]:
        with db.connect() as conn, conn.transaction(force_rollback=True):
            conn.execute(statement)
            seen = tuple(conn.execute(synced.made[one]).fetchone()[0] for one in ("verify_functions", "verify_triggers"))
        assert seen == found, statement
    assert synced.verified() == (True, True)


def test_a_mismatch_is_counted_and_shown(db):
    synced = cents_table(db)
    db.execute("INSERT INTO t SELECT i, i FROM generate_series(1, 20) i; INSERT INTO v2.t VALUES (21, 1.005)")
    synced.assert_in_step()
    db.execute('ALTER TABLE t DISABLE TRIGGER "~pgseam_sync"; UPDATE t SET amount = 77 WHERE id IN (3, 4); UPDATE t SET cents = NULL WHERE id = 5;'
               "UPDATE t SET amount = NULL WHERE id > 14")
    assert synced.mismatches() == 10
    shown = db.query(synced.made["show"])
    assert len(shown) == 5 and ("(3)", "cents, amount", "(3)", "(77.000)") in shown


def test_what_an_expression_uses_cannot_be_dropped(db):
    db.execute("CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1 * 2;")
    Synced(db, "CREATE TABLE t (id int PRIMARY KEY, a int)", [pair([column("a", "b / 2 -- a comment", "b")], [column("b", "twice(a)", "a")])],
           hidden={"b": "int"}, shown={"id": "id", "b": "b"})
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        db.execute("DROP FUNCTION twice(int)")
    db.execute("ALTER FUNCTION twice(int) RENAME TO doubled; INSERT INTO t VALUES (1, 2)")
    assert db.scalar("SELECT b FROM v2.t") == 4


def test_the_expressions_are_inlined(db):
    # A call into a SQL function for each row is dear: STABLE lets any expression that is allowed become part of its caller.
    Synced(db, "CREATE TABLE t (id int PRIMARY KEY, a date)", [pair([column("a", "b::date", "b")], [column("b", "to_char(a, 'DD.MM.YYYY')", "a")])],
           hidden={"b": "text"}, shown={"id": "id", "b": "b"})
    plan = "\n".join(row[0] for row in db.query(f'EXPLAIN (VERBOSE, COSTS OFF) SELECT {OWN}."pgseam_up_public.t.b"(a) FROM t'))
    assert "to_char" in plan and "pgseam_up" not in plan


def test_statements_prepared_before_are_kept_in_step(db):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, first text, last text, n int)")
    with db.connect() as conn:
        conn.execute("PREPARE i AS INSERT INTO t (id, first, last) VALUES ($1, $2, $3); PREPARE u AS UPDATE t SET first = $1;"
                     "PREPARE s AS SELECT first, last FROM t; EXECUTE i (1, 'a', 'b'); EXECUTE u ('c'); DELETE FROM t")
        synced = Synced(db, "SELECT", [names_pair()], hidden={"full_name": "text"}, shown={"id": "id", "full_name": "full_name"})
        conn.execute("EXECUTE i (1, 'a', 'b')")
        assert db.scalar("SELECT full_name FROM v2.t") == "a b"
        conn.execute("EXECUTE u ('c')")
        assert db.scalar("SELECT full_name FROM v2.t") == "c b"
        db.execute("UPDATE v2.t SET full_name = 'd e'")
        assert conn.execute("EXECUTE s").fetchall() == [("d", "e")]
    synced.assert_in_step()
    # And when the trigger goes, with what it needs, in one transaction.
    with db.connect() as conn:
        conn.execute("PREPARE n AS INSERT INTO t (id, first, last) VALUES (2, 'x', 'y'); EXECUTE n; DELETE FROM t")
        db.execute("BEGIN;" + ";".join(synced.made["drop_triggers"]) + f"; DROP SCHEMA v2 CASCADE; DROP VIEW {OWN}.t;"
                   + ";".join(synced.made["drop_functions"]) + "; ALTER TABLE t DROP full_name, DROP pgseam_side; COMMIT")
        conn.execute("EXECUTE n")
    assert db.query("SELECT * FROM t") == [(2, "x", "y", None)]


def test_copy_comes_from_the_old_side(db):
    synced = names_table(db)
    with db.connect() as conn, conn.cursor().copy("COPY t (id, first, last) FROM STDIN") as copy:
        copy.write("1\tAda\tByron\n2\tMax\t\\N\n")
    assert db.query("SELECT full_name FROM v2.t ORDER BY id") == [("Ada Byron",), (None,)]
    synced.assert_in_step()


def test_defaults_of_either_side(any_cluster, db):
    synced = cents_table(db, ddl="CREATE TABLE t (id serial PRIMARY KEY, cents bigint DEFAULT 7, n int)")
    db.execute("ALTER VIEW v2.t ALTER amount SET DEFAULT 5; ALTER VIEW v2.t ALTER id SET DEFAULT nextval('t_id_seq')")
    db.execute("INSERT INTO t DEFAULT VALUES; INSERT INTO v2.t DEFAULT VALUES; INSERT INTO t (n) VALUES (1); INSERT INTO v2.t (n) VALUES (2);"
               "INSERT INTO v2.t (amount, n) VALUES (DEFAULT, 3), (NULL, 4); INSERT INTO t (cents) VALUES (DEFAULT), (NULL);"
               "UPDATE v2.t SET amount = DEFAULT WHERE id = 1; UPDATE t SET cents = DEFAULT WHERE id = 2")
    assert db.query("SELECT cents, amount::text FROM t ORDER BY id") == [
        (500, "5.000"), (7, "0.070"), (7, "0.070"), (500, "5.000"), (500, "5.000"), (None, None), (7, "0.070"), (None, None)]
    synced.assert_in_step()
