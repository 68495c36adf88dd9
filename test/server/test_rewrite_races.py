"""What bit others: each race of an online rewrite by name, driven into the middle of the copy, of the catch-up or of the cut-over.

The safeguard a test guards stands above it: without that the test fails.
"""

import contextlib
import random
import threading
import time

import psycopg
import pytest
from harness import Cluster, Load, Pgseam, init_orders
from harness.crowd import Crowd
from harness.rewrite import (
    ROWS, Held, assert_calm, assert_cut_over_with, copied_chunks, cut_over, digests, has_cut_over, migration_of, postponed,
    rewrite_of, sql_file, type_of_key, wait_until,
)

CHILDLESS = " AND ".join(f"id NOT IN (SELECT order_id FROM {child} WHERE order_id IS NOT NULL)"
                         for child in ("order_lines", "order_remarks", "order_holds"))
CAPTURES = ["logical", "trigger"]


@pytest.fixture
def held_orders(db):
    init_orders(db, ROWS)
    return db


def through(db, pgseam, capture, *changes, options=()):
    """The changes while the copy stands in the middle; then it goes on, and nothing of them may be missing."""
    with Held(db, pgseam, *options, capture=capture) as held:
        for change in changes:
            db.execute(change)
        expected = digests(db)
        held.finish()
    assert_cut_over_with(db, expected)


# ---- rows that change in mid-copy


# Rows are read again from the table: no event carries a TOAST value that did not change.
@pytest.mark.parametrize("capture", CAPTURES)
def test_toast_that_did_not_change_stays(held_orders, pgseam, capture):
    through(held_orders, pgseam, capture, "UPDATE orders SET note = 'beside it' WHERE payload IS NOT NULL")


# Deleting all dirty keys from the shadow before they are read again: else rows that moved are there twice, or not at all.
@pytest.mark.parametrize("capture", CAPTURES)
def test_rows_that_move_during_the_copy_are_there_once(held_orders, pgseam, capture):
    through(
        held_orders, pgseam, capture,
        # Room in the blocks that are copied already, which the rows of later blocks take.
        "DELETE FROM orders WHERE code % 3 = 1 AND code > 4", "VACUUM orders",
        "UPDATE orders SET note = repeat('moved ', 10) WHERE code % 2 = 0",
        "UPDATE orders SET note = repeat('moved on ', 20) WHERE code % 4 = 0",
    )


# A key is brought over as it is now, not as the event had it.
@pytest.mark.parametrize("capture", CAPTURES)
def test_deleted_and_inserted_again_with_the_same_key(held_orders, pgseam, capture):
    through(
        held_orders, pgseam, capture,
        "CREATE TABLE kept AS SELECT * FROM orders WHERE code % 5 = 0; DELETE FROM orders WHERE code % 5 = 0",
        "INSERT INTO orders SELECT id, code, seat, 'again', amount + 1, note, payload FROM kept WHERE code % 10 = 0",
        "BEGIN; DELETE FROM orders WHERE id = 777; INSERT INTO orders (id, code, seat, status) VALUES (777, 777, 777, 'again'); COMMIT",
        "INSERT INTO orders (id, code, seat, status) VALUES (900001, 900001, 900001, 'short'); DELETE FROM orders WHERE id = 900001",
    )


# Both keys of an UPDATE of the key are dirty: the old one's row goes.
@pytest.mark.parametrize("capture", CAPTURES)
def test_keys_that_change(held_orders, pgseam, capture):
    through(
        held_orders, pgseam, capture,
        "UPDATE orders SET id = id + 1000000 WHERE code % 4 = 0",
        # A key passes from one row to the other, by way of a third.
        "BEGIN; UPDATE orders SET id = -1 WHERE code = 11; UPDATE orders SET id = 11 WHERE code = 13; UPDATE orders SET id = 13 WHERE"
        " id = -1; COMMIT",
        "UPDATE orders SET id = -id WHERE code BETWEEN 100 AND 200",
    )


