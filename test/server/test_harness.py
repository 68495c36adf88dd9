"""The harness can fail: each fault it is there to find is made on purpose."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from harness import Cluster, Pgseam, Report
from harness.cluster import alive
from harness.fingerprint import fingerprint


def hold(db, seconds, name="somebody", lock="LOCK TABLE users IN ACCESS EXCLUSIVE MODE"):
    with db.connect(application_name=name, autocommit=False) as conn:
        conn.execute(lock)
        time.sleep(seconds)


def test_undisturbed_load_is_clean(shop, load):
    run = load(old=4, rate=2000, disturb=True)
    time.sleep(2)
    report = run.stop()
    report.assert_clean(at_least=2000)
    assert report.model["rows_checked"] > 100000
    assert report.lock_wait_max_pgseam_ms == 0
    assert report.latency_by_version["new"]["count"] == 0


def test_rate_is_reached(shop, load):
    shop.execute("ALTER TABLE users ADD age int")
    run = load(old=4, new=4, rate=2000)
    time.sleep(3)
    report = run.stop()
    report.assert_clean()
    assert 1900 < report.rate < 2400
    for version in ("old", "new"):
        assert report.latency_by_version[version]["count"] > 2000


def test_second_run_knows_what_the_first_left(shop, load):
    shop.execute("ALTER TABLE users ADD age int")
    for seed in (1, 2):
        run = load(old=3, new=3, rate=3000, seed=seed)
        time.sleep(1)
        run.stop().assert_clean()


def test_clients_follow_the_migration(shop, load):
    run = load(old=4, rate=2000, disturb=True)
    time.sleep(0.5)
    shop.execute("ALTER TABLE users ADD age int")
    # Without SKIP LOCKED this would deadlock with clients that update several users in random order.
    shop.execute("""
        UPDATE users SET age = 18 WHERE id IN
        (SELECT id FROM users WHERE age IS NULL AND id % 10 = 0 FOR NO KEY UPDATE SKIP LOCKED)""")
    run.new(4)
    time.sleep(0.7)
    run.old(0)
    shop.execute("ALTER TABLE users DROP old_column")
    time.sleep(0.7)
    report = run.stop()
    report.assert_clean()
    assert report.latency_by_version["new"]["count"] > 500


def test_wrong_client_is_an_error(shop, load):
    run = load(old=2, rate=500)
    shop.execute("ALTER TABLE users RENAME old_column TO other")
    time.sleep(0.3)
    report = run.stop()
    assert report.errors_by_sqlstate["42703"] > 0
    with pytest.raises(AssertionError, match="42703"):
        report.assert_clean()


def test_injected_error_is_recorded_and_does_not_spoil_the_model(shop, load):
    shop.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF random() < 0.2 THEN RAISE 'injected' USING ERRCODE = 'XY123'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()""")
    run = load(old=4, rate=2000)
    time.sleep(1)
    report = run.stop()
    assert report.errors == report.errors_by_sqlstate["XY123"] > 10
    assert "injected" in report.error_samples[0]["message"]
    assert "users" in report.error_samples[0]["statement"]
    assert report.error_samples[0]["client"].startswith("shop old ")
    assert report.mismatches == 0
    with pytest.raises(AssertionError, match="XY123"):
        report.assert_clean()


def test_lock_of_somebody_else_is_seen(shop, load):
    run = load(old=4, rate=1000)
    hold(shop, 0.5)
    time.sleep(0.3)
    report = run.stop()
    assert 400 < report.lock_wait_max_ms < 700
    assert report.lock_wait_max_pgseam_ms == 0
    assert report.lock_waits["over_350"] > 0
    assert report.lock_wait_samples[0]["blocker"] == "somebody"
    assert report.lock_wait_samples[0]["client"].startswith("shop old ")
    assert report.latency_ms["max"] > 400
    report.assert_clean()


def test_lock_of_pgseam_is_seen(shop, load):
    run = load(old=4, rate=1000)
    hold(shop, 0.5, "pgseam/x/1")
    report = run.stop()
    assert 400 < report.lock_wait_max_pgseam_ms < 700
    assert report.lock_waits_pgseam["over_350"] > 0
    assert report.behind_pgseam()[0]["blocker"] == "pgseam/x/1"
    with pytest.raises(AssertionError, match="pgseam/x/1"):
        report.assert_clean()


