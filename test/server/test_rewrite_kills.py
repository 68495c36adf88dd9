"""Kill the online rewrite anywhere: resume ends where it would have ended, rollback leaves nothing, and no chunk is copied twice."""

import random
import subprocess
import time

import pytest
from harness import Load, init_orders
from harness.binaries import built
from harness.dependants import assert_same_dependants, dependants
from harness.rewrite import (
    Held, assert_nothing_left, copied_chunks, digests, has_cut_over, journal, leftovers, migration_of, postponed, rewrite_of,
    sql_file, type_of_key, wait_until,
)

CAPTURES = ["logical", "trigger"]
POINTS = subprocess.run([built("PGSEAM_BIN", "src/pgseam"), "fault-points"], capture_output=True, text=True, check=True).stdout.split()
# Those that a rewrite never comes by: backfills, what may not be in a transaction, the way back.
ELSEWHERE = ("batch.", "alone.", "undo.")
START = [point for point in POINTS if not point.startswith(ELSEWHERE)]
UNDO = [point for point in POINTS if point.startswith("undo.")] + ["step.begin", "guard.locked", "guard.committed", "phase.end"]
# Points that each step passes are met at several of them.
TIMES = {"step.begin": (1, 2, 3, 5, 7), "step.intent": (1, 2, 4, 6), "guard.locked": (1, 2, 3), "guard.committed": (1, 2, 3),
         "step.verified": (1, 3, 5), "rewrite.copy.range": (1, 2)}
HITS = [f"{point}:{number}" for point in START for number in TIMES.get(point, (1,))]


@pytest.fixture
def table(db):
    init_orders(db, 40000)
    return db


class Books:
    """What there was before, and what must be at the end."""

    def __init__(self, db):
        self.db, self.there, self.hangs, self.rows = db, leftovers(db), dependants(db), digests(db)

    def assert_done(self):
        assert type_of_key(self.db) == "bigint"
        assert digests(self.db) == self.rows
        assert_nothing_left(self.db, self.there)

    def assert_back(self):
        assert type_of_key(self.db) == "integer"
        assert digests(self.db) == self.rows
        assert_nothing_left(self.db, self.there)
        assert_same_dependants(self.hangs, dependants(self.db))


def hit(pgseam, books, capture, fault, command=("start",), action="kill"):
    """A start that is hit at the fault point; the table is then written to, as it would be."""
    point, number = fault.split(":")
    done = pgseam.run(*command, *(["--capture", capture] if command[0] == "start" else []), expect=None,
                      env={"PGSEAM_FAULT": f"{point}:{action}:{number}"})
    books.db.execute("UPDATE orders SET note = 'after the kill' WHERE code % 50 = 3; UPDATE orders SET id = id + 1000000 WHERE code % 100 = 9;"
                     "DELETE FROM orders WHERE code % 100 = 17; INSERT INTO orders (code, seat, status) VALUES (-17, -17, 'fresh')")
    books.rows = digests(books.db)
    return done


def end(pgseam, done, command):
    """Resume, or roll back, whatever it was at; a start that was not hit is just complete or at its gate."""
    state = migration_of(pgseam)["state"]
    if command == "rollback":
        if state is not None:
            pgseam.run("rollback")
        return
    if done.rc != 0:
        if state is None:
            # Nothing was written down, so nothing is there.
            pgseam.run("start", "wide.sql")
        else:
            pgseam.run("resume")
    pgseam.run("complete")


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("fault", HITS)
def test_killed_rewrite_resumed(table, pgseam, capture, fault):
    books = Books(table)
    done = hit(pgseam, books, capture, fault, ("start", sql_file(pgseam)))
    end(pgseam, done, "resume")
    books.assert_done()


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("fault", HITS)
def test_killed_rewrite_rolled_back(table, pgseam, capture, fault):
    books = Books(table)
    done = hit(pgseam, books, capture, fault, ("start", sql_file(pgseam)))
    end(pgseam, done, "rollback")
    books.assert_back()


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("fault", [f"{point}:1" for point in UNDO])
def test_killed_on_the_way_back_after_the_cut_over(table, pgseam, capture, fault):
    books = Books(table)
    pgseam.run("start", sql_file(pgseam), "--capture", capture)
    hit(pgseam, books, capture, fault, ("rollback",))
    if migration_of(pgseam)["state"] != "rolled_back":
        pgseam.run("rollback")
    books.assert_back()


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("fault", ["step.begin:1", "guard.locked:1", "guard.committed:1", "step.verified:1", "phase.end:1"])
def test_killed_while_it_completes(table, pgseam, capture, fault):
    books = Books(table)
    pgseam.run("start", sql_file(pgseam), "--capture", capture)
    hit(pgseam, books, capture, fault, ("complete",))
    if migration_of(pgseam)["state"] != "complete":
        pgseam.run("resume")
    books.assert_done()


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("fault", HITS)
def test_lost_session_is_got_back(table, pgseam, capture, fault):
    books = Books(table)
    done = hit(pgseam, books, capture, fault, ("start", sql_file(pgseam)), action="lose")
    end(pgseam, done, "resume")
    books.assert_done()


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("fault", HITS)
def test_failed_rewrite_resumed(table, pgseam, capture, fault):
    books = Books(table)
    done = hit(pgseam, books, capture, fault, ("start", sql_file(pgseam)), action="error")
    end(pgseam, done, "resume")
    books.assert_done()


