"""One migration per table, one pgseam per migration; and who was taken over writes nothing more."""

import signal
import time

import pytest
from harness import Pgseam, init_shop

COUNTED = """
ALTER TABLE users ADD COLUMN n int NOT NULL DEFAULT 0;
UPDATE users SET n = n + 1;
ALTER TABLE users DROP COLUMN old_column;
"""

# About 2 s for 20,000 rows.
SLOWLY = ["--max-batch", "200", "--load", "10"]


def wait_until(condition, timeout=30):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.01)
    return value


def state(pgseam, name=None):
    words = [name] if name else []
    return pgseam.run("status", *words, "--format", "json").json()["migrations"][0]["state"]


def stopped(process):
    assert process.running(), process.err
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def backfilling(db, pgseam, name="first.sql", sql=COUNTED, *options):
    """Starts a backfill and returns once it has changed rows."""
    running = pgseam.spawn("start", pgseam.file(name, sql), *SLOWLY, *options)
    # As JSON, since the column may not be there yet.
    wait_until(lambda: db.scalar("SELECT count(*) FROM users u WHERE to_jsonb(u)->'n' = '1'") > 500)
    return running


def assert_each_row_exactly_once(db):
    assert db.query("SELECT n, count(*) FROM users WHERE id <= 20000 GROUP BY n") == [(1, 20000)]


# ---- two at once


def test_second_migration_on_the_table_is_refused_with_the_name_of_the_first(any_cluster, shop, pgseam):
    running = backfilling(shop, pgseam)
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass ORDER BY 1"
    before = shop.query(columns)

    refused = pgseam.run("start", pgseam.file("second.sql", "ALTER TABLE users ADD COLUMN b int;"), expect=3)

    assert "first" in refused.err
    assert "users" in refused.err
    assert shop.query(columns) == before
    assert [m["name"] for m in pgseam.run("status", "--format", "json").json()["migrations"]] == ["first"]
    running.wait(expect=0)
    # The table stays taken while the first one waits at the gate.
    refused = pgseam.run("start", pgseam.file("second.sql", "ALTER TABLE users ADD COLUMN b int;"), expect=3)
    assert "first" in refused.err
    pgseam.run("complete", "first")
    pgseam.run("start", pgseam.file("second.sql", "ALTER TABLE users ADD COLUMN b int;"))


def test_migrations_of_two_tables_run_side_by_side(shop, pgseam):
    running = backfilling(shop, pgseam)

    pgseam.run("start", pgseam.file("second.sql", "ALTER TABLE orders ADD COLUMN b int;"))

    assert running.running()
    assert state(pgseam, "second") == "complete"
    running.wait(expect=0)
    assert_each_row_exactly_once(shop)


def test_a_file_with_one_table_taken_gets_none(shop, pgseam):
    running = backfilling(shop, pgseam)
    before = shop.dump_schema()

    pgseam.run(
        "start", pgseam.file("both.sql", "ALTER TABLE orders ADD COLUMN b int; ALTER TABLE users ADD COLUMN b int;"),
        expect=3,
    )

    assert shop.dump_schema() == before
    # And it keeps none: orders is free for the next.
    pgseam.run("start", pgseam.file("orders.sql", "ALTER TABLE orders ADD COLUMN b int;"))
    running.wait(expect=0)


def test_second_start_of_the_same_file_is_refused(shop, pgseam):
    running = backfilling(shop, pgseam)

    refused = pgseam.run("start", pgseam.file("first.sql", COUNTED), expect=3)

    # It is said what is under way, not that a column is there already.
    assert "first" in refused.err and "under way" in refused.err
    running.wait(expect=0)
    assert_each_row_exactly_once(shop)
    refused = pgseam.run("start", pgseam.file("first.sql", COUNTED), expect=3)
    assert "under way" in refused.err
    assert "complete" in refused.err


def test_two_starts_in_the_same_moment_give_one_migration(shop, pgseam):
    # Whoever comes second may find the column, the journal's row or the lease: exit 3 in each case.
    files = [pgseam.file(f"{n}/same.sql", COUNTED) for n in range(4)]
    running = [pgseam.spawn("start", file) for file in files]

    results = sorted(process.wait().rc for process in running)

    assert results == [0, 3, 3, 3]
    assert len(pgseam.run("status", "--format", "json").json()["migrations"]) == 1
    assert_each_row_exactly_once(shop)


