"""Others at work on a table that is being rewritten: their catalog changes, a new file of the table, lost slots, replication."""

import contextlib
import time

import pytest
from harness import Cluster, Load, Pgseam, init_orders
from harness.rewrite import (
    ROWS, Held, assert_calm, assert_nothing_left, cut_over, digests, leftovers, postponed, sql_file, type_of_key, wait_until,
)

CAPTURES = ["logical", "trigger"]


@pytest.fixture
def held_orders(db):
    init_orders(db, ROWS)
    return db


# ---- others at work on the table


# The source's catalog rows are compared with what was planned against: carried over or told, never undone.
@pytest.mark.parametrize("statement, look", [
    ("GRANT SELECT ON orders TO pg_monitor", "SELECT has_table_privilege('pg_monitor', 'orders', 'SELECT')"),
    ("REVOKE ALL ON orders FROM CURRENT_USER; GRANT SELECT, INSERT ON orders TO CURRENT_USER",
     "SELECT relacl::text LIKE '%=ar/%' FROM pg_class WHERE oid = 'orders'::regclass"),
    ("COMMENT ON TABLE orders IS 'said meanwhile'", "SELECT obj_description('orders'::regclass) = 'said meanwhile'"),
    ("COMMENT ON COLUMN orders.note IS 'said meanwhile'", "SELECT col_description('orders'::regclass, attnum) = 'said meanwhile'"
     " FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note'"),
    ("CREATE INDEX CONCURRENTLY orders_meanwhile ON orders (amount)",
     "SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.orders_meanwhile'::regclass AND indrelid = 'orders'::regclass"),
    ("DROP INDEX CONCURRENTLY orders_status", "SELECT to_regclass('public.orders_status') IS NULL"),
    ("ALTER TABLE orders ALTER note SET STATISTICS 321",
     "SELECT attstattarget = 321 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note'"),
    ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
     "CREATE TRIGGER meanwhile BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION f()",
     "SELECT count(*) = 1 FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname = 'meanwhile'"),
    ("CREATE VIEW meanwhile AS SELECT id, note FROM orders", "SELECT count(*) > 0 FROM meanwhile"),
    ("CREATE TABLE meanwhile (order_id int REFERENCES orders)",
     "SELECT count(*) = 1 FROM pg_constraint WHERE conrelid = 'meanwhile'::regclass AND confrelid = 'orders'::regclass"),
    ("CREATE PUBLICATION meanwhile FOR TABLE orders",
     "SELECT count(*) = 1 FROM pg_publication_tables WHERE pubname = 'meanwhile' AND tablename = 'orders' AND schemaname = 'public'"),
    ("ALTER TABLE orders SET (fillfactor = 66)", "SELECT reloptions::text LIKE '%66%' FROM pg_class WHERE oid = 'orders'::regclass"),
    ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "SELECT relrowsecurity FROM pg_class WHERE oid = 'orders'::regclass"),
    ("ALTER SEQUENCE orders_id_seq CACHE 7", "SELECT seqcache = 7 FROM pg_sequence WHERE seqrelid = 'orders_id_seq'::regclass"),
    ("ALTER TABLE orders ALTER status SET DEFAULT 'fresh'",
     "SELECT column_default LIKE '%fresh%' FROM information_schema.columns WHERE table_name = 'orders' AND table_schema = 'public'"
     " AND column_name = 'status'"),
    ("ALTER TABLE orders ADD CONSTRAINT meanwhile CHECK (amount > -5)",
     "SELECT count(*) = 1 FROM pg_constraint WHERE conrelid = 'orders'::regclass AND conname = 'meanwhile'"),
    ("ALTER TABLE orders ADD more int DEFAULT 5", "SELECT count(*) = 60000 FROM orders WHERE more = 5"),
    ("ALTER TABLE orders DROP COLUMN note",
     "SELECT count(*) = 0 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note'"),
    ("ALTER TABLE orders OWNER TO pg_monitor", "SELECT relowner = 'pg_monitor'::regrole FROM pg_class WHERE oid = 'orders'::regclass"),
    ("ALTER TABLE orders RENAME COLUMN note TO remark", "SELECT count(*) > 0 FROM orders WHERE remark IS NOT NULL"),
], ids=lambda text: None if text.startswith("SELECT") else text.replace(" ON orders", "")[:40])
def test_somebody_else_changes_the_table_in_mid_copy(held_orders, pgseam, statement, look):
    db = held_orders
    there = leftovers(db)
    with Held(db, pgseam, capture="trigger") as held:
        for part in statement.split(";") if "FUNCTION" not in statement else [statement]:
            db.execute(part)
        digest = db.data_digest("orders")
        done = held.finish(expect=None)
    assert db.scalar(look) is True, f"undone:\n{done}"
    if done.rc == 0:
        assert type_of_key(db) == "bigint", done
        assert db.data_digest("orders") == digest
        return
    # It stopped: the source is untouched, and rollback leaves it so.
    assert done.rc in (1, 3, 5) and ("orders" in done.err), done
    assert type_of_key(db) == "integer" and db.data_digest("orders") == digest
    pgseam.run("rollback")
    assert db.scalar(look) is True and db.data_digest("orders") == digest
    more = [line for line in leftovers(db) if line not in there and "meanwhile" not in line and "function f()" not in line]
    assert more == []


