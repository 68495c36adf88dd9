"""The online rewrite, its main path: a serial key becomes bigint while the application works; back again; what hangs on it."""

import re
import time

import psycopg
import pytest
from conftest import majors
from harness import Load, init_orders
from harness.dependants import assert_same_dependants, dependants
from harness.rewrite import (
    WIDEN, Held, assert_calm, assert_nothing_left, dress, has_cut_over, journal, leftovers, migration_of, postponed, rewrite_of, sql_file,
    undress, wait_until,
)

CAPTURES = ["logical", "trigger"]
# Where the new type is told, and nowhere else.
WIDENED = [
    (r"^column: id \| integer ", "column: id | bigint "),
    (r"^(sequence: orders_id_seq .*)integer \| 1 \| 1 \| 2147483647 ", r"\1bigint | 1 | 1 | 9223372036854775807 "),
    (r"^(view: .*\| id )integer ", r"\1bigint "),
]


def orders(db, shape="int", rows=60000):
    init_orders(db, rows, shape)
    db.execute("CREATE PUBLICATION ours FOR TABLE orders, order_lines")
    return db


@pytest.fixture
def dressed(db):
    init_orders(db, 5000)
    dress(db)
    yield db
    undress(db)


def assert_widened(db):
    """The new type is what it is for: keys beyond 2^31 go in, from the sequence too, and foreign keys hold."""
    assert db.scalar("SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'id'") == "bigint"
    add = "INSERT INTO orders ({}) VALUES ({}, -1, NULL, 'theirs') RETURNING id"
    big = db.scalar(add.format("id, code, seat, status", "3000000000"))
    assert db.scalar(f"SELECT count(*) FROM orders WHERE id = {big}") == 1
    db.execute(f"DELETE FROM orders WHERE id = {big}")
    with db.connect() as conn, conn.transaction(force_rollback=True):
        conn.execute("SELECT setval(pg_get_serial_sequence('orders', 'id'), 5000000000)")
        assert conn.execute(add.format("id, code, seat, status", "DEFAULT")).fetchone()[0] == 5000000001
    assert_foreign_keys_hold(db)


def assert_foreign_keys_hold(db):
    """Both ways, with their actions, and deferred where they were."""
    for table in ("order_lines", "order_remarks"):
        columns, values = ("order_id, quantity", "-5, 1") if table == "order_lines" else ("order_id", "-5")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            db.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})")
    with db.connect() as conn, conn.transaction(force_rollback=True):
        conn.execute("INSERT INTO order_holds (order_id) VALUES (-5)")
        with pytest.raises(psycopg.errors.ForeignKeyViolation), conn.transaction():
            conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        conn.execute("INSERT INTO orders (id, code, status) VALUES (-5, -5, 'theirs')")
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        conn.execute("DELETE FROM order_holds WHERE order_id = -5")
        conn.execute("INSERT INTO order_lines (order_id, quantity) VALUES (-5, 1)")
        conn.execute("INSERT INTO order_remarks (order_id) VALUES (-5)")
        conn.execute("UPDATE orders SET id = -6 WHERE id = -5")
        assert conn.execute("SELECT count(*) FROM order_lines WHERE order_id = -6").fetchone()[0] == 1
        conn.execute("DELETE FROM orders WHERE id = -6")
        assert conn.execute("SELECT count(*) FROM order_lines WHERE order_id IN (-5, -6)").fetchone()[0] == 0
        assert conn.execute("SELECT count(*) FROM order_remarks WHERE order_id IS NULL AND body IS NULL").fetchone()[0] == 1


def assert_unbroken(db):
    """Nothing in the referencing tables points nowhere, whoever checked that."""
    for table in ("order_lines", "order_remarks", "order_holds"):
        assert db.scalar(f"SELECT count(*) FROM {table} c WHERE order_id IS NOT NULL AND NOT EXISTS (SELECT FROM orders o WHERE o.id = c.order_id)") == 0


# ---- under load, on each version