def test_queue_behind_pgseam_is_seen(shop, load):
    """pgseam holds nothing here: it waits for a reader, and everybody else waits behind it."""
    run = load(old=4, rate=1000)
    run.idle(800)
    began = time.monotonic()
    hold(shop, 0, "pgseam/x/1")
    waited = (time.monotonic() - began) * 1000
    report = run.stop()
    assert waited > 500
    assert waited - 100 < report.lock_wait_max_pgseam_ms < waited + 100


def test_wait_through_another_client_is_seen(shop, load):
    """Whoever waits for somebody who waits for pgseam waits for pgseam; what was before that does not count."""
    run = load(old=0, rate=100)
    row = "UPDATE users SET balance = balance WHERE id = 1"
    with shop.connect(application_name="pgseam/x/1", autocommit=False) as ours:
        ours.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        middle = subprocess.Popen(
            psql(shop, "shop middle", f"BEGIN; {row}; SELECT pg_sleep(0.6); SELECT count(*) FROM orders; COMMIT")
        )
        time.sleep(0.1)
        last = subprocess.Popen(psql(shop, "shop last", row))
        time.sleep(1.2)
        ours.rollback()
    assert (middle.wait(10), last.wait(10)) == (0, 0)
    report = run.stop()
    (sample,) = [sample for sample in report.behind_pgseam() if sample["client"] == "shop last"]
    assert sample["blocker"] == "pgseam/x/1"
    assert report.lock_wait_max_ms >= sample["ms"] > 700
    assert sample["pgseam_ms"] > 300
    assert sample["ms"] - sample["pgseam_ms"] > 200


def psql(db, name, statement):
    return ["psql", "-qX", "-o", "/dev/null", "-d", f"{db.dsn} application_name='{name}'", "-c", statement]


# Statement behind the model's back, and what the report must say of it. In so short a run hardly any row is touched.
UNTOUCHED = [
    ("UPDATE users SET balance = balance + 1 WHERE id = 20000", r"users 20000: balance is '\d+', should be"),
    ("UPDATE users SET old_column = NULL WHERE id = 20000", r"users 20000: old_column is '\(null\)', should be"),
    ("UPDATE orders SET status = 'lost' WHERE id = 40000", r"orders 40000: status is 'lost', should be"),
    ("UPDATE order_items SET quantity = quantity + 1 WHERE id = 80000", r"order_items 80000 has changed"),
    ("DELETE FROM order_items WHERE id = 80000", r"order_items 80000 is missing"),
    ("DELETE FROM orders WHERE id = 40000", r"orders 40000 is missing"),
    ("DELETE FROM users WHERE id = 20000", r"users 20000 is missing"),
    ("INSERT INTO users (name, email) VALUES ('x', 'x')", r"users \d+ is there but nobody has added it"),
    ("INSERT INTO orders (user_id, status, total) VALUES (20000, 'x', 1)", r"orders \d+ is there but nobody"),
    ("INSERT INTO order_items (order_id, product, quantity) VALUES (40000, 'x', 1)", r"order_items \d+ belongs to"),
]


@pytest.mark.parametrize(("statement", "finding"), UNTOUCHED, ids=[case[0][:50] for case in UNTOUCHED])
def test_fault_in_an_untouched_row_is_found(shop, load, statement, finding):
    run = load(old=2, rate=50)
    time.sleep(0.2)
    shop.execute(statement)
    report = run.stop()
    assert report.mismatches >= 1
    assert any(re.match(finding, sample) for sample in report.model["samples"]), report.model
    with pytest.raises(AssertionError, match="mismatches"):
        report.assert_clean(at_least=1)