# The unique closure of catch-up: the shadow row that holds a value which belongs to another key now is brought over, too.
@pytest.mark.parametrize("capture", CAPTURES)
def test_rows_that_swap_unique_values(held_orders, pgseam, capture):
    db = held_orders
    swaps = [
        "BEGIN; UPDATE orders SET code = -{a} WHERE id = {a}; UPDATE orders SET code = {a} WHERE id = {b};"
        " UPDATE orders SET code = {b} WHERE id = {a}; COMMIT".format(a=a, b=ROWS - a) for a in range(10, 60)
    ]
    # A wheel of a thousand: each row's seat is its neighbour's.
    wheel = "UPDATE orders SET seat = CASE WHEN seat % 1000 = 999 THEN seat - 999 ELSE seat + 1 END WHERE seat BETWEEN 9000 AND 11999"
    with postponed(db, pgseam, capture, "--max-batch", "500") as running:
        for statement in [wheel, *swaps, wheel]:
            db.execute(statement)
        expected = digests(db)
        cut_over(pgseam, running)
    assert_cut_over_with(db, expected)


# Keys are a set: what changed five thousand times is brought over a few times.
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_hot_row_costs_little(held_orders, pgseam, capture):
    db = held_orders
    with Held(db, pgseam, capture=capture) as held:
        with db.connect() as conn:
            for _ in range(5000):
                conn.execute("UPDATE orders SET amount = amount + 1 WHERE id = 3")
        expected = digests(db)
        held.finish()
    assert_cut_over_with(db, expected)
    assert db.scalar("SELECT amount FROM orders WHERE id = 3") == 5003
    assert rewrite_of(pgseam)["keys_applied"] < 2500


# A batch of catch-up is one snapshot: a row that changes between its parts would otherwise be lost until the next change.
@pytest.mark.parametrize("capture", CAPTURES)
def test_flat_out_in_catch_up(held_orders, pgseam, capture):
    db = held_orders
    with Load(db, old=3, new=3, rate=0, orders="int") as load, postponed(db, pgseam, capture) as running:
        time.sleep(1)
        load.rate(1500)
        cut_over(pgseam, running)
        report = load.stop()
    assert report.errors == 0 and report.mismatches == 0, report.faults()


# ---- transactions that began before


# The barrier behind the start of capture: a change is captured, or visible to the copy.
@pytest.mark.parametrize("capture", CAPTURES)
def test_open_before_capture_and_committed_after_the_copy(held_orders, pgseam, capture):
    db = held_orders
    with db.connect() as writer, db.connect() as early, contextlib.ExitStack() as stack:
        writer.execute("BEGIN; UPDATE orders SET note = 'early' WHERE code % 100 = 7; INSERT INTO orders (code, status) VALUES (-7, 'new')")
        # This one has its number, but no lock on the table yet.
        early.execute("BEGIN; UPDATE order_remarks SET body = 'early' WHERE id = 1")
        running = pgseam.spawn("start", sql_file(pgseam), "--capture", capture)
        stack.callback(lambda: running.running() and running.kill9())
        time.sleep(2)
        early.execute("UPDATE orders SET note = 'late' WHERE code % 100 = 8; DELETE FROM orders WHERE code % 100 = 9 AND id > 10")
        assert not has_cut_over(db)
        time.sleep(0.5)
        writer.execute("COMMIT")
        time.sleep(0.5)
        early.execute("COMMIT")
        expected = digests(db)
        running.wait(90, expect=0)
    assert_cut_over_with(db, expected)
    assert db.scalar("SELECT count(*) FROM orders WHERE note = 'early'") == 600
    assert db.scalar("SELECT count(*) FROM orders WHERE note = 'late'") == 600


