"""Who is in the way, kind by kind, and what the policies do about them: waited for, ended or given up, and always named."""

import re
import time
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from harness import Cluster, Load, Pgseam, init_shop

ADD = "ALTER TABLE users ADD COLUMN age int;"
INDEX = "CREATE INDEX users_name ON users (name);"


def wait_until(condition, timeout=30):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.02)
    return value


def events(db, kind="blocker"):
    return [row[0] for row in db.query("SELECT message FROM pgseam.event WHERE kind = %s ORDER BY id", [kind])]


def age(db, pid):
    return db.scalar("SELECT extract(epoch FROM clock_timestamp() - xact_start)::float FROM pg_stat_activity WHERE pid = %s",
                     [pid])


class Idle:
    """A session that is idle in a transaction that has read (or written) users."""

    def __init__(self, db, role=None, write=False, name="careless job"):
        self.conn = db.connect(role, autocommit=False, application_name=name)
        self.conn.execute("UPDATE users SET name = name WHERE id = 1" if write else "SELECT remark FROM (SELECT 1 AS remark"
                          " FROM users LIMIT 1) AS x")
        self.pid = self.conn.info.backend_pid
        wait_until(lambda: age(db, self.pid) > 0.4)

    def is_alive(self):
        try:
            self.conn.execute("SELECT 1")
            return True
        except psycopg.Error:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()


class Query(Thread):
    """A query on users that takes long; `error` is what became of it."""

    def __init__(self, db, role=None, seconds=60, name="long report"):
        super().__init__()
        self.conn = db.connect(role, autocommit=True, application_name=name)
        self.pid = self.conn.info.backend_pid
        self.seconds = seconds
        self.error = None
        self.start()
        wait_until(lambda: (age(db, self.pid) or 0) > 0.4)

    def run(self):
        try:
            self.conn.execute(f"SELECT count(*), pg_sleep({self.seconds}) FROM (SELECT FROM users LIMIT 1) AS x")
        except psycopg.Error as error:
            self.error = error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.cancel()
        self.join()
        self.conn.close()


# ---- cancel and terminate


@pytest.mark.parametrize("sql", [ADD, INDEX], ids=["lock", "index"])
def test_idle_session_is_terminated_where_the_policy_says_so(any_cluster, shop, pgseam, load, sql):
    run = load(old=3, rate=1000)
    with Idle(shop, write=True) as idle:
        done = pgseam.run("start", pgseam.file("a.sql", sql), "--on-blocker", "idle-in-transaction=terminate:1s", timeout=60)
        assert not idle.is_alive()
    line = rf"terminated pid {idle.pid} \(.*careless job.*, idle in transaction since .*UPDATE users.*; its query began at 2"
    assert re.search(line, done.err)
    assert re.search(line, "\n".join(events(shop)))
    run.stop().assert_clean()


@pytest.mark.parametrize("policy, ends", [("cancel:1s", "user request"), ("terminate:1s", "administrator command")])
def test_running_query_is_ended_where_the_policy_says_so(shop, pgseam, policy, ends):
    with Query(shop) as query:
        done = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", f"active={policy}", timeout=30)
        query.join()
        assert ends in str(query.error)
    assert re.search(rf"(cancelled|terminated) pid {query.pid} \(.*long report.*pg_sleep", done.err)


def test_whoever_keeps_a_row_locked_is_ended_for_a_batch(shop, pgseam):
    with Idle(shop, write=True) as idle:
        done = pgseam.run("start", pgseam.file("n.sql", "UPDATE users SET old_column = 'n' WHERE old_column <> 'n';"),
                          "--on-blocker", "idle-in-transaction=terminate:1s", timeout=60)
        assert not idle.is_alive()
    assert f"terminated pid {idle.pid}" in done.err
    assert shop.scalar("SELECT count(*) FROM users WHERE old_column <> 'n'") == 0


def test_younger_than_the_age_is_left_alone(shop, pgseam):
    with Idle(shop) as idle:
        late = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "idle-in-transaction=terminate:1min",
                          "--deadline", "3", expect=4)
        assert idle.is_alive()
        assert str(idle.pid) in late.err
        assert events(shop) == []
        # Ten seconds, if nothing is said.
        refused = pgseam.run("resume", "--on-blocker", "idle-in-transaction=terminate", "--deadline", "1", expect=None)
        assert refused.rc == 4 or age(shop, idle.pid) is None
        begun = time.monotonic()
        pgseam.run("resume", "--deadline", "30")
        assert not idle.is_alive()
        assert time.monotonic() - begun < 15


