"""`pgseam clean`: what rewrites have left behind goes, and nothing else. The leftovers are made by hand, as the engine makes them."""

import subprocess
import time

import pytest
from harness import Pgseam

HOME = "pgseam_rewrite_orders"


class Leftovers:
    """A rewrite of orders that nobody has cleaned up."""

    def __init__(self, db):
        self.db = db
        oid = db.scalar("SELECT oid FROM pg_database WHERE datname = current_database()")
        self.slot = f"pgseam_{oid}_orders_0123abcd"
        db.execute(f"""
            CREATE SCHEMA {HOME};
            CREATE TABLE {HOME}.orders (LIKE orders INCLUDING ALL);
            ALTER TABLE {HOME}.orders ADD FOREIGN KEY (user_id) REFERENCES users (id);
            ALTER TABLE {HOME}.orders ADD up bigint GENERATED ALWAYS AS (total + 1) STORED, ADD CHECK (total > -5);
            CREATE POLICY mine ON {HOME}.orders USING (total > 0);
            INSERT INTO {HOME}.orders SELECT * FROM orders LIMIT 100;
            CREATE TABLE {HOME}.pgseam_dirty (id bigint);
            INSERT INTO {HOME}.pgseam_dirty VALUES (1);
            CREATE FUNCTION {HOME}.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER pgseam_insert AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION {HOME}.note();
            CREATE TRIGGER pgseam_delete AFTER DELETE ON orders FOR EACH STATEMENT EXECUTE FUNCTION {HOME}.note();
            CREATE PUBLICATION {self.slot} FOR TABLE orders""")
        db.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self.slot])

    def journal(self, pgseam, state, swapped=False):
        """A migration in the journal that these belong to."""
        pgseam.run("start", pgseam.file("own.sql", "ALTER TABLE users ADD x int; ALTER TABLE users ALTER x SET NOT NULL;"))
        if state == "rolled_back":
            pgseam.run("rollback")
        source, shadow = ("orders", f"{HOME}.orders") if not swapped else (f"{HOME}.orders", "orders")
        self.db.execute("INSERT INTO pgseam.rewrite (migration_id, name, source_schema, source_table, source_oid, shadow_oid, slot)"
                        f" SELECT id, '{HOME}', 'public', 'orders', '{source}'::regclass, '{shadow}'::regclass, '{self.slot}'"
                        " FROM pgseam.migration")

    def left(self):
        """What there still is of it."""
        found = {
            "schema": f"SELECT nspname FROM pg_namespace WHERE nspname = '{HOME}'",
            "table": f"SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('{HOME}') AND relkind = 'r'",
            "function": f"SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace('{HOME}')",
            "trigger": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal",
            "slot": f"SELECT slot_name FROM pg_replication_slots WHERE slot_name = '{self.slot}'",
            "publication": f"SELECT pubname FROM pg_publication WHERE pubname = '{self.slot}'",
        }
        return sorted(kind for kind, query in found.items() for _ in self.db.query(query))


ALL = ["function", "publication", "schema", "slot", "table", "table", "trigger", "trigger"]
OLD_TABLE = ["schema", "table"]


@pytest.fixture
def leftovers(shop):
    return Leftovers(shop)


def clean(pgseam, *options, **keywords):
    return pgseam.run("clean", *options, "--format", "json", **keywords).json()["leftovers"]


def kept(items):
    return sorted(item["kind"] for item in items if item["stays"])


def test_nothing_is_left_over(any_cluster, shop, pgseam):
    assert "nothing is left over" in pgseam.run("clean").out
    assert clean(pgseam) == []
    assert shop.scalar("SELECT to_regnamespace('pgseam')") is None


def test_dry_run_shows_and_changes_nothing(leftovers, shop, pgseam):
    text = pgseam.run("clean", "--dry-run").out
    for line in (f"trigger pgseam_insert on public.orders\n", f"can go   slot {leftovers.slot}\n", f"publication {leftovers.slot}\n",
                 f"table {HOME}.pgseam_dirty\n", f"stays    table {HOME}.orders: ", "--old-tables drops it"):
        assert line in text
    assert leftovers.left() == ALL
    assert shop.scalar("SELECT to_regnamespace('pgseam')") is None


def test_without_a_journal_a_table_with_rows_stays(any_cluster, leftovers, shop, pgseam, load):
    """The only copy of the rows may be there: a cut-over, and then somebody dropped the journal."""
    run = load(old=4, rate=1000)
    rows = shop.scalar(f"SELECT count(*) FROM {HOME}.orders")
    items = clean(pgseam)
    assert kept(items) == OLD_TABLE
    assert leftovers.left() == OLD_TABLE
    assert shop.scalar(f"SELECT count(*) FROM {HOME}.orders") == rows == 100
    report = run.stop()
    report.assert_clean()
    assert report.lock_waits_pgseam["over_250"] == 0
    # It has been a migration of its own, which is over.
    assert shop.query("SELECT state FROM pgseam.migration") == [("complete",)]

    items = clean(pgseam, "--old-tables")
    assert kept(items) == [] and leftovers.left() == []
    assert clean(pgseam, "--old-tables") == []