# The cut-over takes its lock behind every transaction that has written: prepared ones have no session to be asked.
@pytest.mark.parametrize("capture", CAPTURES)
def test_prepared_in_mid_copy_and_committed_after_it(held_orders, pgseam, capture):
    db = held_orders
    with Held(db, pgseam, capture=capture) as held:
        with db.connect() as conn:
            conn.execute("BEGIN; UPDATE orders SET note = 'prepared' WHERE code % 100 = 7; PREPARE TRANSACTION 'in the middle'")
        held.release()
        # It waits for it, or stops and says why.
        wait_until(lambda: "prepared" in (migration_of(pgseam)["reason"] or "") + held.running.err, what="a word about it")
        assert not has_cut_over(db)
        db.execute("COMMIT PREPARED 'in the middle'")
        expected = digests(db)
        if held.running.wait(90).rc != 0:
            pgseam.run("resume", "--load", "100")
    assert_cut_over_with(db, expected)
    assert db.scalar("SELECT count(*) FROM orders WHERE note = 'prepared'") == ROWS // 100


# ---- a synchronous standby that stalls: committed, decoded, and not visible


@pytest.fixture(scope="module")
def servers():
    with Cluster(15) as primary, primary.standby() as standby:
        yield primary, standby


@contextlib.contextmanager
def stalled(primary, standby):
    """The standby is gone, and commits wait for it."""
    standby.stop("fast")
    with primary.connect() as conn:
        conn.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        conn.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)
    try:
        yield
    finally:
        standby.start()


def unsynchronous(primary):
    with primary.connect() as conn:
        conn.execute("ALTER SYSTEM RESET synchronous_standby_names")
        conn.execute("SELECT pg_reload_conf()")


def in_background(db, *statements):
    """Sessions whose commits wait; joined at the end of the test."""
    def run(statement):
        db.execute(statement)

    threads = [threading.Thread(target=run, args=(statement,), daemon=True) for statement in statements]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    return threads


CHANGES = (
    "UPDATE orders SET note = 'stalled' WHERE code % 100 = 7",
    "DELETE FROM orders WHERE code % 100 = 8 AND id > 10",
    "INSERT INTO orders (code, status) VALUES (-77, 'stalled')",
    "UPDATE orders SET id = id + 5000000 WHERE code % 100 = 11",
)


