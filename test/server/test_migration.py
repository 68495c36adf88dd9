"""Plain SQL goes in, and nobody notices: the founding example, the demo's migration, the sweep, the order of things."""

import time

import psycopg
import pytest
from harness import init_shop

FOUNDING = """
ALTER TABLE users ADD COLUMN age INT;
UPDATE users SET age = 18 WHERE age IS NULL;
ALTER TABLE users DROP COLUMN old_column;
"""

DEMO = """
ALTER TABLE users ADD COLUMN age int;
UPDATE users SET age = 18 WHERE age IS NULL;
ALTER TABLE users ALTER COLUMN age SET NOT NULL;
CREATE INDEX users_age_idx ON users (age);
ALTER TABLE users DROP COLUMN old_column;
"""

# The shop's own rows are of 2020. An id alone does not tell: clients delete a user and insert it again later.
WAS_THERE = "created_at < '2021-01-01'"

# A batch takes a few milliseconds, so clients write before, in and behind the walk.
SMALL_BATCHES = ["--max-batch", "500", "--load", "30"]


def wait_until(condition, timeout=30):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.01)
    return value


def columns(db, table="users"):
    return {
        name: {"type": kind, "not_null": not_null}
        for name, kind, not_null in db.query(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [table],
        )
    }


def served(run, version):
    return run.stats().latency_by_version[version]["count"]


def both_are_served(run):
    """Waits until each version of the application has run a few hundred statements more."""
    for version in ("old", "new"):
        before = served(run, version)
        wait_until(lambda version=version, before=before: served(run, version) > before + 300)


def the_migration(pgseam):
    return pgseam.run("status", "--format", "json").json()["migrations"][0]


# ---- the founding example


def test_founding_example_completes_and_nobody_notices(any_cluster, shop, pgseam, load):
    run = load(old=4, disturb=True)
    file = pgseam.file("001_age.sql", FOUNDING)

    pgseam.run("start", file, *SMALL_BATCHES)

    # At the gate both applications work: the column is there, filled, and nothing is taken away.
    assert {"age", "old_column"} <= columns(shop).keys()
    # What the old application inserted behind the walk (deleted users again, too) has none yet: that is swept later.
    assert shop.scalar(f"SELECT count(*) FROM users WHERE age IS NULL AND {WAS_THERE}") == 0
    assert the_migration(pgseam)["state"] == "gated"

    run.new(4)
    both_are_served(run)
    run.old(0)
    pgseam.run("complete", "001_age")

    assert "old_column" not in columns(shop)
    assert columns(shop)["age"]["type"] == "integer"
    assert shop.scalar("SELECT count(*) FROM users WHERE age IS NULL") == 0
    assert the_migration(pgseam)["state"] == "complete"
    report = run.stop()
    report.assert_clean()
    assert report.latency_by_version["new"]["count"] > 300


def test_rollback_at_the_gate_gives_the_schema_back_and_loses_no_write(any_cluster, shop, pgseam, load):
    before = shop.dump_schema()
    run = load(old=4, disturb=True)
    file = pgseam.file("001_age.sql", FOUNDING)
    pgseam.run("start", file, *SMALL_BATCHES)
    run.new(2)
    both_are_served(run)
    run.new(0)

    pgseam.run("rollback", "001_age")

    assert shop.dump_schema() == before
    assert the_migration(pgseam)["state"] == "rolled_back"
    # The model compares every row of the three tables, those that either application wrote included.
    run.stop().assert_clean()


def test_demo_migration_is_seamless(any_cluster, shop, pgseam, load):
    run = load(old=4, disturb=True)
    file = pgseam.file("002_demo.sql", DEMO)

    pgseam.run("start", file, *SMALL_BATCHES)
    assert columns(shop)["age"]["not_null"] is False
    run.new(4)
    both_are_served(run)
    run.old(0)
    pgseam.run("complete")

    assert columns(shop)["age"] == {"type": "integer", "not_null": True}
    assert "old_column" not in columns(shop)
    # Neither an invalid index nor the helper constraint of SET NOT NULL is left.
    assert shop.query(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'users'::regclass ORDER BY 1"
    ) == [("users_age_idx", True), ("users_pkey", True)]
    # 18 has NOT NULL constraints in pg_constraint too.
    assert shop.query("SELECT conname FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype = 'c'") == []
    run.stop().assert_clean()