def test_an_empty_table_is_nobodys_only_copy(leftovers, shop, pgseam):
    shop.execute(f"TRUNCATE {HOME}.orders")
    clean(pgseam)
    assert leftovers.left() == []


def test_a_shadow_goes_while_its_source_is_in_place(leftovers, shop, pgseam):
    leftovers.journal(pgseam, "rolled_back")
    rows = shop.scalar("SELECT count(*) FROM orders")
    items = clean(pgseam)
    assert {item["migration"] for item in items} == {"own"} and kept(items) == []
    assert leftovers.left() == []
    assert shop.scalar("SELECT count(*) FROM orders") == rows


def test_an_old_table_stays_after_the_cut_over(leftovers, shop, pgseam):
    leftovers.journal(pgseam, "rolled_back", swapped=True)
    assert kept(clean(pgseam)) == OLD_TABLE
    assert leftovers.left() == OLD_TABLE


def test_of_a_migration_under_way_nothing_is_touched(leftovers, shop, pgseam):
    leftovers.journal(pgseam, "gated")
    items = clean(pgseam, "--old-tables")
    assert kept(items) == sorted(ALL)
    assert leftovers.left() == ALL
    assert all("`pgseam rollback own`" in item["reason"] for item in items)
    assert "stays    trigger pgseam_insert on public.orders: migration own is under way" in pgseam.run("clean").out


def test_a_migration_that_takes_it_up_meanwhile_keeps_it(leftovers, shop, pgseam):
    """Between looking and dropping: seen in the transaction that drops."""
    leftovers.journal(pgseam, "rolled_back")
    shop.execute("CREATE FUNCTION public.take_up() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
                 " UPDATE pgseam.migration SET state = 'gated' WHERE name = 'own'; END $$;"
                 " CREATE EVENT TRIGGER take_up ON ddl_command_start WHEN TAG IN ('DROP TRIGGER') EXECUTE FUNCTION public.take_up()")
    try:
        refused = pgseam.run("clean", expect=5)
    finally:
        shop.execute("DROP EVENT TRIGGER take_up")
    assert "belongs to a migration again" in refused.err
    assert leftovers.left() == ALL


