"""The sync trigger among others: writers of both versions at once, the user's triggers, roles, search_path, partitions, a backfill."""

import os
import random
import threading
import time

import psycopg
import pytest
from harness.synced import Synced, cents_table, column, group, names_pair, names_table, pair

# All is PGSEAM_CONFLICTS=100000, half a minute.
CONFLICTS = int(os.environ.get("PGSEAM_CONFLICTS", "6000"))


def both(conn, key=1):
    """What the two sides of names_table read: (first, last), full_name."""
    row = conn.execute("SELECT first, last FROM public.t WHERE id = %s", [key]).fetchone()
    return row, conn.execute("SELECT full_name FROM v2.t WHERE id = %s", [key]).fetchone()[0]


class Writer(threading.Thread):
    """Adds to rows through one side; keeps what it added: the reference."""

    def __init__(self, db, seed, rows, count):
        super().__init__()
        self.db, self.random, self.rows, self.count = db, random.Random(seed), rows, count
        self.is_new = seed % 2 == 1
        self.added = dict.fromkeys(rows, 0)
        self.error = None

    def run(self):
        try:
            with self.db.connect() as conn:
                for turn in range(self.count):
                    key, cents = self.random.choice(self.rows), self.random.randint(-500, 500)
                    self.write(conn, key, cents, turn)
                    self.added[key] += cents
        except psycopg.Error as error:
            self.error = error

    def write(self, conn, key, cents, turn):
        if self.is_new and turn % 3 == 0:
            conn.execute("INSERT INTO v2.t AS m (id, amount) VALUES (%s, 0) ON CONFLICT (id) DO UPDATE SET amount = m.amount + %s",
                         [key, cents / 100])
        elif self.is_new:
            conn.execute("UPDATE v2.t SET amount = amount + %s WHERE id = %s", [cents / 100, key])
        elif turn % 3 == 0:
            conn.execute("INSERT INTO t AS m (id, cents) VALUES (%s, 0) ON CONFLICT (id) DO UPDATE SET cents = m.cents + %s", [key, cents])
        else:
            conn.execute("UPDATE t SET cents = cents + %s WHERE id = %s", [cents, key])