@pytest.mark.parametrize("capture", CAPTURES)
def test_serial_key_becomes_bigint_under_load(db, any_cluster, pgseam, capture):
    orders(db)
    before, there = dependants(db), leftovers(db)
    with Load(db, old=4, new=4, rate=2400, orders="int") as load:
        result = pgseam.run("start", sql_file(pgseam), "--capture", capture)
        assert has_cut_over(db), result
        assert rewrite_of(pgseam)["capture"] == capture
        time.sleep(1)
        pgseam.run("complete")
        time.sleep(0.5)
        report = load.stop()
    assert_calm(report)
    assert report.rate > 2000, f"the clients came to {report.rate:.0f} statements a second only"
    assert_same_dependants(before, dependants(db), WIDENED)
    assert_widened(db)
    assert_unbroken(db)
    assert_nothing_left(db, there)


@pytest.mark.parametrize("capture", CAPTURES)
def test_rollback_before_the_cut_over_leaves_nothing(db, pgseam, capture):
    orders(db)
    before, there, schema = dependants(db), leftovers(db), db.dump_schema()
    with Load(db, old=4, new=4, rate=2400, orders="int") as load:
        running = pgseam.spawn("start", sql_file(pgseam), "--capture", capture, "--postpone-cut-over=on")
        wait_until(lambda: rewrite_of(pgseam).get("verified"), what="the comparison")
        time.sleep(1)
        assert not has_cut_over(db)
        running.interrupt()
        running.wait()
        pgseam.run("rollback")
        time.sleep(0.3)
        report = load.stop()
    assert_calm(report)
    assert report.plans_changed == 0
    assert_same_dependants(before, dependants(db))
    assert_nothing_left(db, there)
    assert db.dump_schema() == schema


@pytest.mark.parametrize("capture", CAPTURES)
def test_rollback_after_the_cut_over_loses_no_write(db, any_cluster, pgseam, capture):
    # The reverse feed: without it the writes between the two would be gone.
    orders(db)
    before, there, schema = dependants(db), leftovers(db), db.dump_schema()
    with Load(db, old=4, new=4, rate=2400, orders="int") as load:
        pgseam.run("start", sql_file(pgseam), "--capture", capture)
        assert has_cut_over(db)
        time.sleep(3)
        pgseam.run("rollback")
        time.sleep(0.5)
        report = load.stop()
    assert_calm(report)
    assert_same_dependants(before, dependants(db))
    assert_foreign_keys_hold(db)
    assert_unbroken(db)
    assert_nothing_left(db, there)
    assert db.dump_schema() == schema


def test_there_and_back_and_there_again(db, pgseam):
    orders(db, rows=20000)
    there = leftovers(db)
    with Load(db, old=2, new=2, rate=1500, orders="int") as load:
        for number in range(2):
            pgseam.run("start", sql_file(pgseam, name=f"wide_{number}"))
            pgseam.run("rollback", f"wide_{number}")
        pgseam.run("start", sql_file(pgseam, name="wide_at_last"))
        pgseam.run("complete", "wide_at_last")
        report = load.stop()
    assert_calm(report, at_least=500)
    assert_widened(db)
    assert_nothing_left(db, there)


# ---- what hangs on it


@pytest.mark.parametrize("capture", CAPTURES)
def test_all_that_hangs_on_the_table_is_as_it_was(dressed, any_cluster, pgseam, capture):
    before, there = dependants(dressed), leftovers(dressed)
    digest = dressed.data_digest("orders")
    pgseam.run("start", sql_file(pgseam), "--capture", capture)
    # Until `complete` only what feeds the old table may be more.
    assert_same_dependants(before, [line for line in dependants(dressed) if "pgseam_reverse_" not in line], WIDENED)
    pgseam.run("complete")
    assert_same_dependants(before, dependants(dressed), WIDENED)
    assert dressed.data_digest("orders") == digest
    assert_nothing_left(dressed, there)


