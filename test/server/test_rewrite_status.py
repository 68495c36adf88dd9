"""What status says of online rewrites, and `pgseam cut-over`. The journal's rows are written here by hand, as the engine has them."""

import time

import pytest

BACKFILL = "ALTER TABLE users ADD COLUMN n int DEFAULT 0; UPDATE users SET n = n + 1;"


@pytest.fixture
def rewriting(shop, pgseam):
    """A migration that is under way, for hours, with a rewrite of orders. Yields a function that sets columns of its row."""
    running = pgseam.spawn("start", pgseam.file("m.sql", BACKFILL), "--max-batch", "1", "--load", "1", "--postpone-cut-over")
    deadline = time.monotonic() + 30
    while not (shop.scalar("SELECT to_regclass('pgseam.chunk')") and shop.scalar("SELECT count(*) FROM pgseam.chunk")):
        assert running.running() and time.monotonic() < deadline, running.err
        time.sleep(0.02)
    shop.execute("INSERT INTO pgseam.rewrite (migration_id, name, source_schema, source_table, source_oid)"
                 " SELECT max(id), 'pgseam_rewrite_orders', 'public', 'orders', 'orders'::regclass FROM pgseam.migration")

    def note(assignments):
        shop.execute(f"UPDATE pgseam.rewrite SET {assignments}")

    yield note
    running.kill9()


def status(pgseam):
    return pgseam.run("status", "--format", "json").json()["migrations"][0]


def one(pgseam):
    return status(pgseam)["rewrites"][0]


def test_what_has_not_begun_says_so(rewriting, pgseam):
    found = one(pgseam)
    assert (found["table"], found["phase"], found["percent"], found["eta_s"], found["cut_over_ms"]) == (
        "public.orders", None, 0, None, None)
    assert "rewrite of public.orders: has not begun\n" in pgseam.run("status").out


def test_copy_shows_its_share_its_rate_and_the_rest(rewriting, shop, pgseam):
    rewriting("blocks = 1000, phase = 'copy', capture = 'logical', capture_why = 'wal_level is logical', dirty_keys = 12, restarts = 2")
    # Two of four jobs' chunks took two seconds each: 250 blocks in a second.
    shop.execute("INSERT INTO pgseam.rewrite_chunk SELECT migration_id, name, 125 * i, 125 * (i + 1), 5000, 2000"
                 " FROM pgseam.rewrite, generate_series(0, 1) AS i")
    found = one(pgseam)
    assert (found["percent"], found["rows_copied"], found["rows_per_s"], found["eta_s"]) == (25, 10000, 10000, 3)
    assert (found["dirty_keys"], found["capture"], found["restarts"]) == (12, "logical", 2)
    text = pgseam.run("status").out
    assert ("rewrite of public.orders: copy, 25.0 % copied, 10000 rows, 10000 a second, 12 dirty keys left, copied in 3 s\n"
            "    capture: logical: wal_level is logical\n") in text
    assert "began again 2 times" in text


def test_more_sessions_copy_faster(rewriting, shop, pgseam):
    rewriting("blocks = 1000, phase = 'copy'")
    shop.execute("INSERT INTO pgseam.rewrite_chunk SELECT migration_id, name, 0, 250, 10000, 4000 FROM pgseam.rewrite")
    pgseam.run("throttle", "--copy-jobs", "1")
    assert (one(pgseam)["rows_per_s"], one(pgseam)["eta_s"]) == (2500, 12)


def test_what_is_copied_has_no_time_left(rewriting, shop, pgseam):
    rewriting("blocks = 1000, phase = 'catch up', is_copied = true, rows_copied = 70, keys_applied = 9, dirty_keys = 3,"
              " capture = 'trigger'")
    found = one(pgseam)
    assert (found["percent"], found["eta_s"], found["keys_applied"], found["copied"]) == (100, None, 9, True)
    assert "catch up, 100.0 % copied, 70 rows, 3 dirty keys left\n" in pgseam.run("status").out


def test_an_empty_table_is_copied_at_once(rewriting, pgseam):
    rewriting("blocks = 0")
    assert one(pgseam)["percent"] == 100