# A new file of the table has rows elsewhere: what the chunks' blocks meant is no more.
@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("statements", [
    ["VACUUM FULL orders"],
    ["CLUSTER orders USING orders_code"],
    ["TRUNCATE orders CASCADE"],
    ["TRUNCATE orders CASCADE", "INSERT INTO orders (code, seat, status) SELECT -n, -n, 'fresh' FROM generate_series(1, 3000) n"],
    ["UPDATE orders SET note = 'before'", "VACUUM FULL orders", "UPDATE orders SET note = 'after' WHERE code % 2 = 0"],
    ["ALTER TABLE orders ALTER amount TYPE bigint"],
    ["DELETE FROM orders WHERE id > 100", "VACUUM orders"],
], ids=["VACUUM FULL", "CLUSTER", "TRUNCATE", "TRUNCATE and more", "VACUUM FULL and more", "ALTER TYPE", "VACUUM that cuts the end"])
def test_the_table_gets_another_file_in_mid_copy(held_orders, pgseam, capture, statements):
    db = held_orders
    if any("amount" in statement for statement in statements):
        db.execute("DROP VIEW order_view")
    there = leftovers(db)
    with Held(db, pgseam, capture=capture) as held:
        for statement in statements:
            db.execute(statement)
        expected = digests(db)
        done = held.finish(expect=None)
    assert digests(db) == expected, done
    if done.rc == 0:
        assert type_of_key(db) == "bigint"
    else:
        assert done.rc in (1, 5) and "orders" in done.err, done
        assert type_of_key(db) == "integer"
        pgseam.run("rollback")
        assert_nothing_left(db, there)
        assert digests(db) == expected


# TRUNCATE between two attempts at the cut-over is no key either.
@pytest.mark.parametrize("capture", CAPTURES)
def test_truncated_in_catch_up(held_orders, pgseam, capture):
    db = held_orders
    with postponed(db, pgseam, capture) as running:
        db.execute("TRUNCATE orders CASCADE")
        db.execute("INSERT INTO orders (code, seat, status) SELECT -n, -n, 'fresh' FROM generate_series(1, 300) n")
        expected = digests(db)
        done = cut_over(pgseam, running, expect=None)
    assert digests(db) == expected, done
    assert (type_of_key(db) == "bigint") == (done.rc == 0), done


# ---- the slot


def slot_of(db):
    return wait_until(lambda: db.query("SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s", [db.name]))[0]


# A slot that is gone has lost changes: fatal at once, since nothing can be proven any more.
def test_a_slot_that_was_dropped_stops_it_or_begins_anew(held_orders, pgseam):
    db = held_orders
    there = leftovers(db)
    with Held(db, pgseam, capture="logical") as held:
        slot, _ = slot_of(db)
        db.execute(f"""DO $$ BEGIN FOR n IN 1..200 LOOP
            PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active_pid IS NOT NULL;
            BEGIN PERFORM pg_drop_replication_slot('{slot}'); EXIT; EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.01); END;
            END LOOP; END $$""")
        db.execute("UPDATE orders SET note = 'while it was gone' WHERE code % 2 = 0")
        expected = digests(db)
        done = held.finish(expect=None)
    after_a_lost_slot(db, pgseam, done, expected, there)


def after_a_lost_slot(db, pgseam, done, expected, there):
    assert digests(db) == expected, done
    if done.rc != 0:
        assert "slot" in done.err, done
        assert type_of_key(db) == "integer"
        # Resuming copies again, or says that it cannot.
        again = pgseam.run("resume", expect=None)
        assert digests(db) == expected, again
        if again.rc != 0:
            pgseam.run("rollback")
            assert_nothing_left(db, there)
            return
    assert type_of_key(db) == "bigint"
    pgseam.run("complete")
    assert digests(db) == expected