def test_all_that_hangs_on_the_table_comes_back(dressed, any_cluster, pgseam):
    before, there = dependants(dressed), leftovers(dressed)
    digest = dressed.data_digest("orders")
    pgseam.run("start", sql_file(pgseam))
    pgseam.run("rollback")
    assert_same_dependants(before, dependants(dressed))
    assert dressed.data_digest("orders") == digest
    assert_nothing_left(dressed, there)


def test_statistics_are_there_at_the_cut_over(db, pgseam):
    # A table without them has the planner guess: an outage in two peers.
    orders(db, rows=20000)
    pgseam.run("start", sql_file(pgseam))
    missing = db.query("SELECT attname FROM pg_attribute a WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped"
                       " AND NOT EXISTS (SELECT FROM pg_stats s WHERE s.tablename = 'orders' AND s.schemaname = 'public'"
                       " AND s.attname = a.attname)")
    assert missing == []
    assert db.scalar("SELECT reltuples FROM pg_class WHERE oid = 'orders'::regclass") == pytest.approx(20000, rel=0.05)


def test_the_role_needs_no_more_than_the_table(cluster, pgseam, db):
    """An owner without any further right, not even for replication: triggers then, and that is said."""
    cluster.role("shopkeeper")
    db.execute("ALTER SCHEMA public OWNER TO shopkeeper; GRANT CREATE ON DATABASE " + db.name + " TO shopkeeper")
    init_orders(db, 5000, role="shopkeeper")
    with Load(db, old=2, new=2, rate=1000, orders="int", role="shopkeeper") as load:
        pgseam.run("start", sql_file(pgseam), role="shopkeeper")
        found = rewrite_of(pgseam)
        assert (found["capture"], bool(found["capture_why"])) == ("trigger", True)
        pgseam.run("complete", role="shopkeeper")
        report = load.stop()
    assert_calm(report, at_least=300)
    assert_widened(db)
    assert db.scalar("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'orders'::regclass") == "shopkeeper"


# ---- what the operator sees and says


def test_plan_tells_before_it_does(db, pgseam):
    orders(db, rows=5000)
    there = leftovers(db)
    plan = pgseam.run("plan", sql_file(pgseam), "--format", "json").json()
    kinds = [step["kind"] for step in plan["steps"] if step["kind"].startswith("rewrite.")]
    assert kinds == ["rewrite.prepare", "rewrite.capture", "rewrite.copy", "rewrite.index", "rewrite.catch_up", "rewrite.verify",
                     "rewrite.swap", "rewrite.drop"]
    swap = next(step for step in plan["steps"] if step["kind"] == "rewrite.swap")
    locked = {lock["table"] for lock in swap["locks"]}
    assert {"orders", "order_lines", "order_remarks", "order_holds"} <= locked
    assert leftovers(db) == there


def test_a_postponed_cut_over_waits_for_the_word(db, pgseam):
    orders(db, rows=20000)
    with Load(db, old=2, new=2, rate=1500, orders="int") as load:
        running = pgseam.spawn("start", sql_file(pgseam), "--postpone-cut-over=on")
        found = wait_until(lambda: (one := rewrite_of(pgseam)) and one.get("verified") and one, what="the comparison")
        applied = found["keys_applied"]
        # It keeps catching up meanwhile.
        wait_until(lambda: rewrite_of(pgseam)["keys_applied"] > applied + 200, what="catching up")
        assert not has_cut_over(db) and running.running()
        pgseam.run("cut-over")
        running.wait(60, expect=0)
        assert has_cut_over(db)
        time.sleep(0.3)
        report = load.stop()
    assert_calm(report, at_least=500)
    assert rewrite_of(pgseam)["cut_over_ms"] is not None


def test_status_tells_how_far_it_is(db, pgseam):
    orders(db)
    with Held(db, pgseam) as held:
        held.stop_file.unlink()
        first = rewrite_of(pgseam)
        assert first["phase"] and first["capture"] in CAPTURES and first["capture_why"]
        assert 0 < first["percent"] < 100 and not first["copied"]
        assert first["rows_per_s"] > 0 and first["eta_s"] > 0
        text = pgseam.run("status").out
        assert "orders" in text and re.search(r"\d+ ?%", text), text
        held.finish()
    last = rewrite_of(pgseam)
    assert last["copied"] and last["indexed"] and last["verified"] and last["cut_over"] and not last["dropped"]
    assert last["percent"] == 100 and last["rows_copied"] == 60000