# pg_snapshot_xmin() >= N behind the slot: what is committed before it and not yet visible is in no stream, and in no snapshot.
@pytest.mark.parametrize("when", ["slot", "copy"])
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_synchronous_standby_stalls(servers, capture, when):
    primary, standby = servers
    with primary.database() as db, Pgseam(db) as pgseam:
        init_orders(db, ROWS)
        # The parts are of 20 ms; what hangs is not the runner's own commit, which waits for no standby.
        try:
            if when == "slot":
                with stalled(primary, standby):
                    threads = in_background(db, *CHANGES)
                    running = pgseam.spawn("start", sql_file(pgseam), "--capture", capture)
                    time.sleep(4)
                for thread in threads:
                    thread.join(60)
                running.wait(120, expect=0)
            else:
                with Held(db, pgseam, capture=capture) as held:
                    with stalled(primary, standby):
                        threads = in_background(db, *CHANGES)
                        held.stop_file.unlink()
                        pgseam_let_go(db, held)
                        time.sleep(4)
                    for thread in threads:
                        thread.join(60)
                    held.running.wait(120, expect=0)
        finally:
            unsynchronous(primary)
        assert type_of_key(db) == "bigint"
        assert db.scalar("SELECT count(*) FROM orders WHERE note = 'stalled'") == ROWS // 100
        assert db.scalar("SELECT count(*) FROM orders WHERE code % 100 = 8 AND id > 10") == 0
        assert db.scalar("SELECT count(*) FROM orders WHERE code = -77") == 1
        assert db.scalar("SELECT count(*) FROM orders WHERE id > 5000000") == ROWS // 100
        assert db.scalar("SELECT count(*) FROM orders") == ROWS - (ROWS // 100 - 1) + 1


def pgseam_let_go(db, held):
    """Full speed without a command that would wait for the standby itself."""
    with db.connect() as conn:
        conn.execute("SET synchronous_commit = local")
        conn.execute("UPDATE pgseam.setting SET value = '{100}' WHERE name = 'load_percent'")


# ---- snapshots and readers


# The wait for old snapshots before the cut-over: with such a snapshot the new table is empty.
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_snapshot_from_the_copy_does_not_find_the_table_empty(held_orders, pgseam, capture):
    db = held_orders
    with Held(db, pgseam, capture=capture) as held, db.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM order_holds")
        held.release()
        # Either it waits and says so, or the reader may read.
        wait_until(lambda: has_cut_over(db) or "snapshot" in (migration_of(pgseam)["reason"] or ""), what="the cut-over or a word")
        time.sleep(1)
        assert reader.execute("SELECT count(*), sum(amount) FROM orders").fetchone()[0] == ROWS
        reader.execute("COMMIT")
        held.running.wait(90, expect=0)
    assert type_of_key(db) == "bigint"


# The same by policy: it stops with exit status 4, says who it is, and can be resumed.
def test_a_snapshot_that_stays_stops_the_cut_over(held_orders, pgseam):
    db = held_orders
    with db.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM order_holds")
        pid = reader.info.backend_pid
        stopped = pgseam.run("start", sql_file(pgseam), "--capture", "trigger", "--snapshot-wait", "2s", expect=4)
        assert str(pid) in stopped.err, stopped
        assert not has_cut_over(db)
        assert reader.execute("SELECT count(*) FROM orders").fetchone()[0] == ROWS
    chunks = copied_chunks(db)
    pgseam.run("resume")
    assert type_of_key(db) == "bigint" and copied_chunks(db) in (chunks, [])


# Locks are awaited without queueing, and an attempt that fails costs a retry.
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_reader_of_14_seconds_at_the_cut_over_stalls_nobody(held_orders, pgseam, capture):
    db = held_orders
    with Load(db, old=4, new=4, rate=2400, orders="int") as load:
        with postponed(db, pgseam, capture) as running, db.connect() as reader:
            reader.execute("BEGIN; SELECT count(*) FROM orders")
            began = time.monotonic()
            pgseam.run("cut-over")
            while time.monotonic() < began + 14:
                time.sleep(0.5)
                assert not has_cut_over(db) and running.running()
            reader.execute("COMMIT")
            running.wait(60, expect=0)
        time.sleep(0.3)
        report = load.stop()
    assert_calm(report)
    found = rewrite_of(pgseam)
    assert (found["restarts"], found["cut_over"]) == (0, True)


# What is dirty is drained under the lock of each attempt, not of the first.
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_bulk_update_between_two_attempts(held_orders, pgseam, capture):
    db = held_orders
    with postponed(db, pgseam, capture) as running, db.connect() as reader:
        reader.execute("BEGIN; SELECT count(*) FROM orders")
        pgseam.run("cut-over")
        time.sleep(1.5)
        assert not has_cut_over(db)
        db.execute("UPDATE orders SET note = 'in bulk', amount = amount + 1")
        db.execute("UPDATE orders SET id = id + 2000000 WHERE code % 3 = 0")
        expected = digests(db)
        time.sleep(0.5)
        reader.execute("COMMIT")
        running.wait(90, expect=0)
    assert_cut_over_with(db, expected)
    assert rewrite_of(pgseam)["restarts"] == 0


# ---- writers of all kinds


# Capture's triggers fire always, or the stream has it.
@pytest.mark.parametrize("capture", CAPTURES)
def test_writers_with_session_replication_role_replica(held_orders, pgseam, capture):
    role = "SET session_replication_role = replica; "
    through(
        held_orders, pgseam, capture,
        role + "UPDATE orders SET note = 'applied' WHERE code % 7 = 0",
        role + "INSERT INTO orders (id, code, status) VALUES (-5, -5, 'applied')",
        # Nobody looks after the foreign keys now, and the cut-over proves them: so none that others refer to.
        role + f"DELETE FROM orders WHERE code % 100 = 51 AND payload IS NULL AND {CHILDLESS}",
        role + f"UPDATE orders SET id = id + 3000000 WHERE code % 100 = 52 AND {CHILDLESS}",
    )


# The stream is read up to the insert position, not to what is flushed: a commit that nobody waited for is visible before it is.
@pytest.mark.parametrize("capture", CAPTURES)
def test_writers_with_synchronous_commit_off(cluster, held_orders, pgseam, capture):
    db = held_orders
    cluster_settings(cluster, wal_writer_delay="'10s'", wal_writer_flush_after="'1GB'")
    stop, counts = threading.Event(), [0, 0]

    def write(number):
        with db.connect() as conn:
            conn.execute("SET synchronous_commit = off")
            while not stop.is_set():
                conn.execute("UPDATE orders SET amount = amount + 1 WHERE id = %s", [1000 + number * 7 + counts[number] % 7])
                counts[number] += 1
                time.sleep(0.0005)

    before = db.scalar("SELECT sum(amount) FROM orders")
    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(2)]
    try:
        for thread in threads:
            thread.start()
        pgseam.run("start", sql_file(pgseam), "--capture", capture)
        time.sleep(0.3)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        cluster_settings(cluster, wal_writer_delay=None, wal_writer_flush_after=None)
    assert min(counts) > 100
    assert type_of_key(db) == "bigint"
    assert db.scalar("SELECT sum(amount) FROM orders") == before + sum(counts)


