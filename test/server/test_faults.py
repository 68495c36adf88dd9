"""Kill it anywhere: what comes after `resume` or `rollback` is as if nothing had happened."""

import functools
import os
import signal
import time

import psycopg
import pytest
from harness import Cluster, Pgseam, init_shop

# Each kind of step once, and an UPDATE that would show being run twice over a row.
EVERYTHING = """
ALTER TABLE users ADD COLUMN age int;
CREATE TABLE notes (id bigint PRIMARY KEY, t text);
CREATE INDEX users_name_idx ON users (name);
UPDATE users SET age = 18 WHERE age IS NULL;
UPDATE users SET balance = balance + 1;
DELETE FROM orders WHERE total < 500;
ALTER TABLE users ALTER COLUMN age SET DEFAULT 18;
ALTER TABLE users ALTER COLUMN created_at DROP DEFAULT;
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
ALTER TABLE users ALTER COLUMN age SET NOT NULL;
DROP INDEX orders_user_id_idx;
ALTER TABLE users DROP COLUMN old_column;
"""

POINTS = [
    "step.begin", "step.intent", "guard.locked", "guard.committed", "batch.work", "batch.cursor", "batch.committed",
    "alone.before", "alone.after", "step.verified", "undo.begin", "undo.done", "phase.end",
]
FORWARD = [point for point in POINTS if not point.startswith("undo.")]
TABLES = ["users", "orders", "order_items"]

# About 2 s for 20,000 rows: long enough to be hit in the middle.
SLOWLY = ["--max-batch", "200", "--load", "10"]
PIECES = ["--max-batch", "600"]


def wait_until(condition, timeout=30):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.01)
    return value


def end_state(db, tables=TABLES):
    return db.dump_schema(), {table: db.data_digest(table) for table in tables}


def the_migration(pgseam):
    return pgseam.run("status", "--format", "json").json()["migrations"][0]


def state(pgseam):
    return the_migration(pgseam)["state"]


@pytest.fixture
def small(db):
    init_shop(db, users=2000)
    return db


@functools.cache
def oracle(cluster):
    """The end state of EVERYTHING through plain psycopg, and the schema before."""
    with cluster.database() as twin:
        init_shop(twin, users=2000)
        before = twin.dump_schema()
        twin.execute(EVERYTHING)
        return before, end_state(twin, [*TABLES, "notes"])


def storm(pgseam, command, point, action, wanted):
    """Runs the command until it gets through, hit by the fault each time; returns how often it was hit.

    The first passing is the one that is hit; where that means no progress, the second, and so on: a resume proves and
    sweeps again what it must. So every passing is hit at least once.
    """
    hits, number, best = 0, 1, None
    for attempt in range(200):
        # Each resume has to take over at once: whoever was killed is dead.
        result = pgseam.run(*command, env={"PGSEAM_FAULT": f"{point}:{action}:{number}"}, expect=None)
        if attempt == 0 and command[0] == "start":
            command = ["resume", *PIECES]
        now = the_migration(pgseam)
        if result.rc == 0:
            assert now["state"] in wanted, str(result)
            return hits
        assert result.rc == {"kill": -signal.SIGKILL, "error": 1}[action], str(result)
        assert now["state"] == {"kill": "interrupted", "error": "failed"}[action], str(result)
        hits += 1
        # A rollback gets ahead by taking steps away.
        here = (now["steps_done"], now["rows_done"]) if command[0] != "rollback" else -now["steps_done"]
        if best is not None and here <= best:
            number += 1
        else:
            best = here
    raise AssertionError(f"no end in sight: {now}")


# ---- the sweep over all fault points


def test_fault_points_are_the_ones_tested_here(pgseam):
    # Those of a rewrite are swept in test_rewrite_kills.py, those of quarantine in test_version_quarantine.py.
    elsewhere = ("rewrite.", "quarantine.")
    assert [point for point in pgseam.run("fault-points").out.split() if not point.startswith(elsewhere)] == POINTS