# The clients' own rows: found by the marks their values carry.
TOUCHED = [
    ("UPDATE users SET email = 'x' WHERE name LIKE 'new %'", r"users \d+: email is 'x', should be"),
    ("UPDATE users SET old_column = 'x' WHERE name LIKE 'new %'", r"users \d+: old_column is 'x', should be"),
    ("DELETE FROM users WHERE name LIKE 'new %'", r"users \d+ is missing"),
    ("DELETE FROM orders WHERE id > 40000", r"orders \d+ is missing"),
    ("DELETE FROM order_items WHERE id > 80000", r"orders \d+: count of items is '0', should be '2'"),
    ("UPDATE order_items SET quantity = 99 WHERE id > 80000", r"orders \d+: sum of quantities is '198'"),
    (
        "INSERT INTO users (id, name, email) SELECT n, 'x', 'x' FROM generate_series(1, 20000) n"
        " ON CONFLICT DO NOTHING",
        r"users \d+ was deleted but is there",
    ),
]


@pytest.mark.parametrize(("statement", "finding"), TOUCHED, ids=[case[0][:50] for case in TOUCHED])
def test_fault_in_a_touched_row_is_found(shop, load, statement, finding):
    run = load(old=4, rate=2000)
    time.sleep(1)
    run.old(0)
    shop.execute(statement)
    report = run.stop()
    assert report.errors == 0
    assert any(re.match(finding, sample) for sample in report.model["samples"]), report.model


def test_age_of_the_new_version_is_compared(shop, load):
    shop.execute("ALTER TABLE users ADD age int DEFAULT 7")
    run = load(new=4, old=0, rate=2000)
    time.sleep(0.7)
    run.new(0)
    shop.execute("UPDATE users SET age = age + 1")
    report = run.stop()
    assert report.mismatches > 10
    assert all(re.search(r": age is '\d+', should be", sample) for sample in report.model["samples"]), report.model


def test_lost_update_is_noticed_while_running(shop, load):
    run = load(old=4, rate=2000)
    shop.execute("""
        CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER swallow BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION swallow()""")
    time.sleep(0.5)
    assert run.stats().read_mismatches > 0
    assert run.stop().errors == 0


def test_ignored_column_is_left_out(shop, load):
    run = load(old=2, rate=500)
    run.ignore("users.name")
    run.old(0)
    shop.execute("UPDATE users SET name = upper(name)")
    run.old(2)
    time.sleep(0.3)
    run.stop().assert_clean(at_least=10)


def test_column_that_is_gone_is_left_out(shop, load):
    run = load(old=0)
    shop.execute("ALTER TABLE users DROP old_column")
    run.stop().assert_clean(at_least=0)


def test_empty_table_for_an_old_snapshot_is_noticed(shop, load):
    run = load(old=0)
    run.snapshot(600)
    shop.execute("""
        BEGIN; CREATE TABLE copy AS TABLE users; ALTER TABLE users RENAME TO former; ALTER TABLE copy RENAME TO users;
        COMMIT""")
    time.sleep(0.8)
    report = run.stop()
    assert any("is empty for its snapshot" in sample for sample in report.model["samples"])


def test_lost_connections_leave_the_model_right(shop, load):
    run = load(old=6, rate=0)
    deadline = time.monotonic() + 60
    while run.stats().errors <= 10 and time.monotonic() < deadline:
        shop.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'shop old %'")
        time.sleep(0.1)
    time.sleep(0.3)
    report = run.stop()
    # Some, and on a busy machine all, see the reset socket before the message.
    assert report.errors > 10 and set(report.errors_by_sqlstate) & {"57P01", "08006"}
    assert report.mismatches == 0, report.model


def test_killed_server_leaves_the_model_right(shop, cluster, load):
    run = load(old=6, rate=0)
    time.sleep(0.5)
    cluster.kill()
    time.sleep(0.3)
    cluster.start()
    time.sleep(0.5)
    before = run.stats().statements
    time.sleep(0.3)
    report = run.stop()
    assert report.errors > 0
    assert report.statements > before
    assert report.mismatches == 0, report.model