def test_a_slot_that_is_used_stays(leftovers, shop, pgseam):
    program = shop.cluster.bin / "pg_recvlogical"
    if not program.exists():
        pytest.skip("this server has no pg_recvlogical")
    user = subprocess.Popen([program, "-d", shop.dsn, "--slot", leftovers.slot, "--start", "-f", "/dev/null", "-o",
                             "proto_version=1", "-o", f"publication_names={leftovers.slot}"])
    try:
        deadline = time.monotonic() + 20
        while not shop.scalar("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [leftovers.slot]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        items = clean(pgseam, "--old-tables")
        assert [(item["kind"], item["reason"]) for item in items if item["stays"]] == [("slot", "a session is using it")]
        assert leftovers.left() == ["slot"]
    finally:
        user.kill()
        user.wait()


def test_what_others_depend_on_stays(leftovers, shop, pgseam):
    shop.execute(f"CREATE VIEW report AS SELECT count(*) FROM {HOME}.orders; CREATE VIEW {HOME}.mine AS SELECT 1 AS one")
    reasons = {item["kind"]: item["reason"] for item in clean(pgseam, "--old-tables") if item["stays"]}
    assert "view public.report" in reasons["table"] and "mine" in reasons["schema"]
    assert leftovers.left() == OLD_TABLE
    shop.execute(f"DROP VIEW report, {HOME}.mine; CREATE TYPE {HOME}.mood AS ENUM ('a');"
                 f" CREATE FUNCTION total() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM {HOME}.orders; END")
    reasons = {item["kind"]: item["reason"] for item in clean(pgseam, "--old-tables") if item["stays"]}
    assert "function public.total()" in reasons["table"] and "mood" in reasons["schema"]
    assert shop.query("SELECT total()") == [(100,)]


def test_a_foreign_key_to_an_old_table_keeps_it(leftovers, shop, pgseam):
    shop.execute(f"CREATE TABLE notes (order_id bigint REFERENCES {HOME}.orders (id))")
    reasons = {item["kind"]: item["reason"] for item in clean(pgseam, "--old-tables") if item["stays"]}
    assert "notes" in reasons["table"]
    assert shop.scalar("SELECT count(*) FROM pg_constraint WHERE conrelid = 'notes'::regclass AND contype = 'f'") == 1


def test_other_peoples_things_are_not_ours(shop, pgseam):
    """Names that are only like ours, and triggers with a function of their own."""
    shop.execute("CREATE SCHEMA pgseam_rewritten; CREATE TABLE pgseam_rewritten.t (i int);"
                 " CREATE SCHEMA pgseamxrewritexy; CREATE TABLE pgseamxrewritexy.t (i int);"
                 " CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
                 " CREATE TRIGGER pgseam_insert AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION note();"
                 " CREATE PUBLICATION pgseam_orders FOR TABLE orders")
    with shop.connect() as conn:
        conn.execute("SELECT pg_create_physical_replication_slot('pgseam_physical'),"
                     " pg_create_logical_replication_slot('pgseam_orders', 'pgoutput'),"
                     " pg_create_logical_replication_slot('pgseam_1_orders_0123abcd', 'pgoutput')")
        try:
            assert clean(pgseam, "--old-tables") == []
        finally:
            conn.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'pgseam%'")


def test_another_roles_leftovers_stay(leftovers, shop):
    shop.execute("DO $$ BEGIN CREATE ROLE passer_by LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    with Pgseam(shop, "passer_by") as pgseam:
        items = clean(pgseam, "--old-tables")
    assert kept(items) == sorted(ALL)
    assert {item["reason"] for item in items if item["kind"] == "trigger"} == {"it belongs to another role"}
    assert "REPLICATION" in next(item["reason"] for item in items if item["kind"] == "slot")
    assert leftovers.left() == ALL


def test_a_reader_is_waited_for_without_queueing(leftovers, shop, pgseam, load):
    run = load(old=4, rate=1000)
    with shop.connect(autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM orders")
        refused = pgseam.run("clean", "--deadline", "2", expect=4)
        assert "orders" in refused.err
        assert "trigger" in leftovers.left()
        reader.rollback()
    pgseam.run("resume")
    assert leftovers.left() == OLD_TABLE
    report = run.stop()
    report.assert_clean()
    assert report.lock_waits_pgseam["over_250"] == 0


@pytest.mark.parametrize("point", ["step.begin", "step.intent", "guard.locked", "guard.committed", "step.verified"])
def test_killed_it_goes_on(leftovers, shop, pgseam, point):
    leftovers.journal(pgseam, "rolled_back")
    pgseam.run("clean", env={"PGSEAM_FAULT": f"{point}:kill"}, expect=-9)
    pgseam.run("resume")
    assert leftovers.left() == []
    assert shop.query("SELECT state FROM pgseam.migration WHERE name LIKE 'pgseam_clean_%'") == [("complete",)]


# ---- what the engine itself leaves

TO_NUMERIC = "ALTER TABLE orders ALTER total TYPE numeric;"


def remains(db):
    """Whatever there is in a database of any rewrite."""
    return db.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgseam_rewrite%'"
                    " UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgseam%'"
                    " UNION ALL SELECT pubname FROM pg_publication"
                    " UNION ALL SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")


def wait_until_gone(db):
    """The sessions of a killed pgseam, which still may use the slot."""
    deadline = time.monotonic() + 20
    while db.scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgseam/%' AND datname = current_database()"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("capture", ["logical", "trigger"])
@pytest.mark.parametrize("point", ["rewrite.copy.range", "rewrite.copy.finished"])
def test_a_rewrite_killed_whose_journal_is_dropped(any_cluster, shop, pgseam, capture, point):
    rows = shop.data_digest("orders")
    pgseam.run("start", pgseam.file("big.sql", TO_NUMERIC),
               "--capture", capture, env={"PGSEAM_FAULT": f"{point}:kill"}, expect=-9)
    wait_until_gone(shop)
    items = clean(pgseam)
    assert items and {item["migration"] for item in items} == {"big"} and all(item["stays"] for item in items)
    assert remains(shop)

    shop.execute("DROP SCHEMA pgseam CASCADE")
    items = clean(pgseam)
    assert {item["kind"] for item in items if item["stays"]} <= {"table", "schema"}
    assert {item["kind"] for item in items if not item["stays"]} >= (
        {"slot", "publication"} if capture == "logical" else {"trigger", "function"})
    clean(pgseam, "--old-tables")
    assert remains(shop) == []
    assert shop.data_digest("orders") == rows


def test_an_old_table_whose_journal_is_dropped_is_kept(any_cluster, shop, pgseam):
    pgseam.run("start", pgseam.file("big.sql", TO_NUMERIC))
    rows = shop.data_digest("orders")
    shop.execute("DROP SCHEMA pgseam CASCADE")
    assert kept(clean(pgseam)) == OLD_TABLE
    assert shop.scalar("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pgseam%'") == 0
    home = shop.scalar("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgseam_rewrite%'")
    assert shop.scalar(f'SELECT count(*) FROM "{home}".orders') == int(rows.split(":")[0])
    # The application goes on without a trigger whose function is gone.
    shop.execute("UPDATE orders SET total = total WHERE id = 1")
    clean(pgseam, "--old-tables")
    assert remains(shop) == []
    assert shop.data_digest("orders") == rows