def test_demo_migration_rolls_back_under_load(shop, pgseam, load):
    before = shop.dump_schema()
    run = load(old=4, disturb=True)
    file = pgseam.file("002_demo.sql", DEMO)
    pgseam.run("start", file)

    pgseam.run("rollback")

    assert shop.dump_schema() == before
    run.stop().assert_clean()


def test_end_state_is_that_of_plain_sql(any_cluster, shop, pgseam):
    # The oracle: the same file through plain psql on a twin.
    with any_cluster.database() as twin:
        init_shop(twin, users=20000)
        twin.execute(DEMO)
        file = pgseam.file("002_demo.sql", DEMO)
        pgseam.run("start", file)
        pgseam.run("complete")
        assert shop.dump_schema() == twin.dump_schema()
        for table in ("users", "orders", "order_items"):
            assert shop.data_digest(table) == twin.data_digest(table)


# ---- rows written behind the walk


def test_rows_written_behind_the_walk_are_swept_before_not_null(any_cluster, shop, pgseam, load):
    run = load(old=4, rate=1000)
    file = pgseam.file("002_demo.sql", DEMO)
    pgseam.run("start", file)
    # The old application knows no age, so what it inserts has none; and it may overwrite a row as a whole.
    wait_until(lambda: shop.scalar("SELECT count(*) FROM users WHERE age IS NULL") > 20)
    shop.execute("UPDATE users SET age = NULL WHERE id BETWEEN 100 AND 110")
    run.old(0)

    pgseam.run("complete")

    assert columns(shop)["age"]["not_null"] is True
    assert shop.scalar("SELECT count(*) FROM users WHERE age = 18") == shop.scalar("SELECT count(*) FROM users")
    run.stop().assert_clean()


def test_complete_comes_to_an_end_while_a_harmless_old_application_still_writes(shop, pgseam, load):
    # Nothing in this contract breaks the old application but SET NOT NULL is not there to stop it either: each pass of
    # the sweep finds rows that were written during it.
    file = pgseam.file(
        "sweep.sql",
        "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 18 WHERE age IS NULL;"
        " DROP INDEX orders_user_id_idx;",
    )
    run = load(old=4, rate=2000)
    pgseam.run("start", file)

    pgseam.run("complete", timeout=60)

    assert the_migration(pgseam)["state"] == "complete"
    assert shop.scalar(f"SELECT count(*) FROM users WHERE age IS NULL AND {WAS_THERE}") == 0
    run.stop().assert_clean()


def test_rows_inserted_while_an_update_that_is_not_idempotent_runs_are_what_the_plan_says(shop, pgseam):
    file = pgseam.file("bonus.sql", "UPDATE users SET balance = balance + 1;")
    plan = pgseam.run("plan", file, "--format", "json").json()
    note = "\n".join(plan["notes"])
    assert "exactly once" in note
    assert "above the highest" in note
    shop.execute("CREATE TABLE before AS SELECT id, balance FROM users; DELETE FROM users WHERE id = 19000")
    running = pgseam.spawn("start", file, "--max-batch", "200", "--load", "10")
    wait_until(lambda: shop.scalar("SELECT count(*) FROM users u JOIN before b USING (id) WHERE u.balance > b.balance"))

    # Above the highest key at the beginning: untouched. Below it and ahead of the walk: changed.
    shop.execute("INSERT INTO users (id, name, email, balance) VALUES (30001, 'above', '@', 7), (19000, 'ahead', '@', 7)")
    running.wait(expect=0)

    assert shop.scalar("SELECT balance FROM users WHERE id = 30001") == 7
    assert shop.scalar("SELECT balance FROM users WHERE id = 19000") == 8
    assert shop.scalar(
        "SELECT count(*) FROM users u JOIN before b USING (id) WHERE u.id <> 19000 AND u.balance = b.balance + 1"
    ) == 19999


def test_sweep_does_not_repeat_an_update_that_is_not_idempotent(shop, pgseam):
    shop.execute("CREATE TABLE before AS SELECT id, balance FROM users")
    file = pgseam.file(
        "bonus.sql", "UPDATE users SET balance = balance + 1; ALTER TABLE users DROP COLUMN old_column;"
    )

    pgseam.run("start", file)
    pgseam.run("complete")

    assert shop.scalar("SELECT count(*) FROM users u JOIN before b USING (id) WHERE u.balance = b.balance + 1") == 20000