def test_policy_of_one_kind_does_not_touch_another(shop, pgseam):
    with Idle(shop) as idle, Query(shop) as query:
        pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "active=cancel:1s", "--deadline", "5", expect=4)
        query.join()
        assert "user request" in str(query.error)
        assert idle.is_alive()


def test_policy_can_be_changed_while_it_waits(shop, pgseam):
    with Idle(shop) as idle:
        running = pgseam.spawn("start", pgseam.file("a.sql", ADD))
        running.wait_output(f"pid {idle.pid}")
        pgseam.run("throttle", "--on-blocker", "idle-in-transaction=terminate:1s")
        running.wait(timeout=20, expect=0)
        assert not idle.is_alive()


def test_only_the_transaction_that_was_seen_is_ended(shop, pgseam):
    """A session that has gone on to its next transaction is not the one that was in the way."""
    with shop.connect(autocommit=False, application_name="pooled") as other:
        other.execute("SELECT FROM users LIMIT 1")
        pid, start, vxid = shop.query(
            "SELECT a.pid, a.backend_start::text, l.virtualtransaction FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
            " WHERE a.pid = %s AND l.relation = 'users'::regclass", [other.info.backend_pid])[0]
        wrong = [(pid, start, "99/99"), (pid, "2001-01-01 00:00:00+00", vxid), (pid, None, vxid)]
        other.rollback()
        other.execute("SELECT FROM users LIMIT 1")
        for case in [(pid, start, vxid), *wrong]:
            assert signal(shop, *case, True) == [], case
        assert other.execute("SELECT 1").fetchone() == (1,)
        now = shop.scalar("SELECT virtualtransaction FROM pg_locks WHERE pid = %s AND relation = 'users'::regclass", [pid])
        assert signal(shop, pid, start, now, False) == [(True,)]


def signal(db, *values):
    """Runs the query by which pgseam signals."""
    text = (Path(__file__).resolve().parents[2] / "src" / "run" / "queries" / "signal.sql").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--")).replace("%", "%%")
    return db.query(re.sub(r"\$(\d)", r"%(v\1)s", text), {f"v{number}": value for number, value in enumerate(values, 1)})


# ---- what the role may not do


@pytest.fixture
def owner(any_cluster):
    with any_cluster.database(owner="seller") as db, Pgseam(db, "seller") as pgseam:
        init_shop(db, users=2000, role="seller")
        for role in ("stranger", "mate"):
            db.execute(f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
            db.execute(f"GRANT SELECT ON users TO {role}")
        yield db, pgseam


@pytest.mark.parametrize("whose, why", [("stranger", "pg_signal_backend"), (None, "belongs to a superuser")])
def test_what_the_role_may_not_end_is_told_when_the_waiting_begins(owner, whose, why):
    db, pgseam = owner
    with Idle(db, whose) as idle:
        # Its age is hidden from the role as well.
        late = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "idle-in-transaction=terminate:1s", "--on-blocker",
                          "other=terminate:1s", "--deadline", "4", expect=4)
        assert idle.is_alive()
    line = rf"may not terminate pid {idle.pid} .*{why}.*waiting instead"
    assert len(re.findall(line, late.err)) == 1, late.err
    assert re.search(line, "\n".join(events(db)))


def test_with_the_right_to_signal_it_is_done_even_where_the_state_is_hidden(owner):
    db, pgseam = owner
    db.execute("GRANT pg_signal_backend TO seller")
    try:
        with Idle(db, "stranger") as idle:
            done = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "other=terminate:1s", timeout=40)
            assert not idle.is_alive()
        assert f"terminated pid {idle.pid}" in done.err
    finally:
        db.execute("REVOKE pg_signal_backend FROM seller")


def test_own_sessions_may_be_ended_without_any_right(owner):
    db, pgseam = owner
    with Idle(db, "seller") as idle:
        pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "idle-in-transaction=terminate:1s", timeout=40)
        assert not idle.is_alive()


def test_a_pgseam_is_never_ended(shop, pgseam):
    with Idle(shop, name="pgseam/other/work") as idle:
        late = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "idle-in-transaction=terminate:0s", "--deadline",
                          "3", expect=4)
        assert idle.is_alive()
    assert "session of pgseam" in late.err


# ---- give up


