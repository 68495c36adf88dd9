"""Logical capture: each change arrives, whoever makes it and whatever happens to the slot; nothing of it stays behind."""

import os
import re
import threading
import time

import pytest
from conftest import majors
from harness import Cluster, Pgseam
from harness.captured import DIGEST, WIDEN, Rewrite, Writer, create, left, slot, wait_until
from harness.cluster import server_bin


def server_of(major, options):
    """A server of its own, where that version is here."""
    if server_bin(major) is None:
        pytest.skip(f"PostgreSQL {major} is not installed: tools/setup servers")
    return Cluster(major, options)


IDENTITIES = {
    "default": "",
    "index": "ALTER TABLE t REPLICA IDENTITY USING INDEX t_k",
    "full": "ALTER TABLE t REPLICA IDENTITY FULL",
}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_each_change_arrives(any_cluster, db, pgseam, identity):
    create(db)
    if IDENTITIES[identity]:
        db.execute(IDENTITIES[identity])
    # A prepared transaction on the table would keep it from beginning.
    rewrite = Rewrite(db, pgseam).capturing()
    writers = [Writer(db, 1), Writer(db, 2, ["SET synchronous_commit = off"]), Writer(db, 3, ["SET session_replication_role = replica"])]
    # The published columns are those of the replica identity, where the server can choose them.
    if any_cluster.major >= 15:
        columns = {"default": [("id",)], "index": [("k",)], "full": [("id",), ("k",), ("v",), ("n",), ("big",)]}[identity]
        assert db.query("SELECT unnest(attnames) FROM pg_publication_tables WHERE pubname LIKE 'pgseam%'") == columns
    time.sleep(1)
    rewrite.copy().caught_up()
    time.sleep(1)
    for writer in writers:
        writer.stop()
    rewrite.end()