@pytest.mark.parametrize("action", ["kill", "error"])
@pytest.mark.parametrize("point", FORWARD)
def test_hit_in_every_step_it_ends_as_plain_sql_does(cluster, small, pgseam, point, action):
    file = pgseam.file("all.sql", EVERYTHING)

    hits = storm(pgseam, ["start", file, *PIECES], point, action, ["gated"])
    assert small.scalar("SELECT count(*) FROM users WHERE old_column IS NULL") == 0
    hits += storm(pgseam, ["complete", *PIECES], point, action, ["complete"])

    assert end_state(small, [*TABLES, "notes"]) == oracle(cluster)[1]
    assert hits >= 2


@pytest.mark.parametrize("number", [1, 3, 6])
@pytest.mark.parametrize("point", FORWARD)
def test_lost_session_is_got_back_and_it_ends_as_plain_sql_does(cluster, small, pgseam, point, number):
    file = pgseam.file("all.sql", EVERYTHING)
    fault = {"PGSEAM_FAULT": f"{point}:lose:{number}"}

    # Within --reconnect nobody's help is needed.
    results = [pgseam.run("start", file, *PIECES, env=fault), pgseam.run("complete", *PIECES, env=fault)]

    assert end_state(small, [*TABLES, "notes"]) == oracle(cluster)[1]
    if number == 1 and point not in ("phase.end", "alone.before", "alone.after"):
        assert "connection to the server is lost" in results[0].err, str(results[0])


@pytest.mark.parametrize("fault", ["kill:1", "kill:4", "error:2", "lose:3"])
@pytest.mark.parametrize("point", FORWARD)
def test_hit_at_start_it_can_be_rolled_back(cluster, small, pgseam, point, fault):
    file = pgseam.file("all.sql", EVERYTHING)
    untouched = small.data_digest("users", ["id", "name", "email", "old_column", "created_at"])

    pgseam.run("start", file, *PIECES, env={"PGSEAM_FAULT": f"{point}:{fault}"}, expect=None)
    pgseam.run("rollback")

    assert small.dump_schema() == oracle(cluster)[0]
    assert state(pgseam) == "rolled_back"
    # Columns the migration does not touch are as they were.
    assert small.data_digest("users", ["id", "name", "email", "old_column", "created_at"]) == untouched


@pytest.mark.parametrize("action", ["kill", "error"])
@pytest.mark.parametrize("point", ["undo.begin", "undo.done", "guard.locked", "guard.committed", "alone.before",
                                   "alone.after"])
def test_rollback_that_is_hit_in_every_step_can_be_repeated(cluster, small, pgseam, point, action):
    pgseam.run("start", pgseam.file("all.sql", EVERYTHING), *PIECES)

    hits = storm(pgseam, ["rollback"], point, action, ["rolled_back"])

    assert small.dump_schema() == oracle(cluster)[0]
    assert hits >= 1


def test_resume_goes_on_with_a_rollback_that_was_killed(cluster, small, pgseam):
    pgseam.run("start", pgseam.file("all.sql", EVERYTHING))
    pgseam.run("rollback", env={"PGSEAM_FAULT": "undo.begin:kill:3"}, expect=-signal.SIGKILL)
    assert state(pgseam) == "interrupted"
    # Half of it is gone, so there is nothing that could be completed.
    assert pgseam.run("complete", expect=3).err.strip()

    pgseam.run("resume")

    assert state(pgseam) == "rolled_back"
    assert small.dump_schema() == oracle(cluster)[0]


@pytest.mark.parametrize("point", ["guard.committed", "alone.after", "batch.committed", "step.verified"])
def test_faults_on_every_major(any_cluster, small, pgseam, point):
    storm(pgseam, ["start", pgseam.file("all.sql", EVERYTHING), *PIECES], point, "kill", ["gated"])
    storm(pgseam, ["complete", *PIECES], point, "kill", ["complete"])
    assert end_state(small, [*TABLES, "notes"]) == oracle(any_cluster)[1]