# Each moment is another place in the copy, the build, the catch-up, the cut-over.
@pytest.mark.parametrize("moment", range(20))
def test_killed_at_a_random_moment_under_load(table, pgseam, moment):
    chance = random.Random(moment)
    capture = CAPTURES[moment % 2]
    there = leftovers(table)
    with Load(table, old=2, new=2, rate=1000, orders="int", seed=moment + 1) as load:
        running = pgseam.spawn("start", sql_file(pgseam), "--capture", capture, "--copy-jobs", "2", "--load", "30")
        time.sleep(chance.uniform(0.05, 2.5))
        running.kill9()
        time.sleep(chance.uniform(0, 0.3))
        # A second kill, of what resumes.
        if migration_of(pgseam)["state"] is None:
            pgseam.run("start", sql_file(pgseam), "--capture", capture)
        elif moment % 3 == 0:
            again = pgseam.spawn("resume")
            time.sleep(chance.uniform(0.05, 1))
            again.kill9()
        back = moment % 4 >= 2
        state = migration_of(pgseam)["state"]
        if back:
            pgseam.run("rollback")
        else:
            if state not in ("gated", "complete"):
                pgseam.run("resume")
            pgseam.run("complete")
        time.sleep(0.2)
        report = load.stop()
    # Its sessions may be gone in the middle of a transaction: a lock is then felt for as long as the server needs to notice.
    found = [line for line in report.faults(budget_ms=250, margin_ms=100) if "statements were served" not in line]
    assert not found, "\n".join(found)
    assert type_of_key(table) == ("integer" if back else "bigint")
    assert_nothing_left(table, there)


# ---- what is copied stays copied


@pytest.mark.parametrize("capture", CAPTURES)
def test_copied_chunks_are_not_copied_again(db, pgseam, capture):
    init_orders(db, 120000)
    with Held(db, pgseam, capture=capture) as held:
        chunks, rows = copied_chunks(db), held.copied()
        assert chunks
        stamp = db.query("SELECT first_block, xmin::text FROM pgseam.rewrite_chunk ORDER BY 1")
        held.running.kill9()
        db.execute("UPDATE orders SET note = 'between' WHERE code % 10 = 0")
        expected = digests(db)
    held.stop_file.unlink(missing_ok=True)
    running = pgseam.spawn("resume", "--load", "100", "--postpone-cut-over=on")
    wait_until(lambda: rewrite_of(pgseam).get("copied"), what="the copy")
    assert rewrite_of(pgseam)["restarts"] == 0
    # The very same notes of the same chunks: the rows of none came in twice.
    after = db.query("SELECT first_block, xmin::text FROM pgseam.rewrite_chunk ORDER BY 1")
    assert [one for one in after if one[0] in chunks] == stamp or not after
    assert rewrite_of(pgseam)["rows_copied"] <= 120000 + 5000 and rows > 0
    wait_until(lambda: rewrite_of(pgseam).get("verified"), what="the comparison")
    pgseam.run("cut-over")
    running.wait(60, expect=0)
    assert digests(db) == expected