def test_rows_are_counted_exactly_once_while_clients_change_them(shop, pgseam, load):
    file = pgseam.file(
        "bonus.sql", "ALTER TABLE users ADD COLUMN n int NOT NULL DEFAULT 0; UPDATE users SET n = n + 1;"
    )
    run = load(old=4, disturb=True)

    pgseam.run("start", file, *SMALL_BATCHES)

    assert shop.scalar(f"SELECT count(*) FROM users WHERE n <> 1 AND {WAS_THERE}") == 0
    assert shop.scalar("SELECT count(*) FROM users WHERE n > 1") == 0
    run.stop().assert_clean()


# ---- phases and commands


def test_migration_without_contract_is_complete_when_start_ends(any_cluster, shop, pgseam):
    file = pgseam.file("003_note.sql", "ALTER TABLE users ADD COLUMN note text; CREATE INDEX users_note ON users (note);")

    result = pgseam.run("start", file, "--format", "json")

    assert result.json()["migrations"][0]["state"] == "complete"
    migration = the_migration(pgseam)
    assert (migration["name"], migration["state"]) == ("003_note", "complete")
    assert migration["steps_done"] == migration["steps_total"] == 2


def test_plan_promises_a_sweep_only_where_it_has_one(shop, pgseam):
    # Without contract nothing is swept, so the reason given may not say so.
    file = pgseam.file("purge.sql", "DELETE FROM users WHERE balance < 10;")
    plan = pgseam.run("plan", file, "--format", "json").json()
    assert [step["phase"] for step in plan["steps"]] == ["backfill"]
    assert "swept" not in plan["steps"][0]["why"]


def test_complete_and_rollback_may_be_said_twice(shop, pgseam):
    file = pgseam.file("001_age.sql", FOUNDING)
    pgseam.run("start", file)
    pgseam.run("rollback")
    rolled_back = shop.dump_schema()
    pgseam.run("rollback", "001_age")
    assert shop.dump_schema() == rolled_back

    # After a rollback the same file may start again.
    pgseam.run("start", file)
    pgseam.run("complete")
    completed = shop.dump_schema()
    pgseam.run("complete", "001_age")
    assert shop.dump_schema() == completed

    # What is complete cannot be rolled back, and says so.
    refused = pgseam.run("rollback", "001_age", expect=3)
    assert "complete" in refused.err
    assert shop.dump_schema() == completed


def test_resume_at_the_gate_changes_nothing_and_is_no_error(shop, pgseam):
    file = pgseam.file("001_age.sql", FOUNDING)
    pgseam.run("start", file)
    at_gate = shop.dump_schema()

    pgseam.run("resume")

    assert shop.dump_schema() == at_gate
    assert the_migration(pgseam)["state"] == "gated"


def test_commands_without_a_name_want_one_if_two_migrations_are_under_way(shop, pgseam):
    pgseam.run("start", pgseam.file("one.sql", "ALTER TABLE users DROP COLUMN old_column;"))
    pgseam.run("start", pgseam.file("two.sql", "DROP INDEX order_items_order_id_idx;"))
    before = shop.dump_schema()

    refused = pgseam.run("complete", expect=3)

    assert "one" in refused.err and "two" in refused.err
    assert shop.dump_schema() == before
    pgseam.run("complete", "two")
    # Now only one is left, so no name is needed.
    pgseam.run("complete")
    assert "old_column" not in columns(shop)


def test_commands_without_a_migration_under_way_are_refused(shop, pgseam):
    for command in ("complete", "rollback", "resume", "pause"):
        assert pgseam.run(command, expect=3).err.strip()
    assert pgseam.run("status", "--format", "json").json() == {"migrations": []}
    # Asking does not leave anything behind.
    assert shop.scalar("SELECT to_regnamespace('pgseam')") is None


def test_rollback_gives_back_defaults_and_nullability(shop, pgseam):
    before = shop.dump_schema()
    file = pgseam.file(
        "attributes.sql",
        "ALTER TABLE users ALTER COLUMN name DROP NOT NULL, ALTER COLUMN balance SET DEFAULT 5,"
        " ALTER COLUMN email SET DEFAULT 'x', ALTER COLUMN created_at DROP DEFAULT,"
        " ALTER COLUMN old_column SET DEFAULT 'it''s \\ \"odd\"'; CREATE TABLE extra (id int PRIMARY KEY, t text);"
        " CREATE INDEX extra_t ON extra (t);",
    )
    pgseam.run("start", file)
    assert shop.dump_schema() != before

    pgseam.run("rollback")

    assert shop.dump_schema() == before