def cluster_settings(cluster, **settings):
    with cluster.connect() as conn:
        for name, value in settings.items():
            conn.execute(f"ALTER SYSTEM RESET {name}" if value is None else f"ALTER SYSTEM SET {name} = {value}")
        conn.execute("SELECT pg_reload_conf()")


# A row that a foreign key takes away is a change like any other.
@pytest.mark.parametrize("capture", CAPTURES)
def test_on_delete_cascade_from_a_parent(held_orders, pgseam, capture):
    db = held_orders
    db.execute("CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers SELECT generate_series(0, 99);"
               "ALTER TABLE orders ADD customer int; UPDATE orders SET customer = code % 100;"
               "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE")
    db.execute("VACUUM FULL orders")
    through(db, pgseam, capture, "DELETE FROM customers WHERE id BETWEEN 40 AND 45; UPDATE customers SET id = 1000 WHERE id = 50",
            "INSERT INTO customers VALUES (41)")
    assert db.scalar("SELECT count(*) FROM orders WHERE customer = 1000") == ROWS // 100
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        db.execute("INSERT INTO orders (code, status, customer) VALUES (-1, 'x', 42)")


# COPY, too, and many rows a statement.
@pytest.mark.parametrize("capture", CAPTURES)
def test_rows_that_come_by_copy(held_orders, pgseam, capture):
    through(
        held_orders, pgseam, capture,
        "COPY (SELECT 7000000 + n, -n, -n, 'copied', 1 FROM generate_series(1, 5000) n) TO '/tmp/pgseam-rows-{0}'".format(capture),
        "COPY orders (id, code, seat, status, amount) FROM '/tmp/pgseam-rows-{0}'".format(capture),
    )


# Whoever waits for a stronger lock on a table than the one it holds, and holds one that keeps writers away, makes a deadlock of each
# session that has read and writes now; PostgreSQL ends that one at once, not after deadlock_timeout (ProcSleep in proc.c).
def read_then_write(conn, number):
    """Writes while the cut-over awaits its lock, if it can."""
    with conn.transaction():
        conn.execute("SELECT amount FROM orders WHERE code = %s", [number])
        until = time.monotonic() + random.uniform(0.05, 0.2)
        while time.monotonic() < until and not conn.execute(
                "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted AND relation = 'orders'::regclass",
                ).fetchone()[0]:
            time.sleep(0.001)
        conn.execute("UPDATE orders SET amount = amount + 1 WHERE code = %s", [number])


@pytest.mark.parametrize("capture", CAPTURES)
def test_readers_that_write_then_are_no_victims_of_the_cut_over(held_orders, pgseam, capture):
    with Crowd(held_orders, [read_then_write], clients=1, numbers=ROWS, pause_s=0.05) as crowd:
        for _ in range(6):
            pgseam.run("repack", "orders", "--capture", capture, "--complete", timeout=120)
    assert not crowd.errors, f"{len(crowd.errors)}: {crowd.errors[0]}"