@pytest.mark.parametrize("user_triggers", [False, True])
def test_no_update_is_lost_when_both_sides_write_the_same_rows(db, user_triggers):
    synced = cents_table(db, user_triggers=user_triggers)
    rows = [1, 2, 3]
    db.execute("INSERT INTO t (id, cents) SELECT i, 0 FROM generate_series(1, 3) i")
    writers = [Writer(db, seed, rows, CONFLICTS // 8) for seed in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert [one.error for one in writers if one.error] == []
    expected = [(key, sum(one.added[key] for one in writers)) for key in rows]
    assert db.query("SELECT id, cents FROM t ORDER BY id") == expected
    assert db.query("SELECT id, (amount * 100)::bigint FROM v2.t ORDER BY id") == expected
    synced.assert_in_step()


NORMALISE = """
CREATE FUNCTION normalise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.first := lower(NEW.first); NEW.seen := concat(NEW.seen, '|', NEW.first); RETURN NEW; END $$;
CREATE TABLE t (id int PRIMARY KEY, first text, last text, n int, seen text);
"""


@pytest.mark.parametrize("trigger", ["a", "Z", "!q", "pgseam_x", "zzz", "~pg"])
def test_what_a_trigger_of_the_user_changes_reaches_both_sides(db, trigger):
    synced = Synced(db, NORMALISE + f'CREATE TRIGGER "{trigger}" BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION normalise()',
                    [names_pair()], hidden={"full_name": "text"}, shown={"id": "id", "full_name": "full_name", "n": "n"},
                    user_triggers=True)
    assert db.query(synced.made["intruders"]) == []
    with db.connect() as conn:
        conn.execute("INSERT INTO v2.t VALUES (1, 'ADA Byron')")
        assert both(conn) == (("ada", "Byron"), "ada Byron")
        # The user's trigger saw the old shape filled.
        assert conn.execute("SELECT seen FROM t").fetchone()[0] == "|ada"
        conn.execute("UPDATE v2.t SET full_name = 'MAX Ernst'")
        assert both(conn) == (("max", "Ernst"), "max Ernst")
        conn.execute("UPDATE t SET first = 'IDA'")
        assert both(conn) == (("ida", "Ernst"), "ida Ernst")
        conn.execute("UPDATE t SET n = 3")
        conn.execute("INSERT INTO t (id, first, last) VALUES (2, 'OLD', 'One')")
        assert both(conn, 2) == (("old", "One"), "old One")
        conn.execute("INSERT INTO v2.t VALUES (1, 'UP Sert') ON CONFLICT (id) DO UPDATE SET full_name = EXCLUDED.full_name")
        assert both(conn) == (("up", "Sert"), "up Sert")
    synced.assert_in_step()
    assert synced.verified() == (True, True)


def test_a_value_that_the_users_trigger_leaves_alone_is_kept_as_written(db):
    # What `down` loses must not come back through `up`.
    synced = cents_table(db, user_triggers=True)
    db.execute("CREATE FUNCTION writes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n := COALESCE(NEW.n, 0) + 1; RETURN NEW; END';"
               "CREATE TRIGGER m BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION writes()")
    db.execute("INSERT INTO v2.t VALUES (1, 1.005)")
    assert db.query("SELECT cents, amount::text, n FROM t") == [(101, "1.005", 1)]
    db.execute("UPDATE v2.t SET amount = 2.004")
    assert db.query("SELECT cents, amount::text, n FROM t") == [(200, "2.004", 2)]
    synced.assert_in_step()


@pytest.mark.parametrize("name, user_triggers, is_in_the_way", [
    ("a", False, True), ("a", True, False), ("~pgseam_sync_", True, True), ("\x7f", True, True), (" a", True, True), ("é", True, True)])
def test_a_trigger_made_later_is_seen(db, name, user_triggers, is_in_the_way):
    synced = names_table(db, user_triggers=user_triggers)
    db.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    db.execute(f'CREATE TRIGGER "{name}" BEFORE UPDATE OF first ON t FOR EACH ROW EXECUTE FUNCTION f();'
               'CREATE TRIGGER "zz" AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();'
               'CREATE TRIGGER "zzz" BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION f();'
               'CREATE TRIGGER "zzzz" BEFORE UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION f()')
    assert db.query(synced.made["intruders"]) == ([(name,)] if is_in_the_way else [])
    db.execute(f'ALTER TABLE t DISABLE TRIGGER "{name}"')
    assert db.query(synced.made["intruders"]) == []


EVIL = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION evil.ne(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.both(smallint, int) RETURNS int LANGUAGE sql AS 'SELECT 0';
CREATE FUNCTION evil.both(int, int) RETURNS int LANGUAGE sql AS 'SELECT 0';
CREATE FUNCTION evil.cat(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
CREATE FUNCTION evil.split_part(text, text, int) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
CREATE FUNCTION evil.record_image_ne(record, record) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN false; END $$;
CREATE OPERATOR evil.= (leftarg = text, rightarg = text, function = evil.eq);
CREATE OPERATOR evil.<> (leftarg = int, rightarg = int, function = evil.ne);
CREATE OPERATOR evil.& (leftarg = int, rightarg = int, function = evil.both);
CREATE OPERATOR evil.& (leftarg = smallint, rightarg = int, function = evil.both);
CREATE OPERATOR evil.|| (leftarg = text, rightarg = text, function = evil.cat);
"""


@pytest.mark.parametrize("path", ["", "v2, public", "public_01, v2", '"V-2", public', "evil, pg_catalog, public", "public, v2"])
@pytest.mark.parametrize("user_triggers", [False, True])
def test_the_search_path_does_not_matter(db, path, user_triggers):
    synced = names_table(db, user_triggers=user_triggers)
    db.execute(EVIL)
    with db.connect() as conn:
        conn.execute("SELECT set_config('search_path', %s, false)", [path])
        conn.execute("INSERT INTO v2.t (id, full_name) VALUES (1, 'Ada Byron')")
        assert both(conn) == (("Ada", "Byron"), "Ada Byron")
        conn.execute("UPDATE v2.t SET full_name = 'Max Ernst'")
        assert both(conn) == (("Max", "Ernst"), "Max Ernst")
        conn.execute("UPDATE public.t SET first = 'Ida'")
        assert both(conn) == (("Ida", "Ernst"), "Ida Ernst")
        conn.execute("INSERT INTO public.t (id, first, last) VALUES (2, 'A', 'B')")
        assert both(conn, 2) == (("A", "B"), "A B")
    synced.assert_in_step()


def test_functions_with_a_path_of_their_own_write_to_either_side(db):
    synced = names_table(db)
    db.execute("CREATE FUNCTION new_one(int, text) RETURNS void LANGUAGE plpgsql SET search_path = v2 AS"
               " 'BEGIN INSERT INTO t (id, full_name) VALUES ($1, $2); END';"
               "CREATE FUNCTION old_one(int, text) RETURNS void LANGUAGE sql SET search_path = public AS"
               " 'INSERT INTO t (id, first, last) VALUES ($1, $2, $2)'")
    with db.connect() as conn:
        for path in ("public", "v2", "", "v2, public"):
            conn.execute("SELECT set_config('search_path', %s, false)", [path])
            conn.execute("DELETE FROM public.t; SELECT public.new_one(1, 'Ada Byron'), public.old_one(2, 'x')")
            assert (both(conn), both(conn, 2)) == ((("Ada", "Byron"), "Ada Byron"), (("x", "x"), "x x"))
    synced.assert_in_step()


def test_a_session_that_switches_triggers_off_is_kept_in_step(db):
    synced = names_table(db, user_triggers=True)
    with db.connect() as conn:
        conn.execute("SET session_replication_role = replica; INSERT INTO t (id, first, last) VALUES (1, 'A', 'B');"
                     "INSERT INTO v2.t VALUES (2, 'C D'); UPDATE v2.t SET full_name = 'E F' WHERE id = 1")
        assert (both(conn), both(conn, 2)) == ((("E", "F"), "E F"), (("C", "D"), "C D"))
    synced.assert_in_step()


@pytest.mark.parametrize("user_triggers", [False, True])
def test_rows_that_come_with_both_sides_stay_as_they_are(db, user_triggers):
    # As a subscription brings them, or pg_restore.
    cents_table(db, user_triggers=user_triggers)
    db.execute("INSERT INTO t (id, cents, amount) VALUES (1, 101, 1.005)")
    assert db.query("SELECT cents, amount::text FROM t") == [(101, "1.005")]
    db.execute("UPDATE t SET cents = 200, amount = 2.004")
    assert db.query("SELECT cents, amount::text FROM t") == [(200, "2.004")]
    # If they disagree, the old side stands.
    db.execute("UPDATE t SET cents = 300, amount = 5; INSERT INTO t (id, cents, amount) VALUES (2, 400, 7)")
    assert db.query("SELECT cents, amount::text FROM t ORDER BY id") == [(300, "3.000"), (400, "4.000")]


def test_the_backfill_leaves_the_old_side_alone(db):
    synced = names_table(db)
    db.execute("ALTER TABLE t DISABLE TRIGGER USER; INSERT INTO t (first, last) VALUES ('Mary Ann', 'Smith'), ('x', NULL);"
               'ALTER TABLE t ENABLE ALWAYS TRIGGER "~pgseam_sync"')
    assert synced.mismatches() == 1
    assert db.query(synced.made["show"]) == [("(1)", "first, last, full_name", '("Mary Ann",Smith)', "()")]
    # Before it comes by, other writers leave the row as it is or fill it.
    db.execute("UPDATE t SET n = 1")
    assert db.scalar("SELECT count(*) FROM t WHERE full_name IS NULL") == 2
    db.execute("UPDATE t SET full_name = first || ' ' || last WHERE full_name IS NULL")
    assert db.query("SELECT first, last, full_name FROM t ORDER BY id") == [("Mary Ann", "Smith", "Mary Ann Smith"), ("x", None, None)]
    synced.assert_in_step()


@pytest.mark.parametrize("user_triggers", [False, True])
def test_a_statement_whose_expression_fails_changes_nothing(db, user_triggers):
    synced = Synced(db, "CREATE TABLE t (id int PRIMARY KEY, a text)",
                    [pair([column("a", "CASE WHEN b > 9 THEN repeat('x', 1/(b-b)) ELSE b::text END", "b")], [column("b", "a::int", "a")])],
                    hidden={"b": "int"}, shown={"id": "id", "b": "b"}, user_triggers=user_triggers)
    db.execute("INSERT INTO t VALUES (1, '1')")
    for statement, error in [("INSERT INTO t VALUES (2, '2'), (3, 'three')", psycopg.errors.InvalidTextRepresentation),
                             ("UPDATE t SET a = 'x'", psycopg.errors.InvalidTextRepresentation),
                             ("INSERT INTO v2.t VALUES (4, 4), (5, 10)", psycopg.errors.DivisionByZero),
                             ("UPDATE v2.t SET b = 10", psycopg.errors.DivisionByZero)]:
        with pytest.raises(error):
            db.execute(statement)
    assert db.query("SELECT id, a, b FROM t") == [(1, "1", 1)]
    synced.assert_in_step()


@pytest.mark.parametrize("keys", [(), ("n",)])
@pytest.mark.parametrize("user_triggers", [False, True])
def test_partitions(any_cluster, db, user_triggers, keys):
    synced = cents_table(db, user_triggers=user_triggers, partition_keys=keys, ddl="CREATE TABLE t (id int, cents bigint, n int, PRIMARY KEY (id, n)) PARTITION BY LIST (n);"
                         "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)")
    assert synced.verified() == (True, True)
    db.execute("CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)")
    assert synced.verified() == (True, True)
    db.execute("INSERT INTO v2.t (id, amount, n) VALUES (1, 1.005, 1), (2, 2, 2), (4, 4, 3); INSERT INTO t1 (id, cents, n) VALUES (3, 300, 1)")
    # Into another partition, alone and together with a value: a lossy `down` must not make a value of the new side another.
    db.execute("UPDATE v2.t SET n = 2 WHERE id = 1; UPDATE v2.t SET n = 1, amount = 2.004 WHERE id = 2; UPDATE t SET n = 3 WHERE id = 3")
    assert db.query("SELECT id, cents, amount::text, n FROM t ORDER BY id") == [
        (1, 101, "1.005", 2), (2, 200, "2.004", 1), (3, 300, "3.000", 3), (4, 400, "4.000", 3)]
    with db.connect() as conn:
        conn.execute("SET session_replication_role = replica; UPDATE t SET cents = 5 WHERE id = 4; INSERT INTO t VALUES (9, 900, 2)")
    synced.assert_in_step()


@pytest.mark.parametrize("user_triggers", [False, True])
def test_a_row_that_moves_is_as_the_update_left_it(any_cluster, db, user_triggers):
    # NULL is what the new side wrote, though `up` would give a value.
    synced = Synced(db, "CREATE TABLE t (id int, a text, n int) PARTITION BY LIST (n);"
                    "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2, 3)",
                    [pair([column("a", "lower(b)", "b")], [column("b", "coalesce(a, 'none')", "a")]), group("add", new=[column("c", "5")])],
                    hidden={"b": "text", "c": "int"}, shown={name: name for name in ("id", "b", "c", "n")},
                    user_triggers=user_triggers, partition_keys=["n"])
    db.execute("INSERT INTO v2.t (id, b, n) VALUES (1, NULL, 1), (2, 'X', 1); UPDATE v2.t SET n = 2")
    assert db.query("SELECT id, a, b, c, n FROM t ORDER BY id") == [(1, None, None, None, 2), (2, "x", "X", None, 2)]
    db.execute("UPDATE v2.t SET n = 3; UPDATE v2.t SET n = 3")
    assert db.scalar("SELECT count(*) FROM t WHERE pgseam_side IS NOT NULL") == 0
    if user_triggers:
        db.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.a := NEW.a || NEW.n; RETURN NEW; END';"
                   "CREATE TRIGGER m BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); UPDATE v2.t SET n = 1 WHERE id = 2")
        assert db.query("SELECT a, b FROM t WHERE id = 2") == [("x1", "x1")]
    db.execute("INSERT INTO t (id, a, n) VALUES (3, NULL, 1)")
    assert db.query("SELECT b, c FROM t WHERE id = 3") == [("none", 5)]
    synced.assert_in_step()


@pytest.mark.parametrize("user_triggers", [False, True])
def test_a_row_that_the_backfill_has_not_reached_can_be_updated(db, user_triggers):
    # The CHECK of a column that must not be NULL is there before the values are.
    synced = Synced(db, "CREATE TABLE t (id int PRIMARY KEY, a int, r int, n int); INSERT INTO t VALUES (1, 5, 1, 1), (2, 6, 1, 1)",
                    [pair([column("a", "b::int", "b")], [column("b", "(a * r)::text", "a", "r", not_null=True)]),
                     group("add", new=[column("c", "n + 1", "n", not_null=True)])],
                    hidden={"b": "text, ADD CHECK (b IS NOT NULL) NOT VALID", "c": "int, ADD CHECK (c IS NOT NULL) NOT VALID"},
                    shown={"id": "id", "b": "b", "c": "c"}, user_triggers=user_triggers)
    assert synced.mismatches() == 2
    db.execute("UPDATE t SET id = 10 WHERE id = 1; UPDATE t SET a = 7, n = 2 WHERE id = 2")
    assert db.query("SELECT b, c FROM v2.t ORDER BY id") == [("7", 3), ("5", 2)]
    for statement in ("UPDATE v2.t SET b = NULL", "UPDATE v2.t SET c = NULL", "INSERT INTO v2.t VALUES (3, NULL, 1)"):
        with pytest.raises(psycopg.errors.CheckViolation):
            db.execute(statement)
    synced.assert_in_step()


def test_roles_need_no_more_than_the_views(db):
    db.cluster.role("app")
    db.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    synced = names_table(db, user_triggers=True)
    db.execute("GRANT USAGE ON SCHEMA v2 TO app; GRANT SELECT, UPDATE (full_name), INSERT (id, full_name) ON v2.t, pgseam_version_7.t TO app;"
               "GRANT SELECT, UPDATE (first, full_name), INSERT (id, first, last, full_name) ON t TO app;")
    db.execute("INSERT INTO v2.t (id, full_name) VALUES (1, 'Ada Byron'); UPDATE v2.t SET full_name = 'C D'", role="app")
    db.execute("INSERT INTO t (id, first, last) VALUES (2, 'E', 'F'); UPDATE t SET first = 'G'", role="app")
    assert db.query("SELECT first, last, full_name FROM t ORDER BY id") == [("G", "D", "G D"), ("G", "F", "G F")]
    synced.assert_in_step()


@pytest.mark.parametrize("user_triggers", [False, True])
def test_what_a_subscription_brings(db, user_triggers):
    # From a table of the old shape: the apply worker is an old writer, with an empty search_path and replica triggers only.
    synced = names_table(db, user_triggers=user_triggers)
    with db.cluster.database() as source:
        slot = f"sync_{source.name}"
        source.execute("CREATE TABLE t (id int PRIMARY KEY, first text, last text); CREATE PUBLICATION p FOR TABLE t")
        source.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
        source.execute("INSERT INTO t VALUES (1, 'Ada', 'Byron'), (2, 'B', 'C'); UPDATE t SET first = 'Max' WHERE id = 2")
        db.execute(f"CREATE SUBSCRIPTION s CONNECTION '{source.dsn.replace(chr(39), chr(39) * 2)}' PUBLICATION p"
                   f" WITH (create_slot = false, slot_name = '{slot}', copy_data = false)")
        try:
            arrived(db, "Max C")
            assert db.query("SELECT full_name FROM v2.t ORDER BY id") == [("Ada Byron",), ("Max C",)]
            db.execute("UPDATE v2.t SET full_name = 'Ida Own' WHERE id = 1")
            source.execute("UPDATE t SET last = 'D' WHERE id = 2")
            arrived(db, "Max D")
        finally:
            db.execute("ALTER SUBSCRIPTION s DISABLE")
            db.execute("ALTER SUBSCRIPTION s SET (slot_name = NONE)")
            db.execute("DROP SUBSCRIPTION s")
    assert db.query("SELECT first, last FROM t ORDER BY id") == [("Ida", "Own"), ("Max", "D")]
    synced.assert_in_step()


def arrived(db, name, timeout=30):
    deadline = time.monotonic() + timeout
    while not db.query("SELECT FROM v2.t WHERE full_name = %s", [name]):
        assert time.monotonic() < deadline, db.query("SELECT * FROM t")
        time.sleep(0.05)
