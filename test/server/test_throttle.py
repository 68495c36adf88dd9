"""What slows a backfill down, is seen, can be changed while it runs, and survives a kill."""

import re
import time
from pathlib import Path

import pytest
from harness import Cluster, Pgseam, init_shop

BACKFILL = "ALTER TABLE users ADD COLUMN n int DEFAULT 0; UPDATE users SET n = n + 1;"
# About 20 s for 20,000 rows.
SLOWLY = ["--max-batch", "50", "--load", "2"]


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


def waits(pgseam):
    """Whether no row is done any more."""
    time.sleep(0.5)
    before = status(pgseam)["rows_done"]
    time.sleep(1)
    return status(pgseam)["rows_done"] == before


def settings(pgseam, *options):
    return pgseam.run("throttle", *options, "--format", "json").json()["settings"]


def begin(pgseam, *options, sql=BACKFILL):
    """A slow backfill that has begun."""
    running = pgseam.spawn("start", pgseam.file("n.sql", sql), *SLOWLY, *options)
    wait_until(lambda: status(pgseam)["rows_done"] > 100 or not running.running())
    assert running.running(), running.err
    return running


def finish(pgseam, running, db, *options):
    pgseam.run("throttle", "--load", "100", *options)
    running.wait(expect=0)
    # Clients insert users, too, and delete some.
    assert db.query("SELECT DISTINCT n FROM users WHERE created_at < '2021-01-01'") == [(1,)]
    assert status(pgseam)["reason"] is None


# ---- gauges


def test_file_pauses_as_long_as_it_is_there(shop, pgseam, tmp_path, load):
    file = tmp_path / "hold"
    run = load(old=2, rate=400)
    running = begin(pgseam, "--pause-file", file)
    file.write_text("")
    assert str(file) in reason(pgseam, "paused while file .*")
    assert waits(pgseam)
    file.unlink()
    finish(pgseam, running, shop)
    assert str(file) in running.err
    run.stop().assert_clean()


@pytest.mark.parametrize("query, limit, begins, ends", [
    ("SELECT count(*) FROM busy", [], "INSERT INTO busy VALUES (1)", "DELETE FROM busy"),
    ("SELECT 10.5 + count(*) FROM busy", ["--throttle-query-limit", "10.5"], "INSERT INTO busy VALUES (1)", "DELETE FROM busy"),
    ("SELECT EXISTS (SELECT FROM busy)", [], "INSERT INTO busy VALUES (1)", "DELETE FROM busy"),
])
def test_query_pauses_while_it_says_so(any_cluster, shop, pgseam, query, limit, begins, ends):
    shop.execute("CREATE TABLE busy (i int)")
    running = begin(pgseam, "--throttle-query", query, *limit)
    shop.execute(begins)
    assert "throttle query" in reason(pgseam, "the throttle query .*")
    assert waits(pgseam)
    shop.execute(ends)
    finish(pgseam, running, shop)


@pytest.mark.parametrize("query, why", [
    ("SELECT nothing", "nothing"),
    ("SELECT 'many'", "many"),
    ("SELECT 1, 2", "one row of one column"),
    ("SELECT 1 FROM users", "one row of one column"),
    ("SELECT NULL::int", "NULL"),
    ("DELETE FROM users RETURNING 1", "read-only"),
    ("SELECT 1; DROP TABLE users", "multiple commands"),
    ("SELECT 1 FROM pg_sleep(5)", "statement timeout"),
])
def test_query_that_gives_no_answer_is_refused_before_anything_changes(shop, pgseam, query, why):
    refused = pgseam.run("start", pgseam.file("n.sql", BACKFILL), "--throttle-query", query, expect=3)
    assert "throttle query" in refused.err and why in refused.err
    assert shop.scalar("SELECT to_regclass('pgseam.migration')") is None
    assert shop.scalar("SELECT count(*) FROM users") == 20000


def test_query_that_fails_later_pauses_and_says_why(shop, pgseam):
    shop.execute("CREATE TABLE busy (i int)")
    running = begin(pgseam, "--throttle-query", "SELECT count(*) FROM busy")
    shop.execute("ALTER TABLE busy RENAME TO quiet")
    assert "busy" in reason(pgseam, "cannot read the throttle query.*")
    assert waits(pgseam)
    # A new one that cannot work is refused, and the old one stays.
    refused = pgseam.run("throttle", "--throttle-query", "SELECT count(*) FROM nowhere", expect=3)
    assert "nowhere" in refused.err
    assert settings(pgseam)["throttle_query"] == "SELECT count(*) FROM busy"
    finish(pgseam, running, shop, "--throttle-query", "")


