"""Whoever holds a lock, nobody waits behind us for longer than the budget, and we say whom we wait for."""

import re
import time
from threading import Thread

import pytest
from harness import Cluster, Load, Pgseam, init_shop

FOUNDING = """
ALTER TABLE users ADD COLUMN age INT;
UPDATE users SET age = 18 WHERE age IS NULL;
ALTER TABLE users DROP COLUMN old_column;
"""

ADD = "ALTER TABLE users ADD COLUMN age int;"


def wait_until(condition, timeout=30):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.01)
    return value


def the_migration(pgseam):
    return pgseam.run("status", "--format", "json").json()["migrations"][0]


def stopped(process):
    assert process.running(), process.err
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def sessions(db):
    return db.scalar("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                     " AND application_name LIKE 'pgseam/%'")


# ---- nobody waits


def test_reader_that_holds_the_table_for_five_seconds_delays_only_us(any_cluster, shop, pgseam, load):
    run = load(old=4)
    file = pgseam.file("001_age.sql", FOUNDING)
    run.reader(5000)
    pgseam.run("start", file)

    run.new(2)
    run.old(0)
    run.reader(2000)
    pgseam.run("complete")

    report = run.stop()
    report.assert_clean()
    # The readers were in the way, or this was no test.
    assert report.seconds > 7


@pytest.mark.parametrize("command", ["start", "rollback", "complete"])
def test_idle_in_transaction_session_delays_only_us(shop, pgseam, load, command):
    file = pgseam.file("001_age.sql", FOUNDING)
    if command != "start":
        pgseam.run("start", file)
    run = load(old=0 if command == "complete" else 4, new=4 if command == "complete" else 0)

    run.idle(3000)
    pgseam.run(command, *([file] if command == "start" else []))

    report = run.stop()
    report.assert_clean()
    assert report.seconds > 3


def test_tighter_budget_is_kept(shop, pgseam, load):
    run = load(old=4, disturb=True)
    file = pgseam.file("001_age.sql", FOUNDING)
    for _ in range(3):
        pgseam.run("start", file, "--lock-budget", "50")
        pgseam.run("rollback", "--lock-budget", "50")
    run.stop().assert_clean(budget_ms=50)


def test_transaction_that_keeps_rows_locked_delays_only_us(shop, pgseam, load):
    # A batch that waits for one row holds others, and clients wait for those.
    file = pgseam.file("001_age.sql", FOUNDING)
    run = load(old=4)
    with shop.connect(autocommit=False, application_name="nightly job") as job:
        job.execute("SELECT FROM users WHERE id IN (500, 9000, 19990) FOR UPDATE")
        running = pgseam.spawn("start", file, "--max-batch", "2000")
        # It says whom it waits for.
        running.wait_output(str(job.info.backend_pid))
        assert run.stats().lock_wait_max_pgseam_ms < 350
        job.rollback()
        running.wait(expect=0)
    # The shop's own rows are of 2020; what clients insert behind the walk has no age yet.
    assert shop.scalar("SELECT count(*) FROM users WHERE age IS NULL AND created_at < '2021-01-01'") == 0
    run.stop().assert_clean()


@pytest.mark.parametrize("point", ["guard.locked", "batch.work", "batch.cursor"])
def test_pgseam_that_freezes_with_locks_in_hand_is_not_felt(shop, pgseam, load, point):
    # The server ends a transaction whose client is silent; row locks and table locks alike.
    run = load(old=4)
    file = pgseam.file("001_age.sql", FOUNDING)
    frozen = pgseam.spawn("start", file, "--max-batch", "5000", env={"PGSEAM_FAULT": f"{point}:stop"})
    wait_until(lambda: stopped(frozen))

    # A client served after that has come past the locks; several hundred have come past all of them.
    before = run.stats().statements
    wait_until(lambda: run.stats().statements > before + 3000)
    frozen.thaw()
    frozen.wait(expect=0)

    assert the_migration(pgseam)["state"] == "gated"
    run.stop().assert_clean()


@pytest.mark.parametrize("point", ["guard.locked", "batch.work", "alone.before"])
def test_pgseam_that_is_killed_with_locks_in_hand_is_not_felt(shop, pgseam, load, point):
    run = load(old=4)
    file = pgseam.file("002.sql", FOUNDING + "CREATE INDEX users_name ON users (name);")
    pgseam.run("start", file, "--max-batch", "5000", env={"PGSEAM_FAULT": f"{point}:kill"}, expect=-9)
    pgseam.run("rollback")
    run.stop().assert_clean()


def test_update_of_many_rows_does_not_deadlock_with_the_application(shop, pgseam, load):
    # Clients update several users in one transaction in random order; eight of them and large batches.
    run = load(old=8, rate=4000)
    run.ignore("users.name")
    pgseam.run("start", pgseam.file("name.sql", "UPDATE users SET name = upper(name);"), "--max-batch", "5000")
    run.stop().assert_clean()


def test_delete_and_index_under_load_are_not_felt(shop, pgseam, load):
    run = load(old=4, disturb=True)
    pgseam.run("start", pgseam.file("purge.sql", "DELETE FROM order_items WHERE id < 0; CREATE INDEX a ON users (name);"
                                    " CREATE INDEX b ON orders (status); ALTER TABLE orders ADD COLUMN z int;"
                                    " ALTER TABLE users ALTER COLUMN name DROP NOT NULL;"))
    run.stop().assert_clean()


def test_index_that_takes_long_to_build_is_not_felt(shop, pgseam, load):
    # Half a second at least, in which a plain CREATE INDEX would keep every writer waiting.
    shop.execute("CREATE FUNCTION slow(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
                 " $$ BEGIN IF t < 'user 11' THEN PERFORM pg_sleep(0.001); END IF; RETURN t; END $$")
    run = load(old=4)
    pgseam.run("start", pgseam.file("slow.sql", "CREATE INDEX users_slow ON users (slow(name));"))
    assert shop.scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_slow'::regclass") is True
    report = run.stop()
    report.assert_clean()
    assert report.seconds > 1


# ---- autovacuum


@pytest.fixture(scope="module")
def vacuuming():
    """A server whose autovacuum comes at once."""
    with Cluster(15, {"autovacuum_naptime": "1s", "autovacuum_max_workers": "10"}) as server:
        yield server


def vacuumed_slowly(db):
    """Lets autovacuum begin with users, which takes it minutes, and with no other table."""
    for table in ("orders", "order_items"):
        db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    db.execute("ALTER TABLE users SET (autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0,"
               " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)")
    db.execute("UPDATE users SET balance = balance WHERE id % 2 = 0")
    vacuum = ("SELECT pid FROM pg_stat_progress_vacuum WHERE datname = current_database()"
              " AND relid = 'users'::regclass AND phase = 'scanning heap'")
    return wait_until(lambda: db.scalar(vacuum), timeout=180)


def canceled(server):
    lines = server.log.read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines if "canceling autovacuum task" in line)