def test_commands(shop, load):
    run = load(old=1, rate=200)
    with pytest.raises(RuntimeError, match="not understood: dance 3"):
        run.command("dance 3")
    with pytest.raises(RuntimeError, match="must be from 0 to"):
        run.old(1000)
    run.rate(1000)
    run.reader(200)
    run.old(3)
    names = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'shop %' ORDER BY 1"
    assert [name for (name,) in shop.query(names)] == ["shop old 1", "shop old 2", "shop old 3", "shop reader 1"]
    run.old(1)
    assert "shop old 2" not in [name for (name,) in shop.query(names)]
    run.stop().assert_clean(at_least=1)


def test_no_shop_is_said(db, load):
    with pytest.raises(RuntimeError, match="users"):
        load(old=1)


def test_report_needs_statements():
    with pytest.raises(AssertionError, match="only 5 statements"):
        Report(statements=5, model={"mismatches": 0}).assert_clean(at_least=6)


# The servers


def test_two_clusters_do_not_meet(cluster):
    with Cluster(cluster.major) as other, other.database() as db:
        assert other.folder != cluster.folder
        with cluster.connect() as conn:
            assert conn.execute("SELECT FROM pg_database WHERE datname = %s", [db.name]).fetchone() is None
        children, folder = other.children(), other.folder
        assert children
    assert not any(alive(pid) for pid in children)
    assert not folder.exists()


def test_killed_server_comes_back(cluster, db):
    db.execute("CREATE TABLE t AS SELECT 1 AS a")
    children = cluster.children()
    cluster.kill()
    assert not any(alive(pid) for pid in children)
    with pytest.raises(psycopg.OperationalError):
        cluster.connect()
    cluster.start()
    assert db.scalar("SELECT a FROM t") == 1
    cluster.restart("immediate")
    assert db.scalar("SELECT a FROM t") == 1


def test_killed_test_run_leaves_no_server(cluster):
    script = """
import time
from harness import Cluster
one = Cluster({}).start()
print(one.postmaster.pid, one.folder, flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script.format(cluster.major)], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parent,
    ) as process:
        pid, folder = process.stdout.readline().split()
        assert alive(int(pid))
        process.kill()
    deadline = time.monotonic() + 10
    while (alive(int(pid)) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(pid))
    assert not Path(folder).exists()


def test_every_version_starts(any_cluster, db):
    assert db.scalar("SHOW server_version_num")[:2] == str(any_cluster.major)
    assert db.cluster is any_cluster
    assert db.scalar("SHOW listen_addresses") == ""


def test_load_on_every_version(any_cluster, shop, load):
    run = load(old=2, rate=1000)
    hold(shop, 0.3, "pgseam/x/1")
    time.sleep(0.4)
    report = run.stop()
    assert report.lock_wait_max_pgseam_ms > 200
    report.assert_clean(at_least=50)


def test_database_of_a_role(cluster):
    with cluster.database(owner="app owner") as db:
        db.execute("CREATE TABLE t (a int)", role="app owner")
        assert db.scalar("SELECT tableowner FROM pg_tables WHERE tablename = 't'") == "app owner"


def test_drop_gets_rid_of_leftovers(cluster):
    db = cluster.database()
    db.execute("SELECT pg_create_logical_replication_slot('left', 'pgoutput')")
    db.execute("CREATE TABLE t (a int)")
    with db.connect(autocommit=False) as conn:
        conn.execute("INSERT INTO t VALUES (1)")
        conn.execute("PREPARE TRANSACTION 'left'")
    other = db.connect()
    db.drop()
    with cluster.connect() as admin:
        assert admin.execute("SELECT FROM pg_database WHERE datname = %s", [db.name]).fetchone() is None
        assert admin.execute("SELECT FROM pg_replication_slots").fetchone() is None
    other.close()


CHANGES = [
    "ALTER TABLE t ADD b int",
    "ALTER TABLE t ALTER a SET NOT NULL",
    "ALTER TABLE t ALTER a SET DEFAULT 3",
    "ALTER TABLE t ALTER a TYPE bigint",
    "ALTER TABLE t ADD CHECK (a > 0)",
    "ALTER TABLE t ADD CHECK (a > 0) NOT VALID",
    "CREATE INDEX ON t (a)",
    "CREATE VIEW v AS SELECT a FROM t",
    "GRANT SELECT ON t TO public",
    "COMMENT ON COLUMN t.a IS 'x'",
    "CREATE SEQUENCE s",
    "CREATE TYPE e AS ENUM ('a')",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';"
    " CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    "ALTER TABLE t SET (fillfactor = 50)",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
]


@pytest.mark.parametrize("means", ["dump", "fingerprint"])
def test_every_change_of_the_schema_shows(any_cluster, db, means):
    look = db.dump_schema if means == "dump" else lambda: fingerprint(db)
    db.execute("CREATE TABLE t (a int)")
    empty = look()
    for change in CHANGES:
        with any_cluster.database() as twin:
            twin.execute("CREATE TABLE t (a int)")
            twin_look = twin.dump_schema if means == "dump" else (lambda one=twin: fingerprint(one))
            assert twin_look() == empty
            twin.execute(change)
            assert twin_look() != empty, change


@pytest.mark.parametrize("means", ["dump", "fingerprint"])
def test_schema_pgseam_does_not_show(any_cluster, db, means):
    look = db.dump_schema if means == "dump" else lambda: fingerprint(db)
    empty = look()
    db.execute("CREATE SCHEMA pgseam; CREATE TABLE pgseam.t (a serial PRIMARY KEY); COMMENT ON TABLE pgseam.t IS 'x'")
    assert look() == empty


def test_data_digest(db):
    db.execute("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL), (2, NULL)")
    db.execute("CREATE TABLE u (b text, a int); INSERT INTO u VALUES (NULL, 2), ('x', 1), (NULL, 2)")
    assert db.data_digest("t", ["a", "b"]) == db.data_digest("u", ["a", "b"])
    assert db.data_digest("t", ["a"]) != db.data_digest("t", ["b"])
    before = db.data_digest("t")
    db.execute("DELETE FROM t WHERE b IS NULL")
    assert db.data_digest("t") != before


# The tool, with a script in its place

FAKE = """#!/bin/sh
echo "args: $*"
echo "progress" >&2
case "$1" in
  slow) trap 'echo interrupted; exit 7' INT; while :; do sleep 0.05; echo tick; done ;;
  json) exec echo '{"a": 1}' ;;
