"""pgseam verify: beside the runner, after the cut-over, and when there is nothing to compare."""

import json
import threading
import time

import pytest

ROWS = 20000
WIDEN = "ALTER TABLE orders ALTER id TYPE bigint;"


@pytest.fixture
def orders(db):
    db.execute(f"""CREATE TABLE orders (id int PRIMARY KEY, who text, amount numeric);
        INSERT INTO orders SELECT g, 'w' || g, g / 7.0 FROM generate_series(1, {ROWS}) AS g""")
    return db


class Writer:
    """Changes one row after another, none of which has a key that ends with 0."""

    def __init__(self, db):
        self.db, self.stop, self.changes = db, threading.Event(), 0
        self.thread = threading.Thread(target=self.write)

    def write(self):
        with self.db.connect() as conn:
            while not self.stop.is_set():
                self.changes += 1
                conn.execute("UPDATE orders SET amount = amount + 1 WHERE id = %s", [self.changes * 10 % ROWS + 1])
                time.sleep(0.002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def shadow_of(db):
    with db.connect() as conn:
        return conn.execute("SELECT format('%I.orders', nspname) FROM pg_namespace WHERE nspname LIKE 'pgseam_rewrite%'").fetchone()[0]


def plant(db, table, change):
    """Behind the back of every trigger."""
    db.execute(f"SET session_replication_role = replica; {change.format(table)}")


@pytest.mark.parametrize("capture", ["logical", "trigger"])
def test_beside_the_runner_before_the_cut_over(orders, pgseam, capture):
    file = pgseam.file("widen.sql", WIDEN)
    runner = pgseam.spawn("start", file, "--capture", capture, "--postpone-cut-over")
    with Writer(orders) as writer:
        runner.wait_output("the cut-over is postponed")
        for _ in range(3):
            before = writer.changes
            found = pgseam.run("verify")
            assert found.out.startswith(f"public.orders and {shadow_of(orders)} are equal\n")
            assert writer.changes > before
        plant(orders, shadow_of(orders), "UPDATE {0} SET who = 'nobody' WHERE id = 110; DELETE FROM {0} WHERE id = 220")
        found = pgseam.run("verify", expect=None)
    assert found.rc == 1
    assert "differ in 2 keys" in found.err
    assert "(id)=(110): who" in found.err
    assert f"(id)=(220): missing in {shadow_of(orders)}" in found.err
    runner.interrupt()
    runner.wait(30)
    found = pgseam.run("verify", expect=None)
    if capture == "logical":
        assert found.rc == 3
        assert "nobody runs the migration" in found.err
    else:
        assert found.rc == 1
        assert "differ in 2 keys" in found.err


def test_after_the_cut_over_the_old_table_is_compared(orders, pgseam):
    pgseam.run("start", pgseam.file("widen.sql", WIDEN))
    with Writer(orders):
        time.sleep(0.5)
        found = pgseam.run("verify", "--format", "json")
    said = json.loads(found.out)
    assert said["migration"] == "widen"
    assert [table["equal"] for table in said["tables"]] == [True]
    assert said["tables"][0]["source"] == "public.orders"
    assert said["tables"][0]["target_rows"] == ROWS
    assert said["tables"][0]["buckets_with_changes"] > 0
    plant(orders, shadow_of(orders), "UPDATE {} SET amount = 0 WHERE id = 330")
    found = pgseam.run("verify", "--format", "json", expect=None)
    assert found.rc == 1
    assert json.loads(found.out)["error"]["detail"] == "(id)=(330): amount"
    # The application writes the row: its key is dirty, so the old table gets it before anybody goes back.
    orders.execute("UPDATE orders SET amount = 1 WHERE id = 330")
    pgseam.run("verify")
    pgseam.run("complete")
    found = pgseam.run("verify", "widen", expect=None)
    assert found.rc == 3
    assert "the old table is dropped" in found.err


def test_nothing_to_compare(orders, pgseam):
    pgseam.run("start", pgseam.file("tiny.sql", "ALTER TABLE orders ADD note text;"))
    found = pgseam.run("verify", "tiny", expect=None)
    assert found.rc == 3
    assert "rewrites no table" in found.err


@pytest.mark.parametrize("capture", ["logical", "trigger"])
def test_the_runner_stops_at_a_difference_before_the_cut_over(orders, pgseam, capture):
    """A row of the copy that is not the source's is never exchanged for it."""
    file = pgseam.file("widen.sql", WIDEN)
    pgseam.run("start", file, "--capture", capture, expect=None, env={"PGSEAM_FAULT": "rewrite.index.built:kill"})
    plant(orders, shadow_of(orders), "UPDATE {} SET amount = -amount WHERE id = 440")
    with Writer(orders):
        found = pgseam.run("resume", expect=1)
    assert "differ in 1 key" in found.err
    assert "(id)=(440): amount" in found.err
    plant(orders, shadow_of(orders), "UPDATE {} SET amount = -amount WHERE id = 440")
    with Writer(orders):
        pgseam.run("resume")
    pgseam.run("verify")