def test_give_up_ends_at_once_with_exit_4_and_the_name(shop, pgseam, load):
    run = load(old=3, rate=1000)
    before = shop.dump_schema()
    with Idle(shop) as idle:
        begun = time.monotonic()
        late = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "idle-in-transaction=give-up", expect=4)
        assert time.monotonic() - begun < 10
        assert "give-up" in late.err and f"pid {idle.pid}" in late.err and "careless job" in late.err
        assert idle.is_alive()
    assert shop.dump_schema() == before
    pgseam.run("resume")
    report = run.stop()
    report.assert_clean()
    assert report.lock_wait_max_pgseam_ms < 350


def test_give_up_ends_an_index_build_too(shop, pgseam):
    before = shop.dump_schema()
    with Idle(shop, write=True) as idle:
        late = pgseam.run("start", pgseam.file("i.sql", INDEX), "--on-blocker", "idle-in-transaction=give-up:2s", expect=4,
                          timeout=20)
        assert f"pid {idle.pid}" in late.err
    pgseam.run("rollback")
    assert shop.dump_schema() == before


def test_give_up_for_a_prepared_transaction(shop, pgseam):
    with shop.connect() as other:
        other.execute("BEGIN; INSERT INTO orders (user_id, status, total) VALUES (1, 'open', 1); PREPARE TRANSACTION 'forgotten'")
    wait_until(lambda: shop.scalar("SELECT prepared < now() - interval '0.3 s' FROM pg_prepared_xacts"))
    late = pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE orders ADD COLUMN note text;"), "--on-blocker",
                      "prepared=give-up", expect=4, timeout=20)
    assert "forgotten" in late.err
    shop.execute("ROLLBACK PREPARED 'forgotten'")
    pgseam.run("resume")


def test_prepared_transaction_in_the_way_of_an_index_build_is_named(any_cluster, shop, pgseam, load):
    run = load(old=3, rate=1000)
    with shop.connect() as other:
        other.execute("BEGIN; UPDATE users SET name = name WHERE id = 1; PREPARE TRANSACTION 'forgotten'")
    late = pgseam.run("start", pgseam.file("i.sql", INDEX), "--deadline", "2", expect=4, timeout=20)
    assert "forgotten" in late.err
    shop.execute("ROLLBACK PREPARED 'forgotten'")
    pgseam.run("resume")
    assert shop.scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_name'::regclass") is True
    run.stop().assert_clean()


# ---- autovacuum


@pytest.fixture(scope="module")
def vacuuming():
    """A server whose autovacuum comes at once, and soon to prevent wraparound."""
    with Cluster(15, {"autovacuum_naptime": "1s", "autovacuum_max_workers": "10", "autovacuum_freeze_max_age": "100000"}) as server:
        yield server


def quiet(db, tables=("users", "orders", "order_items")):
    for table in tables:
        db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")


def vacuumed(db, table="users"):
    """Waits for an autovacuum of the table which takes minutes, and returns its pid."""
    return wait_until(lambda: db.scalar(
        "SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE a.backend_type = 'autovacuum worker'"
        f" AND l.relation = '{table}'::regclass AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted"
        " AND a.xact_start < clock_timestamp() - interval '1 s'"), 120)


def vacuum_slowly(db, table="users"):
    db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = on, autovacuum_vacuum_threshold = 10,"
               " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)")
    db.execute(f"UPDATE {table} SET id = id WHERE id % 2 = 0")


def vacuum_against_wraparound(db, table="users"):
    """Makes the table old enough for a vacuum that takes minutes and does not give way."""
    db.execute(f"ALTER TABLE {table} SET (autovacuum_freeze_max_age = 100000, autovacuum_freeze_min_age = 0,"
               " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1); CREATE TABLE burnt (i int)")
    db.execute("DO $$ BEGIN FOR i IN 1..110 LOOP FOR j IN 1..1000 LOOP BEGIN INSERT INTO burnt VALUES (1);"
               " EXCEPTION WHEN OTHERS THEN RAISE; END; END LOOP; COMMIT; END LOOP; END $$")
    pid = vacuumed(db, table)
    assert "to prevent wraparound" in db.scalar("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid])
    return pid


@pytest.mark.parametrize("role", [None, "seller"], ids=["superuser", "owner"])
@pytest.mark.parametrize("sql", [ADD, INDEX], ids=["lock", "index"])
def test_vacuum_against_wraparound_ends_with_exit_4_and_its_name(vacuuming, role, sql):
    with vacuuming.database(owner=role) as db, Pgseam(db, role) as pgseam:
        init_shop(db, users=20000, role=role)
        quiet(db)
        pid = vacuum_against_wraparound(db)
        before = db.dump_schema()
        with Load(db, old=3, rate=800) as load:
            late = pgseam.run("start", pgseam.file("a.sql", sql), "--deadline", "4", timeout=40, expect=4)
            report = load.stop()
        report.assert_clean()
        assert str(pid) in late.err
        assert role or "to prevent wraparound" in late.err
        # It goes on, and so do we when it is over.
        assert db.scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]) == 1
        pgseam.run("rollback", "--deadline", "5", expect=None)
        if sql == ADD:
            assert db.dump_schema() == before
            refused = pgseam.run("start", pgseam.file("b.sql", sql), "--on-blocker", "wraparound=cancel:0s", "--deadline", "10",
                                 expect=None)
            assert (refused.rc == 0) == (role is None), str(refused)