esac
exit 3
"""


@pytest.fixture
def fake(db, tmp_path, monkeypatch):
    path = tmp_path / "pgseam"
    path.write_text(FAKE)
    path.chmod(0o755)
    monkeypatch.setenv("PGSEAM_BIN", str(path))
    with Pgseam(db) as tool:
        yield tool


def test_exit_status_is_judged(fake, db):
    result = fake.run("start", "x.sql", "--now", expect=3)
    assert result.out == f"args: start -d {db.dsn} x.sql --now\n"
    assert result.err == "progress\n"
    with pytest.raises(AssertionError, match="exit status 3") as caught:
        fake.run("start", "x.sql")
    assert "args: start" in str(caught.value)
    assert "progress" in str(caught.value)
    assert fake.run("start", expect=None, role="somebody").out.count("user='somebody'") == 1


def test_files_are_where_pgseam_runs(fake):
    path = fake.file("a.sql", "SELECT 1")
    assert Path(path).read_text() == "SELECT 1"
    assert Path(path).parent == fake.folder


def test_running_tool_is_controlled(fake):
    process = fake.spawn("slow")
    assert process.wait_output("args: (slow)", 60).group(1) == "slow"
    process.freeze()
    time.sleep(0.2)
    frozen = process.out
    time.sleep(0.3)
    assert process.out == frozen
    process.thaw()
    process.interrupt()
    assert "interrupted" in process.wait(60, expect=7).out
    with pytest.raises(AssertionError, match="ended without /never/"):
        process.wait_output("never", 60)


def test_tool_that_hangs_is_ended(fake):
    with pytest.raises(AssertionError, match="still running after"):
        fake.run("slow", timeout=0.3)
    process = fake.spawn("slow")
    process.wait_output("tick", 60)
    process.kill9()
    assert process.wait(60).rc == -signal.SIGKILL
    assert not os.path.exists(f"/proc/{process.pid}") or not alive(process.pid)
