"""Standbys: bulk work waits for them, and their queries are not cancelled because of us."""

import contextlib
import os
import re
import signal
import time
from threading import Thread

import psycopg
import pytest
from conftest import majors
from harness import Cluster, Load, Pgseam, init_shop, server_bin

BACKFILL = "ALTER TABLE users ADD COLUMN n int DEFAULT 0; UPDATE users SET n = n + 1;"
# About 20 s for 20,000 rows.
SLOWLY = ["--max-batch", "50", "--load", "2"]
ADD = "ALTER TABLE users ADD COLUMN age int;"


def wait_until(condition, timeout=30):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.02)
    return value


def status(pgseam):
    found = pgseam.run("status", "--format", "json").json()["migrations"]
    return found[0] if found else {"rows_done": 0, "reason": None}


def reason(pgseam, pattern, timeout=30):
    """Waits for a reason in the status and returns it."""
    return wait_until(lambda: re.search(pattern, status(pgseam)["reason"] or ""), timeout).group()


class Pair:
    def __init__(self, primary, standby, db):
        self.primary, self.standby, self.db = primary, standby, db

    @property
    def target(self):
        return self.standby.dsn(self.db.name)

    def there(self, statement):
        for _ in range(10):
            # Replay ends a query that is in its way, even this one.
            with contextlib.suppress(psycopg.errors.SerializationFailure):
                return self._there(statement)
        raise AssertionError(f"always in conflict with recovery: {statement}")

    def _there(self, statement):
        with self.standby.connect(self.db.name) as conn:
            return conn.execute(statement).fetchall()


def installed(chosen):
    """The oldest and the newest of those that are there; without any the first, to be skipped with its reason."""
    there = [major for major in chosen if server_bin(major) is not None]
    return sorted({min(there), max(there)}) if there else chosen[:1]


@pytest.fixture(scope="module", params=installed(majors()), ids=lambda major: f"pg{major}")
def servers(request):
    if server_bin(request.param) is None:
        pytest.skip(f"PostgreSQL {request.param} is not installed: tools/setup servers")
    with Cluster(request.param) as primary, primary.standby(
        max_standby_streaming_delay="1s", hot_standby_feedback="on", wal_receiver_status_interval="1s") as standby:
        yield primary, standby


@pytest.fixture
def pair(servers):
    primary, standby = servers
    with primary.database() as db:
        init_shop(db, users=20000)
        standby.caught_up()
        yield Pair(primary, standby, db)
        with standby.connect() as conn:
            # Whoever resumes replay may be the first that it ends.
            with contextlib.suppress(psycopg.errors.SerializationFailure):
                conn.execute("SELECT pg_wal_replay_resume()")
        standby.caught_up()


@pytest.fixture
def pgseam(pair):
    with Pgseam(pair.db) as tool:
        yield tool


def paused_backfill(pair, pgseam, *options):
    """A backfill that has begun; then the standby stops replaying, and it waits."""
    running = pgseam.spawn("start", pgseam.file("n.sql", BACKFILL), *SLOWLY, *options)
    wait_until(lambda: status(pgseam)["rows_done"] > 500)
    pair.there("SELECT pg_wal_replay_pause()")
    return running


def waits(pgseam):
    """Whether no row is done any more."""
    time.sleep(0.5)
    before = status(pgseam)["rows_done"]
    time.sleep(1)
    return status(pgseam)["rows_done"] == before


# ---- lag


@pytest.mark.parametrize("how", ["bytes of the primary's view", "seconds of the primary's view", "bytes", "seconds"])
def test_lag_pauses_a_backfill_and_its_end_lets_it_go_on(pair, pgseam, how):
    limit = ["--max-lag-bytes", "256kB", "--max-lag-seconds", "0"] if "bytes" in how else [
        "--max-lag-bytes", "0", "--max-lag-seconds", "1"]
    asked = [] if "view" in how else ["--standby", pair.target]
    with Load(pair.db, old=2, rate=400) as load:
        running = paused_backfill(pair, pgseam, *limit, *asked)

        # The primary knows it by its application_name.
        name = pair.standby.folder if asked else "standby"
        found = reason(pgseam, rf"standby {name} is .* behind, more than \S+")

        assert ("256kB" if "bytes" in how else " s behind, more than 1s") in found
        assert waits(pgseam)
        pair.there("SELECT pg_wal_replay_resume()")
        pgseam.run("throttle", "--load", "100")
        running.wait(expect=0)
        load.stop().assert_clean()
    assert "behind" in running.err
    assert status(pgseam)["reason"] is None
    # Clients insert users, too, and delete some.
    assert pair.db.query("SELECT DISTINCT n FROM users WHERE created_at < '2021-01-01'") == [(1,)]