@pytest.mark.parametrize("role", [None, "seller"], ids=["superuser", "owner"])
def test_running_autovacuum_delays_only_us(vacuuming, role):
    with vacuuming.database(owner=role) as db, Pgseam(db, role) as pgseam:
        # From 15 on the owner of the database is not the owner of its schema public, but may create in it.
        init_shop(db, users=20000, role=role)
        vacuum = vacuumed_slowly(db)
        with Load(db, old=4, rate=1000) as run:
            pgseam.run("start", pgseam.file("001_age.sql", ADD), timeout=60)
            assert db.scalar("SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'age'")
            # It gave way; by itself it would have gone on for minutes.
            assert f"[{vacuum}]" in canceled(vacuuming)
            run.stop().assert_clean()


def test_index_is_built_behind_a_running_autovacuum(vacuuming):
    with vacuuming.database() as db, Pgseam(db) as pgseam:
        init_shop(db, users=20000)
        vacuumed_slowly(db)
        # An index build needs the lock that autovacuum holds, and ends all the same.
        pgseam.run("start", pgseam.file("i.sql", "CREATE INDEX users_name ON users (name);"), timeout=90)
        assert db.scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_name'::regclass") is True


# ---- who cannot be waited for


def test_prepared_transaction_is_named_and_nothing_queues(any_cluster, shop, pgseam, load):
    run = load(old=4)
    before = shop.dump_schema()
    with shop.connect() as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO orders (user_id, status, total) VALUES (1, 'open', 1)")
        other.execute("PREPARE TRANSACTION 'forgotten one'")
    # What is younger than the budget may end by itself, so it would be tried.
    wait_until(lambda: shop.scalar("SELECT prepared < now() - interval '0.3 s' FROM pg_prepared_xacts"))
    file = pgseam.file("orders.sql", "ALTER TABLE orders ADD COLUMN note text;")

    late = pgseam.run("start", file, "--deadline", "2", expect=4)

    assert "forgotten one" in late.err
    assert "orders" in late.err
    assert "pgseam resume" in late.err
    assert shop.dump_schema() == before
    # It looked before it tried, so it never stood in a queue, and nobody behind it.
    assert run.stats().lock_wait_max_pgseam_ms == 0
    shop.execute("ROLLBACK PREPARED 'forgotten one'")
    pgseam.run("resume")
    assert the_migration(pgseam)["state"] == "complete"
    run.stop().assert_clean()