OTHERS = {
    "some columns": "CREATE PUBLICATION other FOR TABLE t (id, v)",
    "some rows": "CREATE PUBLICATION other FOR TABLE t WHERE (id > 5)",
    "inserts of some columns": "CREATE PUBLICATION other FOR TABLE t (v) WITH (publish = 'insert')",
    "inserts of some rows": "CREATE PUBLICATION other FOR TABLE t WHERE (v <> '') WITH (publish = 'insert')",
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_publications_do_no_harm(cluster, db, pgseam, other):
    if cluster.major < 15:
        pytest.skip("columns and rows of a publication can be chosen from 15 on")
    create(db)
    db.execute(OTHERS[other])
    rewrite = Rewrite(db, pgseam).capturing()
    writer = Writer(db, 1)
    rewrite.copy().caught_up()
    writer.stop()
    rewrite.end()
    assert db.query("SELECT pubname FROM pg_publication") == [("other",)]


REFUSED = {
    "nothing": ("ALTER TABLE t REPLICA IDENTITY NOTHING", "REPLICA IDENTITY NOTHING"),
    "index is gone": ("ALTER TABLE t REPLICA IDENTITY USING INDEX t_k; DROP INDEX t_k", "index of the table's REPLICA IDENTITY is gone"),
    "deferrable": ("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id) DEFERRABLE", "deferrable"),
    "no key": ("ALTER TABLE t DROP CONSTRAINT t_pkey", "no replica identity"),
    "unlogged": ("ALTER TABLE t SET UNLOGGED", "unlogged"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_where_publishing_would_harm_it_is_not_done(any_cluster, db, pgseam, why):
    create(db, 500)
    statement, reason = REFUSED[why]
    db.execute(statement)
    refused = pgseam.run("start", pgseam.file("m.sql", WIDEN), "--capture", "logical", expect=3)
    assert reason in refused.err
    assert left(db) == []
    # Left to choose, it takes the other way, and says why; nobody's UPDATE fails meanwhile.
    running = pgseam.spawn("start", pgseam.file("m.sql", WIDEN), "--postpone-cut-over")
    running.wait_output("the cut-over is postponed")
    assert re.search(f"capture: trigger .*{reason}", running.err)
    db.execute("UPDATE t SET n = n + 1 WHERE id = 1; DELETE FROM t WHERE id = 2")
    pgseam.run("cut-over")
    running.wait(expect=0)
    assert db.query("SELECT n FROM t WHERE id < 3") == [(2,)]


def test_role_that_may_not_replicate_is_told(cluster, db, pgseam):
    cluster.role("plain")
    db.execute(f'GRANT CREATE ON DATABASE "{db.name}" TO plain; GRANT ALL ON SCHEMA public TO plain; SET ROLE plain')
    with db.connect("plain") as conn:
        conn.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    refused = pgseam.run("start", pgseam.file("m.sql", WIDEN), "--capture", "logical", expect=3, role="plain")
    assert re.search("(?s)a replication connection cannot be had: .*(superuser|REPLICATION)", refused.err)


def test_star_among_synchronous_standbys_is_refused(clusters):
    """Commits would wait for our stream, which waits until they are visible."""
    with server_of(majors()[-1], {"synchronous_standby_names": "ANY 1 (*)", "synchronous_commit": "local"}) as server, server.database() as db, Pgseam(db) as pgseam:
        create(db, 100)
        refused = pgseam.run("start", pgseam.file("m.sql", WIDEN), "--capture", "logical", expect=3)
        assert "synchronous_standby_names has '*'" in refused.err
        assert left(db) == []


def test_star_that_comes_later_stops_it(cluster, db, pgseam):
    create(db, 1000)
    rewrite = Rewrite(db, pgseam).copy().caught_up()
    try:
        db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        db.execute("SELECT pg_reload_conf()")
        rewrite.running.wait(expect=1, timeout=30)
        assert "makes our replication stream a synchronous standby" in rewrite.running.err
        assert slot(db)[1] is None
    finally:
        db.execute("ALTER SYSTEM RESET synchronous_standby_names")
        db.execute("SELECT pg_reload_conf()")
    pgseam.run("rollback")
    assert left(db) == []


# ---- where a commit is in the log and not yet visible


@pytest.fixture
def stalled(any_cluster, db):
    """A switch: from now on commits wait for a standby that is not there, but for those of sessions that do not ask for it."""
    db.execute(f'ALTER DATABASE "{db.name}" SET synchronous_commit = local')

    def switch(on):
        with any_cluster.connect() as admin:
            admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{'nobody' if on else ''}'")
            admin.execute("SELECT pg_reload_conf()")
        wait_until(lambda: db.scalar("SHOW synchronous_standby_names") == ("nobody" if on else ""))

    yield switch
    switch(False)


def commit_stalled(db, *statements):
    """A transaction that is committed, but not visible: its thread ends when the standby is no longer waited for."""
    def work():
        with db.connect() as conn:
            conn.execute("SET synchronous_commit = on")
            with conn.transaction():
                for statement in statements:
                    conn.execute(statement)

    before = db.scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    wait_until(lambda: db.scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") > before)
    return thread


def awaits(db, xid):
    """Whether the making of a slot waits for this transaction."""
    return db.scalar("SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE NOT l.granted"
                     " AND l.locktype = 'transactionid' AND l.transactionid = %s::xid AND a.application_name LIKE 'pgseam/%%/stream'", [xid])


def with_xid(db):
    conn = db.connect(autocommit=False)
    conn.execute("SET synchronous_commit = local")
    return conn, conn.execute("SELECT pg_current_xact_id()::xid::text").fetchone()[0]


def test_commit_before_the_slot_that_is_not_yet_visible_is_waited_for(db, pgseam, stalled):
    """It is neither in the slot nor in a snapshot: the copy must not begin (ghost-ptosc.md, 0.3)."""
    create(db)
    first, first_xid = with_xid(db)
    running = pgseam.spawn("start", pgseam.file("m.sql", WIDEN), "--capture", "logical", "--postpone-cut-over")
    wait_until(lambda: awaits(db, first_xid))
    second, second_xid = with_xid(db)
    first.commit()
    # The slot has seen all that ran at first, and waits for those that came meanwhile. What comes now, it does not wait for.
    wait_until(lambda: awaits(db, second_xid))
    stalled(True)
    thread = commit_stalled(db, "UPDATE t SET n = -1 WHERE id = 5", "DELETE FROM t WHERE id = 6", "INSERT INTO t VALUES (-1, -1, '', 0, '')")
    second.commit()
    wait_until(lambda: (found := slot(db)) and found[2])
    running.wait_output("its commit waits for a synchronous standby")
    time.sleep(1)
    assert "3. rewrite.copy" not in running.err
    stalled(False)
    thread.join(30)
    running.wait_output("the cut-over is postponed")
    expected = db.scalar(DIGEST)
    pgseam.run("cut-over")
    running.wait(expect=0)
    assert db.query("SELECT id, n FROM t WHERE id IN (-1, 5, 6) ORDER BY 1") == [(-1, 0), (5, -1)]
    assert db.scalar(DIGEST) == expected
    first.close()
    second.close()


def test_commit_that_is_delivered_before_it_is_visible_is_held(db, pgseam, stalled):
    create(db)
    rewrite = Rewrite(db, pgseam).capturing()
    stalled(True)
    threads = [commit_stalled(db, "UPDATE t SET n = -1 WHERE id = 5", "DELETE FROM t WHERE id = 6", "UPDATE t SET id = -7 WHERE id = 7",
                              "INSERT INTO t VALUES (-1, -1, '', 0, '')")]
    rewrite.copy().caught_up()
    threads.append(commit_stalled(db, "UPDATE t SET n = -2 WHERE id = 8"))
    # Others go on meanwhile, and theirs arrives: the key has been taken out again, the row is in the shadow.
    db.execute("UPDATE t SET n = -3 WHERE id = 9")
    shadow = db.scalar("SELECT format('%I.t', name) FROM pgseam.rewrite")
    wait_until(lambda: db.scalar(f"SELECT n FROM {shadow} WHERE id = 9") == -3)
    # What is held is not confirmed: a stream that breaks brings it again.
    time.sleep(1.5)
    db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%/stream'")
    time.sleep(1)
    assert db.query(f"SELECT id, n FROM {shadow} WHERE id IN (-7, -1, 5, 6, 7, 8) ORDER BY 1") == [(5, 5), (6, 6), (7, 7), (8, 8)]
    stalled(False)
    for thread in threads:
        thread.join(30)
    rewrite.end()
    assert db.query("SELECT id, n FROM t WHERE id IN (-7, -1, 5, 6, 7, 8) ORDER BY 1") == [(-7, 7), (-1, 0), (5, -1), (8, -2)]


# ---- what may happen to slot, publication and table


def test_walsender_that_is_killed_again_and_again_loses_nothing(db, pgseam):
    create(db)
    rewrite = Rewrite(db, pgseam).capturing()
    writers = [Writer(db, 1), Writer(db, 2, ["SET synchronous_commit = off"])]
    rewrite.copy()
    for _ in range(8):
        time.sleep(0.3)
        db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%/stream'")
        time.sleep(0.2)
        db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%/capture'")
    rewrite.caught_up()
    for writer in writers:
        writer.stop()
    rewrite.end()


def gone_while_frozen(db, rewrite, *statements):
    """What happens while pgseam cannot notice; then it goes on."""
    rewrite.running.freeze()
    try:
        for statement in statements:
            db.execute(statement)
    finally:
        rewrite.running.thaw()


def assert_lost(db, pgseam, rewrite, pattern):
    result = rewrite.running.wait(expect=1, timeout=60)
    assert re.search(pattern, result.err), result
    assert "pgseam rollback" in result.err
    # It is not forgotten by the next one either.
    assert re.search(pattern, pgseam.run("resume", expect=1).err)
    before = db.scalar(DIGEST)
    pgseam.run("rollback")
    assert db.scalar(DIGEST) == before
    assert left(db) == []
    assert db.scalar("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgseam_rewrite%'") == 0


END_READER = ("DO $$ DECLARE s text; BEGIN SELECT slot_name INTO s FROM pg_replication_slots WHERE slot_name LIKE 'pgseam%';"
              " PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = s;"
              " FOR n IN 1..200 LOOP EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = s AND active);"
              " PERFORM pg_sleep(0.02); END LOOP; END $$")
DROP_SLOT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'pgseam%'"
DROP_PUBLICATION = ("DO $$ BEGIN EXECUTE (SELECT format('DROP PUBLICATION %I', pubname) FROM pg_publication WHERE pubname LIKE 'pgseam%');"
                    " END $$")
GONE = {
    "slot": ([END_READER, DROP_SLOT], "replication slot pgseam_.* is gone"),
    "publication": ([DROP_PUBLICATION], "publication pgseam_.* is gone"),
    "half the publication": ([DROP_PUBLICATION.replace("DROP PUBLICATION %I", "ALTER PUBLICATION %I SET (publish = ''insert'')")],
                             "publication pgseam_.* no longer gives all changes"),
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("when", ["in mid-copy", "at the end"])
def test_what_somebody_dropped_is_the_end(any_cluster, db, pgseam, what, when):
    create(db)
    rewrite = Rewrite(db, pgseam).capturing()
    if when == "at the end":
        rewrite.copy().caught_up()
    statements, pattern = GONE[what]
    gone_while_frozen(db, rewrite, *statements, "UPDATE t SET n = -1 WHERE id = 5")
    assert_lost(db, pgseam, rewrite, pattern)


@pytest.mark.parametrize("major", majors())
def test_slot_that_is_lost_is_the_end(major):
    with server_of(major, {"max_slot_wal_keep_size": "1MB"}) as server, server.database() as db, Pgseam(db) as pgseam:
        create(db)
        rewrite = Rewrite(db, pgseam).capturing()
        fill = ["CREATE TABLE IF NOT EXISTS other (v text)"] + 4 * [
            "INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 20000)", "SELECT pg_switch_wal()", "CHECKPOINT"]
        gone_while_frozen(db, rewrite, *fill)
        assert_lost(db, pgseam, rewrite, "replication slot pgseam_.* is lost: .*max_slot_wal_keep_size = 1MB")


def test_another_replica_identity_stops_it_before_the_application_fails_for_long(any_cluster, db, pgseam):
    create(db)
    rewrite = Rewrite(db, pgseam).copy().caught_up()
    db.execute("ALTER TABLE t REPLICA IDENTITY FULL")
    # A list of columns that does not cover it would now make each UPDATE fail.
    result = rewrite.running.wait(expect=5, timeout=30)
    assert "another replica identity" in result.err
    assert db.scalar("SELECT count(*) FROM pg_publication") == 0
    db.execute("UPDATE t SET n = n + 1 WHERE id = 5")
    pgseam.run("rollback")
    assert left(db) == []


def test_reindex_of_the_identity_is_no_change_of_it(db, pgseam):
    create(db)
    rewrite = Rewrite(db, pgseam).copy().caught_up()
    writer = Writer(db, 1)
    db.execute("REINDEX INDEX CONCURRENTLY t_pkey")
    time.sleep(1.5)
    writer.stop()
    rewrite.end()


class Counter:
    """Adds one to a row of its own until it is stopped, and knows what the row must say."""

    def __init__(self, db, row):
        self.db, self.row, self.count, self.error = db, row, row, None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        try:
            with self.db.connect() as conn:
                conn.execute("SET synchronous_commit = off")
                while not self._stop.is_set():
                    conn.execute("UPDATE t SET n = n + 1 WHERE id = %s", [self.row])
                    self.count += 1
        except Exception as error:
            self.error = error

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        if self.error:
            raise self.error


def test_what_is_committed_just_before_the_cut_over_is_in_the_new_table(any_cluster, db, pgseam):
    create(db)
    rewrite = Rewrite(db, pgseam).copy().caught_up()
    counters = [Counter(db, row) for row in range(1, 5)]
    time.sleep(0.5)
    pgseam.run("cut-over")
    rewrite.running.wait(expect=0)
    time.sleep(0.2)
    for counter in counters:
        counter.stop()
    assert db.query("SELECT n FROM t WHERE id < 5 ORDER BY id") == [(counter.count,) for counter in counters]


# ---- what is large, and TRUNCATE


def peak_kb(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))


def test_transaction_of_a_million_keys_needs_no_memory(db, pgseam):
    create(db, 100)
    # The sanitizer keeps 256 MB of freed memory unless told otherwise.
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    rewrite = Rewrite(db, pgseam, env={"ASAN_OPTIONS": options}).capturing()
    before = peak_kb(rewrite.running.pid)
    with db.connect() as conn, conn.transaction():
        conn.execute("INSERT INTO t SELECT g, g, NULL, 0, NULL FROM generate_series(1001, 500000) g")
        conn.execute("UPDATE t SET id = -id WHERE id > 1000")
    dirty = db.scalar("SELECT format('%I.pgseam_dirty', name) FROM pgseam.rewrite")
    wait_until(lambda: db.scalar(f"SELECT count(*) >= 1497000 FROM {dirty}"), 120)
    assert peak_kb(rewrite.running.pid) - before < 40 * 1024
    # All that can be forgotten of the log is.
    wait_until(lambda: db.scalar("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) < 1000000 FROM pg_replication_slots"))
    # Of each row two keys came, and each is there; once if they came together.
    assert db.scalar(f"SELECT count(DISTINCT id) FROM {dirty}") == 998000
    rewrite.running.interrupt()
    rewrite.running.wait(expect=1)
    pgseam.run("rollback")
    assert_clean(db)


def test_hot_row_is_one_key(db, pgseam):
    create(db, 100)
    rewrite = Rewrite(db, pgseam).capturing()
    db.execute("DO $$ BEGIN FOR n IN 1..20000 LOOP UPDATE t SET n = t.n + 1 WHERE id = 7; END LOOP; END $$")
    dirty = db.scalar("SELECT format('%I.pgseam_dirty', name) FROM pgseam.rewrite")
    wait_until(lambda: db.scalar(f"SELECT count(*) FROM {dirty}"))
    wait_until(lambda: db.scalar("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) < 100000 FROM pg_replication_slots"))
    assert db.scalar(f"SELECT count(*) FROM {dirty}") < 100
    rewrite.copy().caught_up().end()
    assert db.scalar("SELECT n FROM t WHERE id = 7") == 20007


@pytest.mark.parametrize("when", ["before the copy", "caught up"])
def test_truncate_arrives(any_cluster, db, pgseam, when):
    create(db)
    rewrite = Rewrite(db, pgseam).capturing()
    if when == "caught up":
        rewrite.copy().caught_up()
    db.execute("UPDATE t SET n = 0 WHERE id < 50; TRUNCATE t; INSERT INTO t SELECT g, g, 'after', g, NULL FROM generate_series(1, 10) g")
    if when == "before the copy":
        rewrite.copy().caught_up()
    db.execute("INSERT INTO t SELECT g, g, 'later', g, NULL FROM generate_series(11, 15) g")
    rewrite.end()
    assert db.scalar("SELECT count(*) FROM t") == 15


# ---- nothing stays behind


def assert_clean(db):
    assert left(db) == []
    assert db.scalar("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgseam_rewrite%'") == 0
    # Nobody's writes are looked at any more.
    db.execute("UPDATE t SET n = n + 1 WHERE id = 1; DELETE FROM t WHERE id = 2")


@pytest.mark.parametrize("stage", ["making the slot", "before the copy", "caught up"])
@pytest.mark.parametrize("how", ["rollback", "kill", "kill and resume", "kill of both"])
def test_nothing_stays_behind(db, pgseam, stage, how):
    create(db)
    other, xid = with_xid(db)
    if stage != "making the slot":
        other.rollback()
    rewrite = Rewrite(db, pgseam)
    if stage == "making the slot":
        wait_until(lambda: awaits(db, xid))
    else:
        rewrite.capturing()
    if stage == "caught up":
        rewrite.copy().caught_up()
    if how == "rollback":
        rewrite.running.interrupt()
        rewrite.running.wait(expect=1)
        if stage == "making the slot":
            assert left(db) == []
    else:
        rewrite.running.kill9()
    if how == "kill of both":
        db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%'")
    other.close()
    if how == "kill and resume":
        if stage != "caught up":
            rewrite.copy()
        rewrite.running = pgseam.spawn("resume")
        rewrite.caught_up().end()
        return
    pgseam.run("rollback")
    assert_clean(db)


def test_slot_that_cannot_be_had_in_time_is_given_up(db, pgseam):
    create(db, 100)
    db.execute("CREATE TABLE other (n int)")
    with db.connect() as conn:
        conn.execute("BEGIN")
        conn.execute("INSERT INTO other VALUES (1)")
        conn.execute("PREPARE TRANSACTION 'mine'")
    result = pgseam.run("start", pgseam.file("m.sql", WIDEN), "--capture", "logical", "--deadline", "3", expect=4)
    assert "could not begin within 3 s" in result.err and "prepared transaction 'mine'" in result.err
    assert left(db) == []
    db.execute("ROLLBACK PREPARED 'mine'")
    pgseam.run("resume")
    assert left(db) == []


def test_slot_that_waits_says_for_whom(db, pgseam):
    create(db, 100)
    other, xid = with_xid(db)
    running = pgseam.spawn("start", pgseam.file("m.sql", WIDEN), "--capture", "logical", "--postpone-cut-over")
    running.wait_output(rf"in the way:\n.*pid {other.info.backend_pid} ")
    assert str(other.info.backend_pid) in pgseam.run("status").out
    other.rollback()
    running.wait_output("the cut-over is postponed")
    pgseam.run("cut-over")
    running.wait(expect=0)
    other.close()