def test_rollback_after_a_drop_is_refused_and_says_so(small, pgseam):
    # With a column gone nothing can be given back; what is left to do is `resume`.
    pgseam.run("start", pgseam.file("all.sql", EVERYTHING + "ALTER TABLE users ALTER COLUMN name DROP DEFAULT;"))
    pgseam.run("complete", env={"PGSEAM_FAULT": "phase.end:kill"}, expect=-signal.SIGKILL)
    before = end_state(small)

    refused = pgseam.run("rollback", expect=3)

    assert "resume" in refused.err or "complete" in refused.err
    assert end_state(small) == before
    pgseam.run("resume")
    assert state(pgseam) == "complete"


# ---- a third of a backfill


def done_rows(db):
    # As JSON, since the column may not be there yet.
    return db.scalar("SELECT count(*) FROM users u WHERE to_jsonb(u)->'n' = '1'")


def third_done(db):
    wait_until(lambda: done_rows(db) >= 20000 / 3)


COUNTED = """
ALTER TABLE users ADD COLUMN n int NOT NULL DEFAULT 0;
UPDATE users SET n = n + 1;
ALTER TABLE users DROP COLUMN old_column;
"""


def assert_each_row_exactly_once(db):
    assert db.query("SELECT n, count(*) FROM users WHERE id <= 20000 GROUP BY n") == [(1, 20000)]