# ---- the order of statements: phases may not change what the file means

ORDERS = {
    # Swept again, the first would take the rows that the second has made.
    "two updates that feed each other": "UPDATE users SET old_column = 'b' WHERE old_column = 'old 1';"
    " UPDATE users SET old_column = 'old 1' WHERE old_column = 'old 2'; DROP INDEX orders_user_id_idx;",
    "a delete after an update": "UPDATE users SET old_column = NULL WHERE old_column = 'old 1';"
    " DELETE FROM users WHERE old_column = 'old 2'; UPDATE users SET old_column = 'old 2' WHERE old_column IS NULL;"
    " DROP INDEX order_items_order_id_idx;",
    "a default dropped and set": "ALTER TABLE users ALTER COLUMN balance DROP DEFAULT;"
    " ALTER TABLE users ALTER COLUMN balance SET DEFAULT 5;",
    "a default set and dropped": "ALTER TABLE users ALTER COLUMN balance SET DEFAULT 5;"
    " ALTER TABLE users ALTER COLUMN balance DROP DEFAULT;",
    "a default set twice": "ALTER TABLE users ALTER COLUMN balance SET DEFAULT 5;"
    " ALTER TABLE users ALTER COLUMN balance SET DEFAULT 6;",
    "not null set and dropped": "ALTER TABLE users ALTER COLUMN old_column SET NOT NULL;"
    " ALTER TABLE users ALTER COLUMN old_column DROP NOT NULL;",
    "not null dropped and set": "ALTER TABLE users ALTER COLUMN name DROP NOT NULL;"
    " ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
    "a column dropped and added": "ALTER TABLE users DROP COLUMN old_column;"
    " ALTER TABLE users ADD COLUMN old_column int;",
    "a column added and dropped": "ALTER TABLE users ADD COLUMN age int; ALTER TABLE users DROP COLUMN age;",
    "an index dropped and made anew": "DROP INDEX orders_user_id_idx;"
    " CREATE INDEX orders_user_id_idx ON orders (user_id, status);",
    "an index made and dropped": "CREATE INDEX users_name ON users (name); DROP INDEX users_name;",
    "a default before its column is filled": "ALTER TABLE users ADD COLUMN age int;"
    " ALTER TABLE users ALTER COLUMN age SET DEFAULT 3; UPDATE users SET age = 18 WHERE age IS NULL;"
    " ALTER TABLE users ALTER COLUMN age SET NOT NULL;",
    "an update that reads what the next one changes": "ALTER TABLE users ADD COLUMN copy text;"
    " UPDATE users SET copy = old_column; UPDATE users SET old_column = 'gone';"
    " ALTER TABLE users ALTER COLUMN copy SET NOT NULL;",
    "a copy that is dropped with its source": "ALTER TABLE users ADD COLUMN copy text;"
    " UPDATE users SET copy = old_column WHERE copy IS NULL; UPDATE users SET copy = NULL WHERE copy = 'old 7';"
    " ALTER TABLE users DROP COLUMN old_column;",
    "if not exists after drop": "DROP INDEX orders_user_id_idx;"
    " CREATE INDEX IF NOT EXISTS orders_user_id_idx ON orders (status);",
    "a unique index after its duplicates are deleted": "DELETE FROM users WHERE id > 1000;"
    " CREATE UNIQUE INDEX users_old ON users (old_column);",
    "a unique index before the row that frees it": "CREATE UNIQUE INDEX users_email ON users (email);"
    " UPDATE users SET email = email || '.';",
}


@pytest.mark.parametrize("what", ORDERS)
def test_order_of_statements_keeps_its_meaning(cluster, db, pgseam, what):
    # Refusing is allowed, another result is not.
    init_shop(db, users=2000, orders_per_user=1, items_per_order=0)
    before, rows = db.dump_schema(), db.data_digest("users")
    file = pgseam.file("order.sql", ORDERS[what])

    result = pgseam.run("start", file, expect=None)

    if result.rc == 3:
        assert "order.sql:1:" in result.err
        assert (db.dump_schema(), db.data_digest("users")) == (before, rows)
        return
    assert result.rc == 0, str(result)
    if the_migration(pgseam)["state"] != "complete":
        pgseam.run("complete")
    with cluster.database() as twin:
        init_shop(twin, users=2000, orders_per_user=1, items_per_order=0)
        twin.execute(ORDERS[what])
        assert db.dump_schema() == twin.dump_schema()
        assert db.data_digest("users") == twin.data_digest("users")