def test_slot_that_keeps_wal_pauses(any_cluster, shop, pgseam):
    name = f"idle_{shop.name}"
    with shop.connect() as conn:
        # A slot begins at the last checkpoint.
        conn.execute("CHECKPOINT")
        conn.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
        try:
            # The journal alone is half of that.
            running = begin(pgseam, "--max-slot-bytes", "1MB")
            shop.execute("CREATE TABLE wal AS SELECT repeat('x', 1000) FROM generate_series(1, 3000)")
            found = reason(pgseam, "slot .* more than 1MB")
            assert name in found and "inactive" in found and "MB of WAL" in found
            assert waits(pgseam)
        finally:
            conn.execute("SELECT pg_drop_replication_slot(%s)", [name])
        finish(pgseam, running, shop)


def test_slot_about_to_lose_its_wal_pauses_whatever_the_limit():
    with Cluster(15, {"max_slot_wal_keep_size": "1MB"}) as server, server.database() as db, Pgseam(db) as pgseam:
        init_shop(db)
        db.execute("CHECKPOINT")
        db.execute("SELECT pg_create_physical_replication_slot('late', true)")
        running = begin(pgseam, "--max-slot-bytes", "100GB")
        for _ in range(2):
            db.execute("CREATE TABLE w AS SELECT repeat('x', 1000) FROM generate_series(1, 10000); DROP TABLE w;"
                       " SELECT pg_switch_wal()")
        assert db.scalar("SELECT wal_status FROM pg_replication_slots") == "unreserved"
        assert "late" in reason(pgseam, "slot .* about to lose its WAL.*")
        assert waits(pgseam)
        db.execute("SELECT pg_drop_replication_slot('late')")
        finish(pgseam, running, db)


@pytest.fixture(scope="module")
def vacuuming():
    """A server whose autovacuum comes at once."""
    with Cluster(15, {"autovacuum_naptime": "1s", "autovacuum_max_workers": "10"}) as server:
        yield server


@pytest.mark.parametrize("role", [None, "seller"], ids=["superuser", "owner"])
@pytest.mark.parametrize("what", ["pause", "slow"])
def test_autovacuum_of_the_table_slows_or_pauses(vacuuming, role, what):
    with vacuuming.database(owner=role) as db, Pgseam(db, role) as pgseam:
        init_shop(db, users=20000, role=role)
        for table in ("users", "orders", "order_items"):
            db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        wait_until(lambda: db.scalar("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
                                     " AND datname = current_database()") == 0)
        # Done before, so that the vacuum does not have to give way to it.
        db.execute("ALTER TABLE users ADD COLUMN n int DEFAULT 0")
        running = begin(pgseam, "--on-vacuum", what, sql="UPDATE users SET n = n + 1;")
        db.execute("ALTER TABLE users SET (autovacuum_enabled = on, autovacuum_vacuum_threshold = 10,"
                   " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)")
        found = reason(pgseam, ".*users is being vacuumed.*", timeout=120)
        pid = int(re.search(r"pid (\d+)", found).group(1))
        assert db.scalar("SELECT backend_type FROM pg_stat_activity WHERE pid = %s", [pid]) == "autovacuum worker"
        assert found.startswith("paused" if what == "pause" else "slowed down")
        if what == "pause":
            assert waits(pgseam)
        else:
            before = status(pgseam)["rows_done"]
            wait_until(lambda: status(pgseam)["rows_done"] > before)
            assert "slowed down" in status(pgseam)["reason"]
        finish(pgseam, running, db, "--on-vacuum", "ignore")


def test_vacuum_of_another_table_does_not_matter(vacuuming):
    with vacuuming.database() as db, Pgseam(db) as pgseam:
        init_shop(db, users=20000)
        db.execute("ALTER TABLE users SET (autovacuum_enabled = off)")
        db.execute("ALTER TABLE orders SET (autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0,"
                   " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)")
        db.execute("UPDATE orders SET total = total")
        wait_until(lambda: db.scalar("SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 'orders'::regclass"
                                     " AND datname = current_database()"), 120)
        run = pgseam.run("start", pgseam.file("n.sql", BACKFILL), "--on-vacuum", "pause")
        assert "vacuumed" not in run.err


# ---- changed while running