def test_killed_at_a_third_it_is_resumed_and_no_row_is_done_twice(any_cluster, shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(shop)

    running.kill9()

    migration = the_migration(pgseam)
    assert migration["state"] == "interrupted"
    assert migration["phase"] == "backfill"
    assert 5000 < migration["rows_done"] < 20000
    assert "interrupted" in pgseam.run("status").out
    before = end_state(shop)
    refused = pgseam.run("complete", expect=3)
    assert "interrupted" in refused.err or "backfill" in refused.err
    assert "resume" in refused.err
    assert end_state(shop) == before
    pgseam.run("resume")
    assert state(pgseam) == "gated"
    assert_each_row_exactly_once(shop)
    pgseam.run("complete")
    assert_each_row_exactly_once(shop)


def test_rows_inserted_above_the_highest_key_stay_untouched_across_kill_and_resume(shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(shop)
    shop.execute("INSERT INTO users (name, email) SELECT 'late', 'before kill' FROM generate_series(1, 100)")
    running.kill9()
    shop.execute("INSERT INTO users (name, email) SELECT 'late', 'after kill' FROM generate_series(1, 100)")

    pgseam.run("resume")

    assert_each_row_exactly_once(shop)
    assert shop.query("SELECT n, count(*) FROM users WHERE id > 20000 GROUP BY n") == [(0, 200)]


def test_killed_again_and_again_at_random_places_it_gets_there(shop, pgseam):
    # The fault points are where we think it hurts; these are where it happens to be.
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    kills = 0
    for share in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85):
        wait_until(lambda running=running, share=share: not running.running() or done_rows(shop) >= 20000 * share)
        kills += running.running()
        running.kill9()
        running = pgseam.spawn("resume", *SLOWLY)
    running.wait(expect=0)
    assert kills >= 5
    assert_each_row_exactly_once(shop)


def test_terminated_backend_is_noticed_and_no_row_is_done_twice(any_cluster, shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(shop)

    killed = shop.scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'pgseam%%'", []
    )

    assert killed >= 1
    running.wait(expect=0)
    assert state(pgseam) == "gated"
    assert_each_row_exactly_once(shop)


def test_terminated_backends_all_the_time_are_survived(shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(shop)
    for _ in range(5):
        before = the_migration(pgseam)["rows_done"]
        shop.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'pgseam/%'"
        )
        wait_until(lambda before=before: not running.running() or the_migration(pgseam)["rows_done"] > before)
    result = running.wait()
    if result.rc != 0:
        pgseam.run("resume")
    assert_each_row_exactly_once(shop)


def test_connection_that_does_not_come_back_ends_with_what_to_do(shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY, "--reconnect", "1")
    third_done(shop)

    # From now on nobody gets in, and whoever is in is thrown out.
    with shop.cluster.connect() as admin:
        admin.execute(f"ALTER DATABASE {shop.name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [shop.name])
        result = running.wait(expect=1)
        admin.execute(f"ALTER DATABASE {shop.name} ALLOW_CONNECTIONS true")

    assert "resume" in result.err
    assert state(pgseam) == "interrupted"
    pgseam.run("resume")
    assert_each_row_exactly_once(shop)


# ---- the server goes


@pytest.fixture(scope="module")
def own_server():
    # Restarts must not hit the databases of other tests.
    with Cluster(15, {"max_connections": "40"}) as server:
        yield server


@pytest.fixture
def own(own_server):
    own_server.start()
    with own_server.database() as db, Pgseam(db) as tool:
        yield db, tool
        own_server.start()


@pytest.mark.parametrize("how", ["immediate", "kill"])
def test_server_that_restarts_at_once_is_survived(own_server, own, how):
    db, pgseam = own
    init_shop(db, users=20000)
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(db)

    if how == "kill":
        own_server.kill()
        own_server.start()
    else:
        own_server.restart("immediate")

    result = running.wait()
    if result.rc != 0:
        assert "resume" in result.err
        pgseam.run("resume")
    assert state(pgseam) == "gated"
    assert_each_row_exactly_once(db)
    pgseam.run("complete")
    assert "old_column" not in db.dump_schema()


@pytest.mark.parametrize("phase", ["start", "complete"])
@pytest.mark.parametrize("point", ["guard.locked", "guard.committed", "batch.cursor", "alone.before", "alone.after",
                                   "step.verified"])
def test_server_restarts_inside_a_step(own_server, own, point, phase):
    db, pgseam = own
    init_shop(db, users=2000)
    file = pgseam.file("all.sql", EVERYTHING)
    if phase == "complete":
        pgseam.run("start", file, *PIECES)
    command = ["start", file] if phase == "start" else ["complete"]
    # It stops itself in the middle, and the server is another one when it goes on.
    running = pgseam.spawn(*command, *PIECES, env={"PGSEAM_FAULT": f"{point}:stop"})
    wait_until(lambda: process_state(running.pid) == "T")

    own_server.restart("immediate")
    running.thaw()

    if running.wait().rc != 0:
        assert state(pgseam) in ("interrupted", "failed")
        pgseam.run("resume", *PIECES)
    if phase == "start":
        assert state(pgseam) == "gated"
        pgseam.run("complete", *PIECES)
    assert state(pgseam) == "complete"
    assert end_state(db, [*TABLES, "notes"]) == oracle(own_server)[1]


def process_state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


# ---- in the middle of an index

SLOW_INDEX = "CREATE INDEX users_slow ON users (slow(name));"


@pytest.fixture
def slow(small):
    """A shop whose index on slow(name) takes two seconds to build, so that it is met in the middle."""
    small.execute(
        "CREATE FUNCTION slow(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
        " $$ BEGIN PERFORM pg_sleep(0.001); RETURN t; END $$"
    )
    return small


def building(db):
    return wait_until(lambda: db.scalar("SELECT pid FROM pg_stat_progress_create_index WHERE relid = 'users'::regclass"))


def assert_index_is_whole(db):
    assert db.query(
        "SELECT indisvalid, indisready FROM pg_index WHERE indexrelid = 'users_slow'::regclass"
    ) == [(True, True)]
    assert db.query("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []


@pytest.mark.parametrize("whom", ["pgseam", "backend", "both"])
def test_index_whose_build_is_killed_is_built_by_resume(slow, pgseam, whom):
    running = pgseam.spawn("start", pgseam.file("slow.sql", SLOW_INDEX))
    backend = building(slow)

    if whom != "backend":
        running.kill9()
    if whom != "pgseam":
        slow.execute("SELECT pg_terminate_backend(%s)", [backend])
    if whom == "backend" and running.wait().rc == 0:
        # It got its connection back and repaired the index by itself.
        assert_index_is_whole(slow)
        return

    pgseam.run("resume")

    assert_index_is_whole(slow)
    assert state(pgseam) == "complete"


@pytest.mark.parametrize("whom", ["pgseam", "backend"])
def test_index_whose_build_is_killed_is_taken_away_by_rollback(slow, pgseam, whom):
    before = slow.dump_schema()
    running = pgseam.spawn("start", pgseam.file("slow.sql", SLOW_INDEX + "DROP INDEX orders_user_id_idx;"))
    backend = building(slow)

    if whom == "pgseam":
        running.kill9()
    else:
        slow.execute("SELECT pg_terminate_backend(%s)", [backend])
        running.wait()
    pgseam.run("rollback")

    assert slow.dump_schema() == before
    assert slow.query("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_a_state_that_resume_goes_on_from(shop, pgseam, number):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(shop)

    os.kill(running.pid, number)

    result = running.wait(expect=1)
    assert "pgseam resume" in result.err
    assert state(pgseam) == "interrupted"
    # What it had begun is committed or undone, no session of it is left.
    assert shop.scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%%'", []) == 0
    pgseam.run("resume")
    assert_each_row_exactly_once(shop)


def test_signal_in_the_middle_of_an_index_stops_the_build(slow, pgseam):
    before = slow.dump_schema()
    running = pgseam.spawn("start", pgseam.file("slow.sql", SLOW_INDEX))
    backend = building(slow)

    running.interrupt()

    result = running.wait(expect=1)
    assert "resume" in result.err
    wait_until(lambda: not slow.scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [backend]))
    assert state(pgseam) == "interrupted"
    pgseam.run("rollback")
    assert slow.dump_schema() == before


def test_signal_while_waiting_for_a_lock_ends_the_wait(shop, pgseam):
    with shop.connect(autocommit=False) as other:
        other.execute("SELECT count(*) FROM users")
        running = pgseam.spawn("start", pgseam.file("add.sql", "ALTER TABLE users ADD COLUMN age int;"))
        running.wait_output(str(other.info.backend_pid))
        running.interrupt()
        result = running.wait(timeout=20, expect=1)
    assert "resume" in result.err
    assert state(pgseam) == "interrupted"
    pgseam.run("resume")
    assert state(pgseam) == "complete"


# ---- pause


def test_paused_backfill_stands_still_and_goes_on(shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(shop)

    pgseam.run("pause")
    migration = wait_until(lambda: (now := the_migration(pgseam))["paused"] and now["reason"] and now)

    assert "pause" in migration["reason"]
    assert "pause" in pgseam.run("status").out
    # While it waits it holds nothing: a lock that conflicts with all is to be had at once.
    with shop.connect(autocommit=False) as other:
        other.execute("SET lock_timeout = '2s'")
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        still = other.execute("SELECT count(*) FROM users WHERE n = 1").fetchone()[0]
    # It looks at the pause between batches, and its heartbeat says that it has looked again.
    heartbeat = the_migration(pgseam)["rows_done"]
    assert running.running()
    assert shop.scalar("SELECT count(*) FROM users WHERE n = 1") == still == heartbeat
    pgseam.run("resume")
    running.wait(expect=0)
    assert_each_row_exactly_once(shop)


def test_paused_and_killed_it_is_resumed(shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("count.sql", COUNTED), *SLOWLY)
    third_done(shop)
    pgseam.run("pause")
    wait_until(lambda: the_migration(pgseam)["paused"])
    running.kill9()

    pgseam.run("resume")

    assert state(pgseam) == "gated"
    assert_each_row_exactly_once(shop)