def test_standby_that_has_nothing_to_replay_is_not_behind(pair, pgseam):
    # Its last commit is old, but so is the primary's.
    time.sleep(2)
    pgseam.run("start", pgseam.file("n.sql", BACKFILL), "--standby", pair.target, "--max-lag-seconds", "1",
               "--max-lag-bytes", "0", timeout=40)


def test_role_that_may_not_see_the_lag_is_told_so_and_how_to_be_served(pair):
    pair.db.execute("DROP ROLE IF EXISTS plain")
    pair.db.execute(f"CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE {pair.db.name} TO plain;"
                    " ALTER TABLE users OWNER TO plain")
    with Pgseam(pair.db, "plain") as pgseam:
        told = pgseam.run("start", pgseam.file("add.sql", ADD)).err
        assert "gauge of standby lag is off" in told
        assert "pg_monitor" in told and "--standby" in told
        # By itself it may ask the standby.
        running = paused_backfill(pair, pgseam, "--max-lag-bytes", "256kB", "--standby",
                                  pair.standby.dsn(pair.db.name, "plain"))
        reason(pgseam, "behind")
        pair.there("SELECT pg_wal_replay_resume()")
        pgseam.run("throttle", "--load", "100")
        running.wait(expect=0)


# ---- what is no standby of ours


@pytest.mark.parametrize("target, why", [
    ("host={folder} dbname={name}", "not a standby"),
    ("host={there} dbname=postgres", 'leads to database "postgres"'),
    ("host=/nowhere dbname={name}", "cannot be asked"),
    ("host={there} dbname={name} password=secret", "without a password"),
])
def test_standby_that_cannot_serve_is_refused_before_anything_changes(pair, pgseam, target, why):
    conninfo = target.format(folder=pair.primary.folder, there=pair.standby.folder, name=pair.db.name)
    if "postgres" in why or "secret" in conninfo:
        conninfo += " user=postgres"

    refused = pgseam.run("start", pgseam.file("add.sql", ADD), "--standby", conninfo + " user=postgres", expect=None)

    assert refused.rc == (2 if "secret" in conninfo else 3), str(refused)
    assert why in refused.err
    assert "secret" not in refused.err
    assert pair.db.scalar("SELECT to_regclass('pgseam.migration')") is None


def test_standby_of_another_server_is_refused(pair, pgseam, cluster):
    with cluster.standby() as other:
        refused = pgseam.run("start", pgseam.file("add.sql", ADD), "--standby", other.dsn("postgres"), expect=3)
    assert "not a standby of this server" in refused.err


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_standby_that_goes_away_pauses_and_may_be_left_out(pair, pgseam, how):
    with pair.primary.standby() as other:
        running = pgseam.spawn("start", pgseam.file("n.sql", BACKFILL), *SLOWLY, "--standby", other.dsn(pair.db.name), "--standby", pair.target)
        wait_until(lambda: status(pgseam)["rows_done"] > 500)
        frozen = [other.postmaster.pid, *other.children()] if how == "frozen" else []
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        if how == "stopped":
            other.stop("immediate")

        found = reason(pgseam, r"cannot be asked[^\n]*|cannot read[^\n]*")

        assert str(other.folder) in found
        assert waits(pgseam)
        # The others stay.
        shown = pgseam.run("throttle", "--standby", pair.target, "--load", "100", "--format", "json").json()
        assert shown["settings"]["standby"] == [pair.target]
        running.wait(expect=0)
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


# ---- readers there