def test_values_are_shown_as_text_and_json(shop, pgseam):
    running = begin(pgseam, "--max-lag-bytes", "1GB", "--on-blocker", "active=cancel:1min")
    found = settings(pgseam)
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text().split("\n## throttle")[1].split("\n## ")[0]
    assert {key for key in re.findall(r"`(\w+)`", page)} >= set(found)
    assert found == {
        "batch_ms": 60, "max_batch_rows": 50, "load_percent": 2, "max_lag_bytes": 1024**3, "max_lag_seconds": 10,
        "standby": [], "max_slot_bytes": 8 * 1024**3, "on_vacuum": "slow", "throttle_query": None,
        "throttle_query_limit": 0, "pause_file": None, "capture": "auto", "copy_jobs": 4, "postpone_cut_over": "off",
        "snapshot_wait": 60, "on_old_snapshot": "wait", "on_blocker_idle_in_transaction": "wait",
        "on_blocker_active": "cancel:1min", "on_blocker_autovacuum": "wait", "on_blocker_wraparound": "wait",
        "on_blocker_prepared": "wait", "on_blocker_standby": "wait", "on_blocker_other": "wait",
    }
    text = pgseam.run("throttle", "n").out
    for word in ("--load 2", "--max-lag-bytes 1GB", "--on-blocker active=cancel:1min", "--max-lag-seconds 10s"):
        assert word in text
    finish(pgseam, running, shop)


def test_a_running_backfill_takes_new_values(any_cluster, shop, pgseam, load):
    run = load(old=2, rate=400)
    running = begin(pgseam)
    pgseam.run("throttle", "--max-batch", "1", "--load", "1")
    slow = settings(pgseam)
    assert (slow["max_batch_rows"], slow["load_percent"]) == (1, 1)
    time.sleep(1)
    before = status(pgseam)["rows_done"]
    time.sleep(1)
    assert status(pgseam)["rows_done"] - before < 200
    # Twenty seconds as it began, hours as it is now.
    finish(pgseam, running, shop, "--max-batch", "default")
    assert settings(pgseam, "n")["max_batch_rows"] == 50000
    history = {row[0] for row in shop.query("SELECT message FROM pgseam.event WHERE kind = 'setting'")}
    assert {"max_batch_rows = 1", "load_percent = 1", "load_percent = 100"} <= history
    run.stop().assert_clean()


def test_values_survive_a_kill_and_are_kept_by_resume(shop, pgseam, tmp_path):
    file = tmp_path / "hold"
    running = begin(pgseam, "--pause-file", file, "--batch-ms", "20", "--on-blocker", "prepared=give-up")
    pgseam.run("throttle", "--max-slot-bytes", "3GB")
    file.write_text("")
    running.kill9()
    before = settings(pgseam)
    assert (before["batch_ms"], before["max_slot_bytes"], before["pause_file"]) == (20, 3 * 1024**3, str(file))

    resumed = pgseam.spawn("resume", "--max-lag-bytes", "5MB")

    assert str(file) in reason(pgseam, "paused while file .*")
    assert settings(pgseam) == {**before, "max_lag_bytes": 5 * 1024**2}
    file.unlink()
    finish(pgseam, resumed, shop)


def test_an_option_that_is_a_flag_takes_no_file_for_its_value(shop, pgseam):
    """--postpone-cut-over FILE, and the value behind "="."""
    file = pgseam.file("n.sql", BACKFILL + "ALTER TABLE users DROP COLUMN old_column;")
    pgseam.run("start", "--postpone-cut-over", file, "--copy-jobs", "2")
    assert (settings(pgseam)["postpone_cut_over"], settings(pgseam)["copy_jobs"]) == ("on", 2)
    assert settings(pgseam, "--postpone-cut-over=off")["postpone_cut_over"] == "off"
    assert settings(pgseam, "--postpone-cut-over", "n")["postpone_cut_over"] == "on"
    assert settings(pgseam, "--postpone-cut-over=default", "--capture", "trigger")["capture"] == "trigger"
    assert settings(pgseam)["postpone_cut_over"] == "off"


def test_values_given_to_start_are_kept_if_it_is_killed_at_once(shop, pgseam):
    pgseam.run("start", pgseam.file("n.sql", BACKFILL), "--load", "7", env={"PGSEAM_FAULT": "step.begin:kill"}, expect=-9)
    assert settings(pgseam)["load_percent"] == 7