# ---- backends and servers


def backends(db):
    return [row[0] for row in db.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgseam/%%'")]


@pytest.mark.parametrize("capture", CAPTURES)
def test_each_of_its_backends_is_killed(table, pgseam, capture):
    books = Books(table)
    with Held(table, pgseam, capture=capture) as held:
        count = len(backends(table))
        for number in range(count):
            pids = sorted(backends(table))
            if number < len(pids):
                table.execute("SELECT pg_terminate_backend(%s)", [pids[number]])
            time.sleep(0.3)
        table.execute("UPDATE orders SET note = 'meanwhile' WHERE code % 7 = 0")
        books.rows = digests(table)
        held.stop_file.unlink()
        pgseam.run("throttle", "--load", "100", expect=None)
        done = held.running.wait(120)
    end(pgseam, done, "resume")
    books.assert_done()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("capture", CAPTURES)
def test_the_server_restarts_in_mid_copy(cluster, table, pgseam, capture, mode):
    books = Books(table)
    with Held(table, pgseam, "--reconnect", "30", capture=capture) as held:
        chunks = copied_chunks(table)
        cluster.restart(mode)
        table.execute("UPDATE orders SET note = 'meanwhile' WHERE code % 7 = 0")
        books.rows = digests(table)
        held.stop_file.unlink()
        pgseam.run("throttle", "--load", "100", expect=None)
        done = held.running.wait(120)
        assert chunks == copied_chunks(table)[:len(chunks)] or not copied_chunks(table)
    end(pgseam, done, "resume")
    books.assert_done()


@pytest.mark.parametrize("capture", CAPTURES)
def test_the_server_restarts_after_the_cut_over(cluster, table, pgseam, capture):
    """The reverse feed must not lose what is written while nobody of us runs."""
    books = Books(table)
    pgseam.run("start", sql_file(pgseam), "--capture", capture)
    table.execute("UPDATE orders SET note = 'one' WHERE code % 7 = 0")
    cluster.restart("immediate")
    table.execute("UPDATE orders SET note = 'two' WHERE code % 7 = 1; UPDATE orders SET id = id + 1000000 WHERE code % 7 = 2")
    books.rows = digests(table)
    pgseam.run("rollback")
    books.assert_back()


@pytest.mark.parametrize("capture", CAPTURES)
def test_a_frozen_pgseam_is_taken_over_and_writes_no_more(table, pgseam, capture):
    books = Books(table)
    with Held(table, pgseam, "--lease-timeout", "3", capture=capture) as held:
        held.running.freeze()
        time.sleep(3.5)
        held.stop_file.unlink()
        table.execute("UPDATE orders SET note = 'meanwhile' WHERE code % 7 = 0")
        books.rows = digests(table)
        pgseam.run("resume", "--load", "100")
        assert has_cut_over(table)
        held.running.thaw()
        assert held.running.wait(60).rc != 0
        pgseam.run("complete")
    books.assert_done()


# ---- leftovers


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("when", ["copy", "postponed", "after"])
def test_clean_finds_what_a_crash_left_though_the_journal_is_gone(table, pgseam, capture, when):
    books = Books(table)
    if when == "copy":
        with Held(table, pgseam, capture=capture) as held:
            held.running.kill9()
    elif when == "postponed":
        with postponed(table, pgseam, capture) as running:
            running.kill9()
    else:
        pgseam.run("start", sql_file(pgseam), "--capture", capture)
    assert leftovers(table) != books.there
    table.execute("DROP SCHEMA pgseam CASCADE")
    pgseam.run("clean", "--dry-run")
    pgseam.run("clean", "--old-tables")
    if when != "after":
        books.assert_back()
        return
    # The new table is in place; what kept the old one up to date, and the old one, are gone.
    assert type_of_key(table) == "bigint" and digests(table) == books.rows
    assert_nothing_left(table, books.there)


def test_clean_leaves_alone_what_is_under_way(table, pgseam):
    with postponed(table, pgseam, "trigger") as running:
        before = leftovers(table)
        pgseam.run("clean", "--old-tables", expect=None)
        assert leftovers(table) == before
        pgseam.run("cut-over")
        running.wait(60, expect=0)
    assert journal(table, "1", "is_swapped")