def test_after_the_cut_over_it_says_how_the_old_table_goes(rewriting, shop, pgseam):
    rewriting("blocks = 1, is_copied = true, is_indexed = true, is_verified = true, is_swapped = true, swap_ms = 31")
    shop.execute("UPDATE pgseam.migration SET state = 'gated', stage = 'gate'")
    assert one(pgseam)["cut_over_ms"] == 31
    text = pgseam.run("status").out
    assert "cut over in 31 ms" in text and "`pgseam complete` drops the old table" in text
    rewriting("is_dropped = true")
    assert "drops the old table" not in pgseam.run("status").out


def test_names_are_quoted(rewriting, shop, pgseam):
    rewriting("source_schema = 'Odd', source_table = 'two words'")
    assert one(pgseam)["table"] == '"Odd"."two words"'


def test_a_journal_from_before_rewrites_is_read(any_cluster, shop, pgseam):
    pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE users ADD a int;"))
    shop.execute("DROP TABLE pgseam.rewrite_chunk, pgseam.rewrite; UPDATE pgseam.meta SET value = '2' WHERE key = 'layout'")
    assert status(pgseam)["rewrites"] == []
    assert "complete" in pgseam.run("status").out


# ---- cut-over


def test_cut_over_releases_what_is_postponed(rewriting, shop, pgseam):
    rewriting("blocks = 5, is_copied = true")
    assert pgseam.run("cut-over", "--format", "json").json()["migrations"][0]["name"] == "m"
    assert pgseam.run("throttle", "--format", "json").json()["settings"]["postpone_cut_over"] == "off"
    again = pgseam.run("cut-over", "m", expect=3)
    assert "not postponed" in again.err
    assert shop.scalar("SELECT count(*) FROM pgseam.event WHERE message = 'postpone_cut_over = off'") == 1


def test_cut_over_has_been(rewriting, pgseam):
    rewriting("is_copied = true, is_swapped = true")
    refused = pgseam.run("cut-over", expect=3)
    assert "has cut over already" in refused.err and "pgseam complete" in refused.err


def test_nothing_to_cut_over(shop, pgseam):
    assert "no migration is under way" in pgseam.run("cut-over", expect=3).err
    pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE users ADD a int; ALTER TABLE users DROP COLUMN old_column;"))
    refused = pgseam.run("cut-over", expect=3)
    assert "nothing to cut over" in refused.err and "begun no rewrite" in refused.err
    pgseam.run("rollback")
    assert "is over: rolled_back" in pgseam.run("cut-over", "a", expect=3).err


# ---- as the engine has them


def is_postponed(pgseam):
    found = pgseam.run("status", "--format", "json").json()["migrations"]
    return bool(found and found[0]["rewrites"]) and found[0]["rewrites"][0]["phase"] == "postponed"


@pytest.mark.parametrize("capture", ["logical", "trigger"])
def test_a_rewrite_from_its_beginning_to_its_end(any_cluster, shop, pgseam, load, capture):
    run = load(old=2, rate=500)
    running = pgseam.spawn("repack", "orders", "--postpone-cut-over", "--capture", capture)
    deadline = time.monotonic() + 60
    while not is_postponed(pgseam):
        assert running.running() and time.monotonic() < deadline, running.err
        time.sleep(0.05)
    found = one(pgseam)
    assert (found["percent"], found["capture"], found["cut_over"], found["cut_over_ms"]) == (100, capture, False, None)
    # Rows that move meanwhile are copied twice or not at all.
    assert found["rows_copied"] >= 39000 and found["copied"] and found["indexed"] and found["verified"]
    assert "pgseam cut-over" in status(pgseam)["reason"]
    before = found["keys_applied"]
    while one(pgseam)["keys_applied"] <= before:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    pgseam.run("cut-over")
    running.wait(expect=0)
    found = one(pgseam)
    assert found["cut_over"] and not found["dropped"] and 0 <= found["cut_over_ms"] <= 350
    assert "has cut over already" in pgseam.run("cut-over", expect=3).err
    assert "`pgseam complete` drops the old table" in pgseam.run("status").out
    pgseam.run("complete")
    assert one(pgseam)["dropped"]
    run.stop().assert_clean()