def test_complete_and_rollback_keep_them_too(shop, pgseam):
    pgseam.run("start", pgseam.file("n.sql", BACKFILL + "ALTER TABLE users DROP COLUMN old_column;"), "--load", "90")
    pgseam.run("rollback", "--on-blocker", "active=give-up")
    found = settings(pgseam, "n")
    assert (found["load_percent"], found["on_blocker_active"]) == (90, "give-up:0s")
    refused = pgseam.run("throttle", "n", "--load", "3", expect=3)
    assert "is over" in refused.err


@pytest.mark.parametrize("options", [
    ["--load", "0"], ["--load", "fast"], ["--batch-ms", "2h"], ["--max-lag-bytes", "-1"], ["--max-lag-bytes", "1XB"],
    ["--max-lag-seconds", "soon"], ["--on-vacuum", "flee"], ["--throttle-query-limit", "x"],
    ["--capture", "wal"], ["--copy-jobs", "65"], ["--postpone-cut-over=maybe"], ["--snapshot-wait", "long"],
    ["--on-old-snapshot", "ignore"], ["--on-blocker", "active"], ["--on-blocker", "weather=wait"], ["--on-blocker", "active=shout"],
    ["--on-blocker", "prepared=cancel"], ["--on-blocker", "prepared=terminate:1s"],
    ["--on-blocker", "idle-in-transaction=cancel"], ["--on-blocker", "active=wait:10s"],
    ["--on-blocker", "active=cancel:long"],
])
def test_value_that_cannot_be_is_a_matter_of_usage(db, pgseam, options):
    for command in (["start", pgseam.file("n.sql", BACKFILL)], ["throttle"]):
        wrong = pgseam.run(*command, *options, expect=2)
        assert options[0].split("=")[0] in wrong.err
        assert "takes" in wrong.err


def test_journal_of_an_older_pgseam_is_brought_up_to_date(any_cluster, db):
    """Layout 1 had no settings; a colleague's grants reach the new table, too."""
    db.execute("CREATE TABLE tiny (id bigint PRIMARY KEY)")
    for role in ("owner_1", "colleague_1", "stranger_1"):
        db.execute(f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    db.execute(f"GRANT CREATE ON DATABASE {db.name} TO owner_1; ALTER TABLE tiny OWNER TO owner_1; GRANT owner_1 TO colleague_1")
    with Pgseam(db, "owner_1") as pgseam:
        pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE tiny ADD a int; ALTER TABLE tiny DROP a;".replace("DROP a", "ALTER a SET NOT NULL")))
        layout = db.scalar("SELECT value FROM pgseam.meta WHERE key = 'layout'")
        db.execute("REVOKE owner_1 FROM colleague_1; GRANT ALL ON SCHEMA pgseam TO colleague_1;"
                   " GRANT ALL ON ALL TABLES IN SCHEMA pgseam TO colleague_1; GRANT SELECT ON pgseam.migration TO stranger_1;"
                   " DROP TABLE pgseam.ledger, pgseam.rewrite_chunk, pgseam.rewrite, pgseam.setting; UPDATE pgseam.meta SET value = '1' WHERE key = 'layout'")
        # It can be read as it is.
        assert status(pgseam)["state"] == "gated"
        assert settings(pgseam)["load_percent"] == 80
        assert db.scalar("SELECT to_regclass('pgseam.setting')") is None
        pgseam.run("throttle", "--load", "40", role="colleague_1")
        assert db.scalar("SELECT value FROM pgseam.meta WHERE key = 'layout'") == layout
        assert settings(pgseam)["load_percent"] == 40
        for role, may in (("owner_1", True), ("colleague_1", True), ("stranger_1", False)):
            assert db.scalar("SELECT has_table_privilege(%s, 'pgseam.setting', 'INSERT')", [role]) is may
        pgseam.run("complete", "--load", "50")


def test_journal_of_a_newer_pgseam_is_refused(db, pgseam):
    db.execute("CREATE TABLE tiny (id bigint PRIMARY KEY)")
    pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE tiny ADD a int;"))
    db.execute("UPDATE pgseam.meta SET value = '99' WHERE key = 'layout'")
    for command in (["status"], ["throttle"], ["start", pgseam.file("b.sql", "ALTER TABLE tiny ADD b int;")]):
        assert "another version" in pgseam.run(*command, expect=3).err


def test_help_has_examples(pgseam):
    text = pgseam.run("throttle", "--help").out
    assert "pgseam throttle -d shop --load 20" in text
    documented = (Path(__file__).resolve().parents[2] / "docs" / "guide.md").read_text()
    for option in sorted(set(re.findall(r"--[a-z-]+(?==)", text)) - {"--dbname", "--format"}):
        assert f"`{option}" in documented, option