# ---- things on the way that are not seamless as they stand


@pytest.mark.parametrize("statement", [
    "ALTER TABLE users ADD COLUMN u uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE users ADD COLUMN u bigserial",
    "ALTER TABLE users ADD COLUMN u bigint GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE users ADD COLUMN u bigint GENERATED ALWAYS AS (balance + 1) STORED",
    "ALTER TABLE users ADD COLUMN u timestamptz DEFAULT clock_timestamp()",
    "ALTER TABLE users ADD COLUMN u int NOT NULL DEFAULT 7",
    "ALTER TABLE users ADD COLUMN u timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE users ADD COLUMN u positive",
    "ALTER TABLE users ADD COLUMN u positive DEFAULT 4",
    "ALTER TABLE users ADD COLUMN u int CHECK (u > 0)",
    "ALTER TABLE users ADD COLUMN u int DEFAULT 1 UNIQUE",
    "ALTER TABLE users ALTER COLUMN balance TYPE numeric",
    "ALTER TABLE users ADD CONSTRAINT c CHECK (balance >= 0)",
    "CREATE TABLE parts (id int PRIMARY KEY, u bigint REFERENCES users)",
    "CREATE TABLE users_2 (LIKE users INCLUDING ALL)",
    "CREATE TABLE child () INHERITS (users)",
])
def test_no_statement_rewrites_the_table_under_the_application(shop, pgseam, statement):
    # A constrained domain makes ADD COLUMN rewrite or scan the table, which the statement does not show.
    shop.execute("CREATE DOMAIN positive AS int CHECK (VALUE IS NULL OR VALUE > 0)")
    node = shop.scalar("SELECT pg_relation_filenode('users')")
    before = shop.dump_schema()

    result = pgseam.run("start", pgseam.file("rewrite.sql", statement + ";"), expect=None)

    assert result.rc in (0, 3), str(result)
    # Another file only by the online rewrite, which puts another table in its place.
    is_rewritten = shop.scalar("SELECT count(*) FROM pgseam.rewrite WHERE is_swapped") == 1
    assert is_rewritten or shop.scalar("SELECT pg_relation_filenode('users')") == node
    assert not is_rewritten or node == shop.scalar("SELECT pg_relation_filenode(source_oid) FROM pgseam.rewrite")
    if result.rc == 3:
        assert shop.dump_schema() == before
        assert "rewrite.sql:1:" in result.err


def test_statements_that_need_old_transactions_gone_say_whom_they_wait_for(shop, pgseam):
    # CREATE INDEX CONCURRENTLY waits for every older snapshot; it tells instead of hanging silently.
    with shop.connect(autocommit=False, application_name="nightly report") as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM users")
        running = pgseam.spawn("start", pgseam.file("i.sql", "CREATE INDEX users_balance ON users (balance);"))
        running.wait_output(rf"{reader.info.backend_pid}|nightly report", timeout=20)
        reader.rollback()
    running.wait(expect=0)
    assert shop.scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_balance'::regclass") is True


