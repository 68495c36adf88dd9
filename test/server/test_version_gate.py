"""The gate knows who is left: who still works with the old shape of a version's tables, seen by the locks that sessions hold."""

import contextlib
import threading
import time

import psycopg
import pytest
from harness import Pgseam
from harness.versions import APPLICATION, NEW, RENAME, T, Pair, accounts, file_of, migration, session, state, to_the_gate

LOOK = ("--look", "1s")
# A client by itself that does nothing but this is met by one look in twenty: what takes some milliseconds by every other one.
OLD_READS, NEW_READS = ["SELECT a, pg_sleep(0.005) FROM t WHERE id = 1"], ["SELECT z, pg_sleep(0.005) FROM t WHERE id = 1"]


@contextlib.contextmanager
def worker(db, does, path="public", name="shop", breaks=False):
    """A session that does the same again and again, until the block ends or, if it `breaks`, an error."""
    halt, done, errors = threading.Event(), threading.Event(), []

    def work():
        try:
            with db.connect(application_name=name, prepare_threshold=0) as conn:
                conn.execute(f"SET search_path = {path}")
                while not halt.is_set():
                    for statement in does:
                        conn.execute(statement)
                    done.set()
        except psycopg.Error as error:
            errors.append(str(error))
            done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert done.wait(10) and not errors, errors
    try:
        yield halt
    finally:
        halt.set()
        thread.join(10)
    assert bool(errors) == breaks, errors


@contextlib.contextmanager
def in_transaction(db, *statements, path="public", name="shop", role=None):
    """A session that is idle in a transaction after that."""
    with db.connect(role, application_name=name) as conn:
        conn.execute(f"SET search_path = {path}")
        conn.execute("BEGIN")
        for statement in statements:
            conn.execute(statement)
        yield conn


def users(pgseam, side=None):
    listed = pgseam.run("version", "users", "--format", "json").json()["users"]
    return [user for user in listed if side in (None, user["side"])]


def names(pgseam, side):
    return {user["application_name"] for user in users(pgseam, side)}


def gated(db, pgseam, setup=T, text=RENAME):
    db.execute(setup)
    to_the_gate(pgseam, text)


# ---- complete


def test_complete_is_refused_while_an_old_client_works(any_cluster, db, pgseam):
    accounts(db)
    with Pair(db) as pair:
        pair.start("old")
        to_the_gate(pgseam, migration())
        pair.start("new")
        result = pgseam.run("complete", *LOOK, expect=3)
        # Who, and what to do; the new one is not accused.
        assert f"role {APPLICATION}, application_name old" in result.err, result
        assert "application_name new" not in result.err, result
        assert "--force" in result.err and "--when-drained" in result.err, result
        assert state(pgseam) == "gated"
        pair.served(20)

        pair.stop("old")
        pgseam.run("complete", *LOOK)
        pair.served(20)
        pair.see()
        pair.assert_clean(NEW)


def test_new_clients_alone_are_never_taken_for_old_ones(any_cluster, db, pgseam):
    """Hundreds of looks at sessions that begin and end transactions meanwhile."""
    accounts(db)
    with Pair(db) as pair:
        to_the_gate(pgseam, migration())
        pair.start("new", 4)
        pgseam.run("complete", "--when-drained", "--for", "6s")
        pair.served(5)
        pair.see()
        pair.assert_clean(NEW)
    assert names(pgseam, "old") == set() and names(pgseam, "new") == {"new"}


def test_locks_beyond_a_sessions_own_list_are_read_twice(any_cluster, db, pgseam):
    """A table with so many indexes that its locks go to the shared list, which is read later."""
    gated(db, pgseam, T + "".join(f"CREATE INDEX ON t (c, (a + {n}));" for n in range(40)))
    statements = ["SELECT b FROM t WHERE id = 1", "UPDATE t SET b = b WHERE id = 2"]
    with worker(db, statements, "v2, public", "new 1"), worker(db, statements, "v2, public", "new 2"):
        result = pgseam.run("complete", "--look", "5s")
        assert "shop" not in result.err
    assert names(pgseam, "old") == set() and names(pgseam, "new") == {"new 1", "new 2"}


def test_old_one_with_many_locks_is_seen(any_cluster, db, pgseam):
    gated(db, pgseam, T + "".join(f"CREATE INDEX ON t (c, (a + {n}));" for n in range(40)))
    with worker(db, OLD_READS):
        assert "application_name shop" in pgseam.run("complete", *LOOK, expect=3).err