def test_a_slot_over_its_limit_stops_it_or_begins_anew():
    with Cluster(15, {"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "64MB"}) as server, \
            server.database() as db, Pgseam(db) as pgseam:
        init_orders(db, ROWS)
        there = leftovers(db)
        with Held(db, pgseam, capture="logical") as held:
            held.running.freeze()
            db.execute("CREATE TABLE noise (t text)")
            # A slot is given up at a checkpoint.
            for _ in range(6):
                db.execute("INSERT INTO noise SELECT repeat(md5(n::text), 60) FROM generate_series(1, 12000) n")
                db.execute("SELECT pg_switch_wal()")
                db.execute("CHECKPOINT")
            wait_until(lambda: db.scalar("SELECT wal_status FROM pg_replication_slots") == "lost", 20, "the loss of the slot")
            db.execute("UPDATE orders SET note = 'while it was lost' WHERE code % 2 = 0")
            expected = digests(db)
            held.running.thaw()
            done = held.finish(expect=None)
        after_a_lost_slot(db, pgseam, done, expected, [*there, "relation noise", "type noise", "type noise[]"])


# ---- replication


@contextlib.contextmanager
def subscription(publisher, subscriber, publication):
    """Between two databases of one server: the slot must be made beforehand, else CREATE SUBSCRIPTION waits for itself."""
    name = f"sub_{subscriber.name}"
    publisher.execute(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")
    subscriber.execute(f"CREATE SUBSCRIPTION {name} CONNECTION $${publisher.dsn}$$ PUBLICATION {publication}"
                       f" WITH (create_slot = false, slot_name = '{name}', copy_data = false)")
    try:
        yield name
    finally:
        subscriber.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
        subscriber.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
        subscriber.execute(f"DROP SUBSCRIPTION {name}")


def in_step(publisher, name, timeout=30):
    """Waits until the subscriber has what the publisher has now."""
    lsn = publisher.scalar("SELECT pg_current_wal_insert_lsn()")
    publisher.execute("SELECT pg_switch_wal()")
    wait_until(lambda: publisher.scalar("SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s",
                                        [lsn, name]), timeout, "the subscriber")


def twin_tables(db):
    init_orders(db, ROWS // 10)
    return db


# A shadow that is published to somebody doubles rows, a table that left its publication loses them.
@pytest.mark.parametrize("publication", ["FOR ALL TABLES", "FOR TABLE orders, order_lines, order_remarks, order_holds"])
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_live_subscriber_gets_each_change_once(cluster, pgseam, db, capture, publication):
    twin_tables(db)
    with cluster.database() as other:
        twin_tables(other)
        # The subscriber is ready for what comes.
        other.execute("DROP VIEW order_view; ALTER TABLE orders ALTER id TYPE bigint")
        db.execute(f"CREATE PUBLICATION p {publication}")
        there = leftovers(db)
        with subscription(db, other, "p") as name:
            with Load(db, old=2, new=2, rate=800, orders="int") as load:
                time.sleep(0.3)
                done = pgseam.run("start", sql_file(pgseam), "--capture", capture, expect=None)
                if done.rc == 0:
                    time.sleep(0.5)
                    pgseam.run("complete")
                time.sleep(0.3)
                report = load.stop()
            in_step(db, name)
            if done.rc != 0:
                # Refused before anything was created, with the reason.
                assert done.rc == 3 and ("publi" in done.err or "subscri" in done.err), done
                # The subscription's own origin is no leftover.
                assert [line for line in leftovers(db) if name not in line and not line.startswith("origin ")] == there
            assert digests(other) == digests(db)
            assert_calm(report, at_least=300)


# The worker that applies writes as a replica, and its table is known by its number.
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_subscription_applies_into_the_table(cluster, pgseam, db, capture):
    twin_tables(db)
    with cluster.database() as publisher:
        twin_tables(publisher)
        publisher.execute("CREATE PUBLICATION p FOR TABLE orders, order_lines, order_remarks, order_holds")
        with subscription(publisher, db, "p") as name, Load(publisher, old=2, new=2, rate=800, orders="int") as load:
            there = leftovers(db)
            time.sleep(0.3)
            done = pgseam.run("start", sql_file(pgseam), "--capture", capture, expect=None)
            time.sleep(1)
            load.stop()
            if done.rc == 0:
                assert type_of_key(db) == "bigint"
            else:
                assert done.rc == 3 and "subscription" in done.err, done
                assert leftovers(db) == there
            in_step(publisher, name)
            assert digests(db) == digests(publisher)
