"""The orders' clients notice what a rewrite of their table could break: each thing is broken once, behind their back."""

import time

import pytest
from harness import Load, init_orders
from harness.dependants import assert_same_dependants, dependants
from harness.rewrite import wait_until

SHAPES = ["int", "identity", "bigint", "uuid", "text", "icu", "nocase", "numeric", "timestamptz", "composite"]


@pytest.mark.parametrize("shape", SHAPES)
def test_undisturbed_it_is_clean_and_finds_its_way_again(db, shape):
    init_orders(db, 4000, shape)
    for seed in (1, 2):
        with Load(db, old=3, new=3, rate=3000, orders=shape, seed=seed) as load:
            time.sleep(0.7)
            report = load.stop()
        report.assert_clean()
        assert report.plans_changed == 0 and report.model["rows_checked"] > 3900


@pytest.mark.parametrize("damage", [
    "UPDATE orders SET note = 'another' WHERE code = 2000",
    "UPDATE orders SET payload = repeat('x', 3000) WHERE code = 2000",
    "UPDATE orders SET seat = NULL WHERE code = 2000",
    "UPDATE orders SET amount = amount - 1 WHERE status = 'hot'",
    "DELETE FROM orders WHERE code = 2001",
    "INSERT INTO orders (code, status) VALUES (-1, 'open')",
    "UPDATE orders SET id = id + 5000000 WHERE code = 2001",
    "DELETE FROM order_lines WHERE order_id = 2000",
    "UPDATE order_remarks SET order_id = NULL WHERE order_id = 1999",
    "INSERT INTO order_holds (order_id) VALUES (2001)",
], ids=lambda text: text[:40])
def test_damage_is_seen(db, damage):
    init_orders(db, 4000)
    with Load(db, old=1, new=1, rate=200, orders="int") as load:
        load.rate(1)
        db.execute(damage)
        report = load.stop()
    assert report.mismatches > 0 and report.errors == 0


def test_rows_of_others_are_left_to_them(db):
    init_orders(db, 4000)
    with Load(db, old=1, new=1, rate=200, orders="int") as load:
        db.execute("INSERT INTO orders (code, status) VALUES (-1, 'theirs')")
        # A run may be over before it has begun; what is asked here is that clients worked beside the row.
        wait_until(lambda: load.stats().statements >= 20, what="the clients' work")
        load.stop().assert_clean(at_least=20)


def test_a_changed_result_type_is_counted_apart(db):
    init_orders(db, 4000)
    with Load(db, old=3, new=3, rate=2000, orders="int") as load:
        time.sleep(0.3)
        db.execute("BEGIN; DROP VIEW order_view; ALTER TABLE orders ALTER id TYPE bigint;"
                   "CREATE VIEW order_view AS SELECT id, status, amount, code FROM orders; COMMIT")
        time.sleep(1)
        report = load.stop()
    assert report.plans_changed > 0
    assert report.errors == 0 and report.mismatches == 0, report.faults()


def test_what_hangs_on_a_table_is_told_apart(db):
    init_orders(db, 100)
    before = dependants(db)
    assert_same_dependants(before, dependants(db))
    for statement in ("GRANT SELECT ON orders TO PUBLIC", "COMMENT ON COLUMN orders.note IS 'x'", "ALTER TABLE orders ALTER note SET STATISTICS 5",
                      "ALTER TABLE order_lines ALTER CONSTRAINT order_lines_order DEFERRABLE", "CREATE VIEW more AS SELECT id FROM orders",
                      "ALTER SEQUENCE orders_id_seq OWNED BY NONE", "ALTER INDEX orders_code RENAME TO orders_codes",
                      "CREATE PUBLICATION p FOR TABLE orders", "ALTER TABLE orders REPLICA IDENTITY FULL", "DROP INDEX orders_status",
                      "CREATE STATISTICS s ON code, amount FROM orders", "CREATE RULE r AS ON DELETE TO orders DO ALSO NOTHING"):
        with db.connect() as conn:
            conn.execute(statement)
        after = dependants(db)
        with pytest.raises(AssertionError):
            assert_same_dependants(before, after)
        before = after