@pytest.mark.parametrize("statement", ["SELECT a FROM t WHERE id = 1", "UPDATE t SET a = a WHERE id = 1", "SELECT a FROM t FOR UPDATE",
                                       "INSERT INTO t (id, a) VALUES (900, 900)", "DELETE FROM t WHERE id = 3", "DECLARE c CURSOR FOR SELECT a FROM t"])
def test_idle_in_transaction_is_seen(any_cluster, db, pgseam, statement):
    gated(db, pgseam)
    with in_transaction(db, statement), in_transaction(db, "SELECT z FROM t WHERE id = 1", path="v2, public", name="new"):
        result = pgseam.run("complete", "--look", "300ms", expect=3)
        assert "application_name shop" in result.err and "application_name new" not in result.err, result
        assert names(pgseam, "old") == {"shop"} and names(pgseam, "new") == {"new"}
    pgseam.run("complete", "--look", "300ms")


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_prepared_statements_are_told_apart(any_cluster, db, pgseam, mode):
    """A kept plan takes the locks on the view again, each time."""
    gated(db, pgseam)
    statements = {"one": "SELECT id, {a} FROM t WHERE id = $1", "put": "UPDATE t SET {a} = {a} WHERE id = $1",
                  "add": "INSERT INTO t (id, {a}) VALUES ($1 + 1000, $1 + 1000) ON CONFLICT DO NOTHING", "cut": "DELETE FROM t WHERE id = $1 + 1000"}
    for name, text in statements.items():
        with session(db, "public") as old, session(db, "v2, public") as new:
            for conn, column, who in ((old, "a", f"old {name}"), (new, "z", f"new {name}")):
                conn.execute(f"SET application_name = '{who}'; SET plan_cache_mode = {mode}")
                conn.execute(f"PREPARE p (int) AS {text.format(a=column)}")
                for number in (1, 2, 3):
                    conn.execute(f"EXECUTE p ({number})")
                conn.execute("BEGIN")
                conn.execute(f"EXECUTE p ({4 if conn is old else 5})")
            pgseam.run("complete", "--look", "300ms", expect=3)
    assert names(pgseam, "old") == {f"old {name}" for name in statements}
    assert names(pgseam, "new") == {f"new {name}" for name in statements}


def test_force_completes_and_leaves_a_note(cluster, db, pgseam):
    gated(db, pgseam)
    with worker(db, OLD_READS, breaks=True):
        result = pgseam.run("complete", *LOOK, "--force")
        assert "application_name shop" in result.err, result
        time.sleep(0.2)
    assert state(pgseam) == "complete"
    (note,), = db.query("SELECT message FROM pgseam.event WHERE kind = 'operator'")
    assert "application_name shop" in note


def test_no_look_no_refusal(cluster, db, pgseam):
    gated(db, pgseam)
    with worker(db, OLD_READS, breaks=True):
        pgseam.run("complete", "--look", "0")
        time.sleep(0.2)
    assert state(pgseam) == "complete"


def test_for_counts_who_was_seen_before(cluster, db, pgseam):
    gated(db, pgseam)
    with in_transaction(db, "SELECT a FROM t"):
        assert names(pgseam, "old") == {"shop"}
    result = pgseam.run("complete", "--look", "200ms", "--for", "1h", expect=3)
    assert "not connected now" in result.err
    pgseam.run("complete", "--look", "200ms")


def test_who_is_idle_and_connected_is_named(cluster, db, pgseam):
    gated(db, pgseam)
    with in_transaction(db, "SELECT a FROM t") as conn:
        assert names(pgseam, "old") == {"shop"}
        conn.execute("COMMIT")
        time.sleep(0.3)
        result = pgseam.run("complete", "--look", "200ms")
        assert "still connected" in result.err and "application_name shop" in result.err, result
        assert str(conn.info.backend_pid) in result.err, result


def test_usage(cluster, db, pgseam):
    gated(db, pgseam)
    for words in (["--when-drained"], ["--when-drained", "--for", "1s", "--force"], ["--look", "soon"], ["--for", "-1"]):
        pgseam.run("complete", *words, expect=2)
    assert state(pgseam) == "gated"


# ---- waiting