def test_deadline_names_the_session_in_the_way(shop, pgseam, load):
    run = load(old=4)
    with shop.connect(autocommit=False, application_name="nightly report") as other:
        other.execute("SELECT count(*) AS remarkable FROM users")
        pid = other.info.backend_pid
        # What is younger than the budget may end by itself, so it would be tried.
        wait_until(lambda: shop.scalar(
            "SELECT xact_start < now() - interval '0.3 s' FROM pg_stat_activity WHERE pid = %s", [pid]))
        late = pgseam.run("start", pgseam.file("add.sql", ADD), "--deadline", "2", expect=4)
        text = pgseam.run("status").out
    assert str(pid) in late.err
    assert "nightly report" in late.err
    assert "idle in transaction" in late.err
    assert "remarkable" in late.err
    assert "users" in late.err
    assert "pgseam resume" in late.err
    assert "add" in text
    assert run.stats().lock_wait_max_pgseam_ms == 0
    pgseam.run("resume")
    run.stop().assert_clean()


def test_deadline_is_also_kept_for_rows(shop, pgseam):
    with shop.connect(autocommit=False) as other:
        other.execute("SELECT FROM users WHERE id = 9000 FOR UPDATE")
        file = pgseam.file("new.sql", "UPDATE users SET old_column = 'new' WHERE old_column <> 'new';")
        late = pgseam.run("start", file, "--deadline", "2", expect=4)
        assert str(other.info.backend_pid) in late.err
        # What was done is kept, nothing is held.
        assert shop.scalar("SELECT count(*) FROM users WHERE old_column = 'new'") > 0
        assert sessions(shop) == 0
    pgseam.run("resume")
    assert shop.scalar("SELECT count(*) FROM users WHERE old_column <> 'new'") == 0


def test_deadline_is_also_kept_for_an_index(shop, pgseam):
    before = shop.dump_schema()
    with shop.connect(autocommit=False) as other:
        other.execute("UPDATE users SET name = name WHERE id = 1")
        late = pgseam.run(
            "start", pgseam.file("i.sql", "CREATE INDEX users_name ON users (name);"), "--deadline", "2", expect=4,
            timeout=15,
        )
        assert str(other.info.backend_pid) in late.err
    pgseam.run("rollback")
    assert shop.dump_schema() == before


def test_deadline_in_complete_leaves_what_complete_can_finish(shop, pgseam):
    pgseam.run("start", pgseam.file("001_age.sql", FOUNDING))
    with shop.connect(autocommit=False) as other:
        other.execute("SELECT FROM users LIMIT 1")
        late = pgseam.run("complete", "--deadline", "2", expect=4)
        assert str(other.info.backend_pid) in late.err
    assert "old_column" in shop.dump_schema()
    pgseam.run("complete")
    assert "old_column" not in shop.dump_schema()