def test_unique_index_that_finds_duplicates_leaves_nothing_behind(any_cluster, shop, pgseam):
    before = shop.dump_schema()
    file = pgseam.file("unique.sql", "CREATE UNIQUE INDEX users_old ON users (old_column);")

    pgseam.run("start", file)
    failed = pgseam.run("complete", expect=1)

    # PostgreSQL names the key, and we may not lose it.
    assert "old_column" in failed.err and "duplicate" in failed.err
    assert shop.query("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []
    assert shop.dump_schema() == before
    assert the_migration(pgseam)["state"] == "failed"
    pgseam.run("rollback")
    assert shop.dump_schema() == before
    assert the_migration(pgseam)["state"] == "rolled_back"


def test_unique_index_is_built_once_the_duplicates_are_gone(shop, pgseam):
    shop.execute("UPDATE users SET old_column = 'old ' || id; UPDATE users SET old_column = 'old 1' WHERE id = 2")
    file = pgseam.file("unique.sql", "CREATE UNIQUE INDEX users_old ON users (old_column);")
    pgseam.run("start", file)
    pgseam.run("complete", expect=1)

    shop.execute("UPDATE users SET old_column = 'old 2' WHERE id = 2")
    pgseam.run("complete")

    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.execute("UPDATE users SET old_column = 'old 1' WHERE id = 2")
    assert the_migration(pgseam)["state"] == "complete"


# ---- somebody else changes something at the gate


@pytest.mark.parametrize("command, column", [("rollback", "age"), ("complete", "old_column")])
def test_object_that_depends_on_what_goes_is_named_with_the_command_that_finishes(shop, pgseam, command, column):
    pgseam.run("start", pgseam.file("002_demo.sql", DEMO))
    shop.execute(f"CREATE VIEW report AS SELECT {column} FROM users")

    failed = pgseam.run(command, expect=1)

    assert "report" in failed.err and column in failed.err
    assert "pgseam resume" in failed.err
    assert column in columns(shop)
    shop.execute("DROP VIEW report")
    pgseam.run("resume")
    assert column not in columns(shop)


@pytest.mark.parametrize("change", ["ALTER TABLE users DROP COLUMN age", "DROP INDEX users_age_idx",
                                    "ALTER TABLE users RENAME TO customers", "DROP TABLE users CASCADE"])
def test_complete_is_refused_if_what_was_made_is_gone(shop, pgseam, change):
    pgseam.run("start", pgseam.file("002_demo.sql", DEMO))
    shop.execute(change)
    before = shop.dump_schema()

    refused = pgseam.run("complete", expect=5)

    assert "users" in refused.err
    assert shop.dump_schema() == before


def test_rollback_of_a_table_that_was_renamed_is_not_claimed(shop, pgseam):
    before = shop.dump_schema()
    pgseam.run("start", pgseam.file("002_demo.sql", DEMO))
    shop.execute("ALTER TABLE users RENAME TO customers")

    result = pgseam.run("rollback", expect=None)

    # Either it finds the table, or it says that it does not.
    if result.rc == 0:
        assert "age" not in columns(shop, "customers")
    else:
        assert "users" in result.err
        assert the_migration(pgseam)["state"] != "rolled_back"
        shop.execute("ALTER TABLE customers RENAME TO users")
        pgseam.run("rollback")
        assert shop.dump_schema() == before


def test_killed_and_resumed_under_load_nobody_notices(shop, pgseam, load):
    run = load(old=4, disturb=True)
    running = pgseam.spawn("start", pgseam.file("002_demo.sql", DEMO), "--max-batch", "200", "--load", "10")
    wait_until(lambda: shop.scalar("SELECT count(*) FROM users u WHERE to_jsonb(u)->'age' = '18'") > 6000)
    running.kill9()
    run.new(2)
    pgseam.run("resume")
    run.old(0)

    pgseam.run("complete", env={"PGSEAM_FAULT": "guard.committed:kill:2"}, expect=-9)
    pgseam.run("complete")

    assert columns(shop)["age"] == {"type": "integer", "not_null": True}
    assert "old_column" not in columns(shop)
    run.stop().assert_clean()


@pytest.mark.parametrize("make", ["TRUNCATE users CASCADE", "DELETE FROM users WHERE id > 1"], ids=["empty", "one row"])
def test_table_with_hardly_a_row(shop, pgseam, make):
    shop.execute(make)
    pgseam.run("start", pgseam.file("002_demo.sql", DEMO))
    pgseam.run("complete")
    assert columns(shop)["age"] == {"type": "integer", "not_null": True}


def test_triggers_foreign_keys_and_rows_of_others_survive_the_backfill(shop, pgseam):
    # A delete in batches fires what a delete fires: the foreign keys' cascade.
    file = pgseam.file("purge.sql", "DELETE FROM users WHERE id % 10 = 0;")

    pgseam.run("start", file, *SMALL_BATCHES)

    assert shop.scalar("SELECT count(*) FROM users") == 18000
    assert shop.scalar("SELECT count(*) FROM orders") == 36000
    assert shop.scalar("SELECT count(*) FROM orders o WHERE NOT EXISTS (SELECT FROM users WHERE id = o.user_id)") == 0