def test_pause_resume_and_throttle_while_it_copies(db, pgseam):
    orders(db)
    with Held(db, pgseam) as held:
        held.stop_file.unlink()
        pgseam.run("pause")
        time.sleep(1)
        paused = held.copied()
        time.sleep(2.5)
        assert held.copied() == paused
        assert migration_of(pgseam)["paused"]
        pgseam.run("resume")
        wait_until(lambda: held.copied() > paused, what="more rows")
        # A hundredth of the time would take minutes.
        held.finish(timeout=60)
    assert has_cut_over(db)


@pytest.mark.parametrize("capture", CAPTURES)
def test_verify_at_any_time_finds_what_differs(db, pgseam, capture):
    orders(db, rows=20000)
    with Load(db, old=2, new=2, rate=500, orders="int") as load, postponed(db, pgseam, capture) as running:
        pgseam.run("verify")
        load.rate(100)
        shadow = journal(db, "name")[0][0]
        # A row that the load leaves alone, since it is hot in no client's mind.
        db.execute("INSERT INTO orders (id, code, status) VALUES (900000, -900000, 'theirs')")
        wait_until(lambda: db.scalar(f"""SELECT count(*) FROM "{shadow}".orders WHERE id = 900000"""), what="catching up")
        db.execute(f"""UPDATE "{shadow}".orders SET note = 'not this' WHERE id = 900000""")
        found = pgseam.run("verify", expect=None)
        assert found.rc not in (0, 2), found
        assert "900000" in found.out + found.err, found
        running.interrupt()
        running.wait()
    assert not has_cut_over(db)
    pgseam.run("rollback")
    assert db.scalar("SELECT count(*) FROM orders WHERE note = 'not this'") == 0


def test_after_the_cut_over_verify_compares_with_the_old_table(db, pgseam):
    orders(db, rows=20000)
    with Load(db, old=2, new=2, rate=1000, orders="int") as load:
        pgseam.run("start", sql_file(pgseam))
        time.sleep(0.5)
        pgseam.run("verify")
        assert_calm(load.stop(), at_least=200)


def test_what_does_not_fit_back_is_told_and_kept(db, pgseam):
    orders(db, rows=5000)
    pgseam.run("start", sql_file(pgseam))
    db.execute("INSERT INTO orders (id, code, status) VALUES (3000000000, -1, 'theirs')")
    found = pgseam.run("rollback", expect=None)
    assert found.rc not in (0, 2) and "3000000000" in found.err, found
    assert db.scalar("SELECT count(*) FROM orders WHERE id = 3000000000") == 1
    # Two ways out: without the row back, with it on.
    db.execute("DELETE FROM orders WHERE id = 3000000000")
    pgseam.run("rollback")
    assert db.scalar("SELECT count(*) FROM orders") == 5000


@pytest.mark.parametrize("level", ["replica", "logical"])
def test_capture_is_chosen_by_what_the_server_allows(pgseam, clusters, level):
    from harness import Cluster, Pgseam

    major = 15 if 15 in majors() else majors()[0]
    with Cluster(major, {"wal_level": level}) as server, server.database() as db, Pgseam(db) as tool:
        init_orders(db, 2000)
        if level == "replica":
            refused = tool.run("start", tool.file("forced.sql", WIDEN), "--capture", "logical", expect=3)
            assert "wal_level" in refused.err
            assert tool.run("status", "--format", "json").json()["migrations"] in ([], None) or not leftovers_of_slot(db)
        tool.run("start", tool.file("wide.sql", WIDEN))
        found = rewrite_of(tool)
        assert found["capture"] == ("trigger" if level == "replica" else "logical")
        assert level == "logical" or "wal_level" in found["capture_why"]


def leftovers_of_slot(db):
    return [line for line in leftovers(db) if line.startswith("slot")]