def test_when_drained_waits_for_the_last_old_client(any_cluster, db, pgseam):
    gated(db, pgseam)
    with worker(db, OLD_READS), worker(db, NEW_READS, "v2, public", "new"):
        waiting = pgseam.spawn("complete", "--when-drained", "--for", "2s")
        waiting.wait_output("application_name shop")
        time.sleep(1)
        # Others are not locked out meanwhile.
        assert waiting.running() and state(pgseam) == "gated" and names(pgseam, "old") == {"shop"}
        halted = time.monotonic()
    waiting.wait(expect=0)
    assert 1.5 < time.monotonic() - halted < 10
    assert state(pgseam) == "complete"


def test_killed_while_it_waits_and_again(cluster, db, pgseam):
    gated(db, pgseam)
    with in_transaction(db, "SELECT a FROM t"):
        assert names(pgseam, "old") == {"shop"}
    waiting = pgseam.spawn("complete", "--when-drained", "--for", "5s")
    time.sleep(3.5)
    waiting.kill9()
    assert state(pgseam) == "gated"
    noted = db.scalar("SELECT quiet_ms FROM pgseam.version_watch WHERE side = 'old'")
    assert 1000 < noted < 5000
    # Time in which nobody looked proves nothing.
    time.sleep(2)
    begun = time.monotonic()
    pgseam.run("complete", "--when-drained", "--for", "5s")
    assert (5000 - noted) / 1000 - 0.5 < time.monotonic() - begun < 4.5
    assert state(pgseam) == "complete"


def test_who_was_seen_by_others_begins_the_wait_anew(cluster, db, pgseam):
    gated(db, pgseam)
    waiting = pgseam.spawn("complete", "--when-drained", "--for", "3s")
    time.sleep(2)
    waiting.kill9()
    with in_transaction(db, "SELECT a FROM t"):
        pgseam.run("complete", "--look", "200ms", expect=3)
    begun = time.monotonic()
    pgseam.run("complete", "--when-drained", "--for", "3s")
    assert time.monotonic() - begun >= 3


def test_interrupted_while_it_waits(cluster, db, pgseam):
    gated(db, pgseam)
    waiting = pgseam.spawn("complete", "--when-drained", "--for", "1h")
    waiting.wait_output("waiting until")
    waiting.interrupt()
    result = waiting.wait(20)
    assert result.rc == 1 and "stays at the gate" in result.err, result
    assert state(pgseam) == "gated"


def test_rolled_back_while_it_waits(cluster, db, pgseam):
    gated(db, pgseam)
    waiting = pgseam.spawn("complete", "--when-drained", "--for", "1h")
    waiting.wait_output("waiting until")
    pgseam.run("rollback")
    result = waiting.wait(20)
    assert result.rc != 0 and "left the gate" in result.err, result
    assert state(pgseam) == "rolled_back"


def test_server_restarts_while_it_waits(cluster, db, pgseam):
    gated(db, pgseam)
    waiting = pgseam.spawn("complete", "--when-drained", "--for", "4s")
    waiting.wait_output("waiting until")
    db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%'")
    waiting.wait(60, expect=0)
    assert state(pgseam) == "complete"


# ---- what is nobody's old shape

SHOP = T + """CREATE TABLE line (id int PRIMARY KEY, t_id int REFERENCES t ON DELETE CASCADE); INSERT INTO line SELECT g, g FROM generate_series(1, 50) g;
    CREATE TABLE aside (id int)"""


def test_foreign_keys_name_no_columns(any_cluster, db, pgseam):
    """What a check or an action of a foreign key does to a table that the session does not name."""
    gated(db, pgseam, SHOP, RENAME + "ALTER TABLE line RENAME t_id TO t_key;")
    with in_transaction(db, "INSERT INTO line (id, t_key) VALUES (900, 5)", path="v2, public", name="check"), \
            in_transaction(db, "DELETE FROM t WHERE id = 7", path="v2, public", name="action"):
        assert names(pgseam, "old") == set() and names(pgseam, "new") == {"check", "action"}
    pgseam.run("complete", "--look", "300ms")


def test_check_of_a_table_without_a_view(any_cluster, db, pgseam):
    gated(db, pgseam, SHOP)
    with in_transaction(db, "INSERT INTO line VALUES (900, 5)", path="v2, public", name="check"):
        assert users(pgseam) == []
    with in_transaction(db, "INSERT INTO line VALUES (901, 5)", "SELECT a FROM t WHERE id = 5"):
        assert names(pgseam, "old") == {"shop"}