@pytest.mark.parametrize("command", ["plan", "start"])
def test_table_under_an_exclusive_lock_makes_no_command_hang(shop, pgseam, command):
    # Functions that print definitions lock their table, so even a look at the catalogs can wait.
    shop.execute("CREATE INDEX users_expression ON users (lower(name)) WHERE balance > 0;"
                 " ALTER TABLE users ADD CONSTRAINT positive CHECK (balance > -1000000)")
    options = ["--deadline", "2"] if command == "start" else []
    with shop.connect(autocommit=False) as other:
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        result = pgseam.run(command, pgseam.file("001_age.sql", FOUNDING), *options, expect=None, timeout=30)
        assert result.rc == 4 or (command == "plan" and result.rc == 0), str(result)
        if result.rc == 4:
            assert str(other.info.backend_pid) in result.err
        pgseam.run("status", timeout=20)
        pgseam.run("locks", timeout=20)


# ---- who we are, and `locks`


def test_sessions_are_named_after_the_migration_and_the_step(shop, pgseam):
    running = pgseam.spawn("start", pgseam.file("001_age.sql", FOUNDING), "--max-batch", "200", "--load", "20")
    name = wait_until(lambda: shop.scalar(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'pgseam/001_age/backfill%'"
    ))
    assert re.fullmatch(r"pgseam/001_age/backfill\.update", name)
    running.wait(expect=0)
    wait_until(lambda: sessions(shop) == 0)


def test_locks_shows_who_blocks_whom(any_cluster, shop, pgseam):
    with shop.connect(autocommit=False, application_name="nightly report") as holder:
        holder.execute("SELECT count(*) AS remarkable FROM users")
        with shop.connect(application_name="careless") as waiter, shop.connect(application_name="web") as victim:
            # Both wait until the holder is gone: one for it, the other behind the one.
            threads = [
                Thread(target=waiter.execute, args=["ALTER TABLE users ADD COLUMN careless int"]),
                Thread(target=victim.execute, args=["SELECT FROM users LIMIT 1"]),
            ]
            for number, thread in enumerate(threads, 1):
                thread.start()
                wait_until(lambda number=number: shop.scalar(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())") == number)

            text = pgseam.run("locks").out
            found = {one["pid"]: one for one in pgseam.run("locks", "--format", "json").json()["sessions"]}
            holder.rollback()
            for thread in threads:
                thread.join()

    assert len(found) == 3
    by_name = {next(name for name in ("nightly report", "careless", "web") if name in one["who"]): one
               for one in found.values()}
    assert by_name["nightly report"]["blocked_by"] == []
    assert by_name["careless"]["blocked_by"] == [by_name["nightly report"]["pid"]]
    assert by_name["web"]["blocked_by"] == [by_name["careless"]["pid"]]
    assert "ACCESS EXCLUSIVE" in by_name["careless"]["wants"] and "users" in by_name["careless"]["wants"]
    assert "ACCESS SHARE" in by_name["web"]["wants"]
    for word in ("nightly report", "careless", "web", "idle in transaction", "remarkable", "ACCESS EXCLUSIVE"):
        assert word in text
    # The one that waits for nobody stands first, the rest below it.
    assert text.index("nightly report") < text.index("ALTER TABLE users")


def test_locks_shows_a_prepared_transaction(shop, pgseam):
    with shop.connect() as other, shop.connect(application_name="web") as waiter:
        other.execute("BEGIN")
        other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        other.execute("PREPARE TRANSACTION 'forgotten one'")
        thread = Thread(target=waiter.execute, args=["SELECT FROM orders LIMIT 1"])
        thread.start()
        wait_until(lambda: shop.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"))
        text = pgseam.run("locks", timeout=20).out
        other.execute("ROLLBACK PREPARED 'forgotten one'")
        thread.join()
    assert "forgotten one" in text
    assert "web" in text


def test_locks_says_that_nobody_waits(db, pgseam):
    assert "nobody" in pgseam.run("locks").out
    assert pgseam.run("locks", "--format", "json").json() == {"sessions": []}