def test_autovacuum_is_cancelled_at_once_where_the_policy_says_so(vacuuming):
    with vacuuming.database() as db, Pgseam(db) as pgseam:
        init_shop(db, users=20000)
        quiet(db)
        vacuum_slowly(db)
        pid = vacuumed(db)
        done = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "autovacuum=cancel:1s", timeout=60)
        assert f"cancelled pid {pid}" in done.err


def test_give_up_for_an_autovacuum(vacuuming):
    with vacuuming.database() as db, Pgseam(db) as pgseam:
        init_shop(db, users=20000)
        quiet(db)
        vacuum_slowly(db)
        pid = vacuumed(db)
        late = pgseam.run("start", pgseam.file("a.sql", ADD), "--on-blocker", "autovacuum=give-up", timeout=60, expect=4)
        assert str(pid) in late.err


def two_vacuumed(server, db):
    """Two tables, each with an autovacuum that takes minutes; their pids."""
    init_shop(db, users=20000)
    quiet(db)
    db.execute("CREATE TABLE notes AS SELECT id, NULL::bigint AS user_id FROM users")
    for table in ("users", "notes"):
        vacuum_slowly(db, table)
    return [vacuumed(db, "users"), vacuumed(db, "notes")]


def lock_both(db, pgseam):
    with Load(db, old=3, rate=800) as load:
        pgseam.run("start", pgseam.file("c.sql", "ALTER TABLE notes ADD FOREIGN KEY (user_id) REFERENCES users;"))
        pgseam.run("complete", timeout=90)
        load.stop().assert_clean()


def assert_gave_way(server, pids):
    log = [line for line in server.log.read_text(errors="replace").splitlines() if "canceling autovacuum task" in line]
    for pid in pids:
        assert any(f"[{pid}]" in line for line in log), pid


def test_nothing_is_held_on_one_table_while_the_vacuum_of_another_gives_way():
    with Cluster(15, {"autovacuum_naptime": "10s"}) as server, server.database() as db, Pgseam(db) as pgseam:
        pids = two_vacuumed(server, db)
        longest = Longest(db, "'notes'::regclass, 'users'::regclass")
        lock_both(db, pgseam)
        assert longest.stop() < 0.6
        assert_gave_way(server, pids)


def test_vacuums_that_are_back_at_once_do_not_keep_two_tables_from_being_locked(vacuuming):
    with vacuuming.database() as db, Pgseam(db) as pgseam:
        pids = two_vacuumed(vacuuming, db)
        lock_both(db, pgseam)
        assert_gave_way(vacuuming, pids)


class Longest(Thread):
    """How long at a time a pgseam has held one of the relations while it waited for another one."""

    def __init__(self, db, relations):
        super().__init__()
        self.conn = db.connect()
        self.relations = relations
        self.seconds = 0
        self.ended = False
        self.start()

    def run(self):
        since = None
        while not self.ended:
            both = self.conn.execute(
                "SELECT count(*) FILTER (WHERE granted) > 0 AND count(*) FILTER (WHERE NOT granted) > 0 FROM pg_locks l"
                " JOIN pg_stat_activity a USING (pid) WHERE a.application_name LIKE 'pgseam/%' AND l.relation IN"
                f" ({self.relations}) AND l.mode <> 'AccessShareLock'").fetchone()[0]
            now = time.monotonic()
            since = (since or now) if both else None
            self.seconds = max(self.seconds, now - since if since else 0)
            time.sleep(0.01)

    def stop(self):
        self.ended = True
        self.join()
        self.conn.close()
        return self.seconds