def test_others_and_maintenance_are_left_out(any_cluster, db, pgseam):
    gated(db, pgseam, SHOP)
    with in_transaction(db, "SELECT * FROM aside"), in_transaction(db, "ALTER TABLE t SET (fillfactor = 90)", name="dba"):
        assert users(pgseam) == []
    with in_transaction(db, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE", name="vacuum"), in_transaction(db, "SELECT a FROM t", name="pg_dump"), \
            db.cluster.database() as other:
        other.execute(T)
        with in_transaction(other, "SELECT a FROM t", name="elsewhere"):
            assert users(pgseam) == []


def test_partitions_belong_to_their_table(any_cluster, db, pgseam):
    gated(db, pgseam, "CREATE TABLE t (id int PRIMARY KEY, a int) PARTITION BY RANGE (id); CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (100)")
    with in_transaction(db, "SELECT z FROM t", path="v2, public", name="new"), in_transaction(db, "SELECT a FROM t_1", name="straight"):
        assert names(pgseam, "old") == {"straight"} and names(pgseam, "new") == {"new"}


def test_parallel_workers_are_their_leader(any_cluster, db, pgseam):
    """They open the table alone."""
    gated(db, pgseam, T + "INSERT INTO t SELECT g, g, 'b', g FROM generate_series(100, 200000) g; ANALYZE t")
    settings = ("max_parallel_workers_per_gather = 2", "parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0")
    with worker(db, [*(f"SET {setting}" for setting in settings), "SELECT count(*) FROM t x WHERE z % 7 = 1 AND b || z LIKE '%9%'"], "v2, public", "new"):
        pgseam.run("complete", "--look", "2s")
    assert names(pgseam, "old") == set() and names(pgseam, "new") == {"new"}


def test_each_version_has_users_of_its_own(any_cluster, db, pgseam):
    """Who comes through an older version's view goes on after complete: its view stays."""
    gated(db, pgseam, T, "-- pgseam: version v2\nALTER TABLE t RENAME a TO z; ALTER TABLE t RENAME TO u;\n")
    pgseam.run("complete")
    to_the_gate(pgseam, "-- pgseam: version v3\nALTER TABLE u RENAME z TO y;\n", "n.sql")
    with in_transaction(db, "SELECT z FROM u", path="v2, public", name="second"), in_transaction(db, "SELECT y FROM u", path="v3, public", name="third"), \
            in_transaction(db, "SELECT z FROM public.u", name="table"):
        assert names(pgseam, "old") == {"table"} and names(pgseam, "new") == {"third"}
        pgseam.run("complete", "--look", "200ms", expect=3)
    assert pgseam.run("version", "users", "v2", "--format", "json").json()["users"] == []
    with in_transaction(db, "SELECT z FROM u", path="v2, public", name="second"):
        # It only waits for the lock now.
        assert pgseam.run("complete", "--look", "200ms", "--deadline", "1", expect=4)


def test_two_tables_one_of_them_by_its_old_shape(any_cluster, db, pgseam):
    """A session that has moved in part is both."""
    gated(db, pgseam, SHOP, RENAME + "ALTER TABLE aside RENAME id TO key;")
    with in_transaction(db, "SELECT z FROM t", "SELECT id FROM public.aside", path="v2, public", name="half"):
        assert names(pgseam, "old") == names(pgseam, "new") == {"half"}


# ---- what is as it was


def test_migration_without_a_version(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, "ALTER TABLE t DROP COLUMN b;")
    pgseam.run("complete", "--when-drained", "--for", "1s", expect=3)
    assert state(pgseam) == "gated"
    begun = time.monotonic()
    with worker(db, OLD_READS):
        pgseam.run("complete")
    assert time.monotonic() - begun < 4
    assert db.query("SELECT FROM pgseam.version_use") == []


@pytest.mark.parametrize("words", [[], ["--complete"]], ids=["complete", "migrate"])
def test_folder_of_files_is_asked_too(cluster, db, pgseam, words):
    db.execute(T)
    pgseam.file("db/1_v.sql", RENAME)
    pgseam.run("migrate", pgseam.folder / "db")
    with in_transaction(db, "SELECT a FROM t"):
        result = pgseam.run("migrate", pgseam.folder / "db", *words, expect=3 if words else 0)
        assert not words or "application_name shop" in result.err, result
    pgseam.run("migrate", pgseam.folder / "db", "--complete")
    assert state(pgseam) == "complete"


# ---- rollback


def test_rollback_names_who_loses_the_version_and_goes_on(any_cluster, db, pgseam):
    """When the new application is at fault, nothing may keep one from going back."""
    gated(db, pgseam)
    halt = threading.Event()

    def new():
        with session(db, "v2, public") as conn, contextlib.suppress(psycopg.Error):
            conn.execute("SET application_name = 'faulty'")
            while not halt.is_set():
                conn.execute(*NEW_READS)

    thread = threading.Thread(target=new)
    thread.start()
    try:
        result = pgseam.run("rollback")
    finally:
        halt.set()
        thread.join(10)
    assert "application_name faulty" in result.err and "application_name shop" not in result.err, result
    assert state(pgseam) == "rolled_back"
    assert db.scalar("SELECT count(*) FROM pgseam.event WHERE kind = 'operator' AND message LIKE '%faulty%'") == 1


def test_rollback_with_old_clients_says_nothing(cluster, db, pgseam):
    gated(db, pgseam)
    with worker(db, OLD_READS):
        assert "warning" not in pgseam.run("rollback").err


# ---- what is shown


def test_users_for_machines_and_for_people(any_cluster, db, pgseam):
    any_cluster.role(APPLICATION)
    gated(db, pgseam, T + f"GRANT SELECT ON t TO {APPLICATION}")
    with in_transaction(db, "SELECT a,\n b FROM t", name="it's \"Käse\"", role=APPLICATION) as conn:
        users(pgseam)
        document = pgseam.run("version", "users", "v2", "--format", "json").json()
        assert (document["version"], document["migration"], document["state"]) == ("v2", "m", "gated")
        user, = document["users"]
        assert (user["side"], user["role"], user["client_addr"]) == ("old", APPLICATION, None)
        assert user["times"] == 2 and user["last_query"] == "SELECT a,\n b FROM t" and user["pids"] == [conn.info.backend_pid]
        assert user["connected"] and not user["moved"] and user["seen_ms_ago"] < 5000 and user["first_seen"] <= user["last_seen"]
        text = pgseam.run("version", "users").out
        assert f"old  role {APPLICATION}" in text and "SELECT a,  b FROM t" in text and str(conn.info.backend_pid) in text
    pgseam.run("version", "users", "v9", expect=3)
    pgseam.run("version", "user", expect=2)


def test_who_has_moved_is_said_to_have(cluster, db, pgseam):
    gated(db, pgseam)
    with in_transaction(db, "SELECT a FROM t"):
        assert names(pgseam, "old") == {"shop"}
    with in_transaction(db, "SELECT z FROM t", path="v2, public"):
        users(pgseam)
        old, new = users(pgseam)
        assert old["moved"] and not old["connected"] and old["pids"] and not new["moved"]
        assert "still connected" not in pgseam.run("complete", "--look", "200ms", "--deadline", "1", expect=4).err


def test_who_may_only_read_sees_what_was_noted(cluster, db, pgseam):
    cluster.role("v_reader")
    gated(db, pgseam)
    with in_transaction(db, "SELECT a FROM t"):
        users(pgseam)
    db.execute("GRANT USAGE ON SCHEMA pgseam TO v_reader; GRANT SELECT ON ALL TABLES IN SCHEMA pgseam TO v_reader")
    result = pgseam.run("version", "users", role="v_reader")
    assert "application_name shop" in result.out and "seen before" in result.err, result


def test_a_journal_from_before(any_cluster, db, pgseam):
    gated(db, pgseam)
    db.execute("DROP TABLE pgseam.version_use, pgseam.version_watch; UPDATE pgseam.meta SET value = '5' WHERE key = 'layout'")
    with in_transaction(db, "SELECT a FROM t"):
        pgseam.run("complete", "--look", "200ms", expect=3)
    pgseam.run("complete", "--look", "200ms")
    db.execute("DROP TABLE pgseam.version_use, pgseam.version_watch; UPDATE pgseam.meta SET value = '5' WHERE key = 'layout'")
    assert users(pgseam) == []


def test_owner_without_privileges_sees_who_it_is(any_cluster, pgseam):
    """Role and application_name are open to all; address and statement are not."""
    for role in ("v_owner", APPLICATION):
        any_cluster.role(role)
    with any_cluster.database(owner="v_owner") as db:
        with Pgseam(db, "v_owner") as tool:
            db.execute(T + f"GRANT SELECT ON t TO {APPLICATION}", role="v_owner")
            to_the_gate(tool, file_of("v2"))
            with in_transaction(db, "SELECT a FROM t", role=APPLICATION):
                result = tool.run("complete", "--look", "200ms", expect=3)
                assert f"role {APPLICATION}, application_name shop" in result.err, result
            tool.run("complete", "--look", "200ms")