class Reader:
    """A transaction on the standby that has read users, for so long. The primary keeps old rows for it, so that nothing but a
    lock can be in conflict with it."""

    def __init__(self, pair, seconds, name="report on the standby"):
        self.conn = pair.standby.connect(pair.db.name, application_name=name)
        self.pid = self.conn.info.backend_pid
        self.error = None
        self.thread = Thread(target=self._read, args=[seconds])
        self.thread.start()
        wait_until(lambda: pair.there(
            f"SELECT FROM pg_stat_activity WHERE pid = {self.pid} AND xact_start < clock_timestamp() - interval '1.5 s'"))

    def _read(self, seconds):
        try:
            self.conn.execute(f"SELECT count(*), pg_sleep({seconds}) FROM users")
        except psycopg.Error as error:
            self.error = error

    def end(self):
        self.thread.join()
        self.conn.close()


def test_reader_on_the_standby_is_waited_for_and_not_cancelled(pair, pgseam):
    # Replay would cancel it after one second.
    reader = Reader(pair, 6)
    with Load(pair.db, old=3, rate=1000) as load:
        run = pgseam.run("start", pgseam.file("add.sql", ADD), "--standby", pair.target, timeout=60)
        reader.end()
        report = load.stop()
        report.assert_clean()
    assert f"standby {pair.standby.folder}: pid {reader.pid}" in run.err
    assert reader.error is None
    pair.standby.caught_up()
    assert pair.there("SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'age'")


def test_without_standby_the_reader_there_is_cancelled(pair, pgseam):
    # What the option is for; else the test above would prove nothing.
    reader = Reader(pair, 20)
    pgseam.run("start", pgseam.file("add.sql", ADD))
    reader.end()
    assert "conflict with recovery" in str(reader.error)


def test_reader_of_twenty_seconds_on_the_standby_ends_with_exit_4_and_its_name(pair, pgseam):
    before = pair.db.dump_schema()
    reader = Reader(pair, 20)
    with Load(pair.db, old=3, rate=1000) as load:
        late = pgseam.run("start", pgseam.file("add.sql", ADD), "--standby", pair.target, "--deadline", "2", expect=4)
        report = load.stop()
        report.assert_clean()
        assert report.lock_wait_max_pgseam_ms == 0
    assert f"standby {pair.standby.folder}: pid {reader.pid}" in late.err
    assert "report on the standby" in late.err and "pg_sleep" in late.err
    assert pair.db.dump_schema() == before
    pair.there(f"SELECT pg_terminate_backend({reader.pid})")
    reader.end()
    # The standby was kept in the journal.
    pgseam.run("resume")
    assert pgseam.run("throttle", "add", "--format", "json").json()["settings"]["standby"] == [pair.target]


def test_lock_that_is_not_replayed_waits_for_no_standby(pair, pgseam):
    reader = Reader(pair, 20)
    run = pgseam.run("start", pgseam.file("i.sql", "CREATE INDEX users_name ON users (name);"), "--standby", pair.target)
    assert "standby" not in run.err
    pair.there(f"SELECT pg_terminate_backend({reader.pid})")
    reader.end()


@pytest.mark.parametrize("policy, error", [("cancel:1s", "user request"), ("terminate:1s", "administrator command")])
def test_reader_on_the_standby_is_ended_where_the_policy_says_so(pair, pgseam, policy, error):
    reader = Reader(pair, 30)
    run = pgseam.run("start", pgseam.file("add.sql", ADD), "--standby", pair.target, "--on-blocker", f"standby={policy}",
                     timeout=25)
    reader.end()
    assert error in str(reader.error)
    assert re.search(rf"(cancelled|terminated) standby \S+: pid {reader.pid} .*report on the standby", run.err)


def test_standby_that_is_down_is_in_the_way_of_a_lock(pair, pgseam):
    with pair.primary.standby() as other:
        pgseam.run("start", pgseam.file("a.sql", ADD + " ALTER TABLE users DROP COLUMN old_column;"), "--standby",
                   other.dsn(pair.db.name))
        other.stop("immediate")
        refused = pgseam.run("complete", "--deadline", "1", expect=3)
        assert str(other.folder) in refused.err
        late = pgseam.run("rollback", "--deadline", "1", expect=4)
        assert str(other.folder) in late.err
    pgseam.run("rollback", "--standby", "")