def test_different_migrations_in_the_same_moment_get_the_table_one_at_a_time(shop, pgseam):
    # The journal itself is made by whoever comes first.
    files = [pgseam.file(f"m{n}.sql", f"ALTER TABLE users ADD COLUMN c{n} int; DROP INDEX IF EXISTS i{n};")
             for n in range(4)]
    running = [pgseam.spawn("start", file) for file in files]

    results = [process.wait() for process in running]

    assert {result.rc for result in results} <= {0, 3}, "\n".join(map(str, results))
    done = sum(result.rc == 0 for result in results)
    assert done >= 1
    assert shop.scalar(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname ~ '^c[0-3]$'") == done


@pytest.mark.parametrize("command", ["complete", "resume", "rollback"])
def test_command_during_a_running_start_is_refused_and_names_who_runs_it(shop, pgseam, command):
    running = backfilling(shop, pgseam)

    refused = pgseam.run(command, "--lease-timeout", "3", expect=3)

    # `complete` looks at what is unfinished first, the others at who is at it.
    assert ("backfill" if command == "complete" else str(running.pid)) in refused.err
    assert running.running()
    running.wait(expect=0)
    assert_each_row_exactly_once(shop)
    assert "old_column" in shop.dump_schema()


def test_resume_during_a_pause_is_not_a_second_runner(shop, pgseam):
    running = backfilling(shop, pgseam)
    pgseam.run("pause")
    wait_until(lambda: pgseam.run("status", "--format", "json").json()["migrations"][0]["paused"])
    pgseam.run("resume")
    running.wait(expect=0)
    assert_each_row_exactly_once(shop)


def test_two_completes_at_once_do_the_work_once(shop, pgseam):
    pgseam.run("start", pgseam.file("first.sql", COUNTED))
    running = [pgseam.spawn("complete", "first") for _ in range(3)]

    results = [process.wait() for process in running]

    # One does it; another is refused while that is going on, or finds it complete.
    assert {result.rc for result in results} in ({0}, {0, 3}), "\n".join(map(str, results))
    assert state(pgseam) == "complete"
    assert "old_column" not in shop.dump_schema()


# ---- frozen, taken over, awake again


def test_frozen_one_that_wakes_up_after_resume_elsewhere_writes_nothing_more(any_cluster, shop, pgseam):
    frozen = backfilling(shop, pgseam, "first.sql", COUNTED, "--lease-timeout", "3")
    frozen.freeze()
    wait_until(lambda: stopped(frozen))

    with Pgseam(shop) as elsewhere:
        elsewhere.run("resume", "--lease-timeout", "3")
        assert state(elsewhere) == "gated"
        assert_each_row_exactly_once(shop)
        # From here on every write is seen, even one that changes nothing.
        shop.execute("""
            CREATE TABLE seen (who text);
            CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO seen VALUES (current_setting('application_name')); RETURN NULL; END $$;
            CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION see()""")
        journal = shop.query("SELECT m::text FROM pgseam.migration m")
        frozen.thaw()

        result = frozen.wait()

        assert result.rc not in (0, -signal.SIGSEGV, -signal.SIGABRT), str(result)
        assert "resume" in result.err or "taken over" in result.err or "another" in result.err, str(result)
        assert shop.query("SELECT * FROM seen") == []
        assert shop.query("SELECT m::text FROM pgseam.migration m") == journal
        assert_each_row_exactly_once(shop)
        assert state(elsewhere) == "gated"


@pytest.mark.parametrize("point", ["batch.work", "batch.committed", "guard.locked", "guard.committed", "step.intent",
                                   "step.verified", "phase.end"])
def test_frozen_anywhere_it_is_taken_over(shop, pgseam, point):
    frozen = pgseam.spawn(
        "start", pgseam.file("first.sql", COUNTED), "--max-batch", "2000", "--lease-timeout", "3",
        env={"PGSEAM_FAULT": f"{point}:stop"},
    )
    wait_until(lambda: stopped(frozen))

    pgseam.run("resume", "--lease-timeout", "3")
    pgseam.run("complete")
    frozen.thaw()
    result = frozen.wait()

    assert result.rc not in (0, -signal.SIGSEGV, -signal.SIGABRT), str(result)
    assert state(pgseam) == "complete"
    assert_each_row_exactly_once(shop)
    assert "old_column" not in shop.dump_schema()


@pytest.mark.parametrize("point", ["alone.before", "alone.after"])
def test_frozen_around_an_index_it_is_taken_over(shop, pgseam, point):
    # Such a statement cannot be in a transaction with the fence.
    frozen = pgseam.spawn(
        "start", pgseam.file("index.sql", "CREATE INDEX users_name ON users (name);"), "--lease-timeout", "3",
        env={"PGSEAM_FAULT": f"{point}:stop"},
    )
    wait_until(lambda: stopped(frozen))
    pgseam.run("resume", "--lease-timeout", "3")
    shop.execute("DROP INDEX users_name")
    frozen.thaw()

    assert frozen.wait().rc != 0

    # An index that comes back by itself was made by the frozen one.
    assert shop.scalar("SELECT to_regclass('users_name')") is None
    assert state(pgseam) == "complete"


def test_frozen_one_that_was_rolled_back_elsewhere_writes_nothing_more(shop, pgseam):
    before = shop.dump_schema()
    frozen = backfilling(shop, pgseam, "first.sql", COUNTED, "--lease-timeout", "3")
    frozen.freeze()
    wait_until(lambda: stopped(frozen))

    pgseam.run("rollback", "--lease-timeout", "3")
    frozen.thaw()

    assert frozen.wait().rc != 0
    assert shop.dump_schema() == before
    assert state(pgseam) == "rolled_back"


def test_status_says_that_a_frozen_one_is_silent_or_running_and_does_not_hang(shop, pgseam):
    frozen = backfilling(shop, pgseam)
    frozen.freeze()
    wait_until(lambda: stopped(frozen))
    assert state(pgseam) in ("backfilling", "interrupted")
    frozen.thaw()
    # Nobody took it over, so it goes on as if nothing had happened.
    frozen.wait(expect=0)
    assert_each_row_exactly_once(shop)


def test_idle_shop_is_not_needed_for_a_takeover_of_a_dead_one(shop, pgseam):
    # The dead one's session may still be in a statement; resume does not need the lease timeout to pass for it.
    running = backfilling(shop, pgseam)
    running.kill9()
    pgseam.run("resume", "--lease-timeout", "600", timeout=60)
    assert_each_row_exactly_once(shop)


def test_twin_databases_do_not_know_of_each_other(cluster, shop, pgseam):
    # Names of sessions and locks are the same in both.
    with cluster.database() as twin, Pgseam(twin) as other:
        init_shop(twin, users=2000)
        running = backfilling(shop, pgseam)
        other.run("start", other.file("first.sql", COUNTED))
        other.run("complete")
        assert state(other) == "complete"
        running.wait(expect=0)
    assert_each_row_exactly_once(shop)
