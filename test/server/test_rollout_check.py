"""`pgseam rollout compare` and `check`: do both sides say the same, and what happens when they do not."""

import contextlib
import threading
import time

import psycopg
import pytest
from harness import Pgseam
from harness.rewrite import wait_until
from test_rollout import STAGES, at, heard, history, one, rollout

OLD, NEW = "SELECT id, total FROM orders", "SELECT id, total FROM orders_v2"
SHOP = """CREATE TABLE orders (id int PRIMARY KEY, total numeric(12, 2), note text);
          CREATE TABLE orders_v2 (id bigint PRIMARY KEY, total numeric(12, 2), note text);
          INSERT INTO orders SELECT g, g, 'n' || g FROM generate_series(1, 1000) AS g;
          INSERT INTO orders_v2 SELECT * FROM orders;"""


def compare(pgseam, *words, name="r", **keywords):
    return rollout(pgseam, "compare", name, *words, **keywords)


def check(pgseam, *words, name="r", expect=0, **keywords):
    """The samples that one run has taken."""
    return rollout(pgseam, "check", name, *words, "--format", "json", expect=expect, **keywords).json()["taken"]


def figures(sample):
    return sample["compared"], sample["mismatches"], sample["errors"], sample["consistency"]


def queries(pgseam, old=OLD, new=NEW, stage="shadow", **keywords):
    at(pgseam, stage)
    return compare(pgseam, "--old", old, "--new", new, **keywords)


@pytest.fixture
def shop(db):
    db.execute(SHOP)
    return db


# ---- two queries


def test_sides_that_agree(any_cluster, shop, pgseam):
    queries(pgseam)
    sample, = check(pgseam)
    assert figures(sample) == (1000, 0, 0, 100) and sample["stage"] == "shadow" and not sample["over"]
    shown = one(pgseam)
    assert shown["compares"] == {"migration": None, "old": OLD, "new": NEW, "threshold": 0, "at_least": 100}
    assert [(total["stage"], total["source"], *figures(total)) for total in shown["stages"]] == [("shadow", "check", 1000, 0, 0, 100)]
    assert "100 % consistent" in rollout(pgseam, "show", "r").out


def test_a_mismatch_freezes_and_everybody_is_told(any_cluster, shop, pgseam):
    queries(pgseam)
    shop.execute("UPDATE orders_v2 SET total = 0.5 WHERE id = 7; DELETE FROM orders_v2 WHERE id = 8")
    # A key that the old side's type could not even hold.
    shop.execute("INSERT INTO orders_v2 VALUES (3000000000, 1)")
    with shop.connect() as conn:
        conn.execute("LISTEN pgseam_rollout")
        sample, = check(pgseam, expect=3)
        assert heard(conn, 0.3) == [{"name": "r", "stage": "shadow", "percent": None, "frozen": True}]
    assert figures(sample) == (1001, 3, 0, 99.7002) and sample["over"] and sample["froze"]
    assert {(d["key"], d["old"], d["new"]) for d in sample["differences"]} == {
        ("7", "(7.00)", "(0.50)"), ("8", "(8.00)", None), ("3000000000", None, "(1.00)")}
    last = history(pgseam)[-1]
    assert last["action"] == "freeze" and "3 of 1001 rows differ, at most 0 % may" in last["because"]
    assert one(pgseam)["frozen_because"] == last["because"]
    assert shop.scalar("SELECT reads FROM pgseam.rollout_state('r')") == "old"
    # Frozen once; and what is found later is still told.
    sample, = check(pgseam, expect=3)
    assert sample["over"] and not sample["froze"] and history(pgseam)[-1] == last
    assert rollout(pgseam, "check", "r", expect=3).out.count("key ") == 3
    assert "is missing" in rollout(pgseam, "check", "r", expect=3).out


def test_the_threshold_is_exact(shop, pgseam):
    queries(pgseam)
    shop.execute("UPDATE orders_v2 SET total = -1 WHERE id <= 10")
    for words, over in ((["1"], False), (["0.99"], True), (["100"], False), (["0"], True)):
        sample, = check(pgseam, "--no-freeze", "--threshold", *words, expect=3 if over else 0)
        assert sample["over"] is over and not sample["froze"]
    assert one(pgseam)["frozen"] is False
    compare(pgseam, "--threshold", "1")
    assert not check(pgseam)[0]["over"] and one(pgseam)["compares"]["threshold"] == 1
    compare(pgseam, "--threshold", "0.99")
    assert one(pgseam)["compares"]["old"] == OLD
    assert check(pgseam, expect=3)[0]["froze"]


def test_only_where_there_is_a_way_back_it_is_frozen(shop, pgseam):
    shop.execute("DELETE FROM orders_v2 WHERE id = 8")
    for stage in STAGES:
        at(pgseam, stage, stage)
        compare(pgseam, "--old", OLD, "--new", NEW, name=stage)
        sample, = check(pgseam, name=stage, expect=3)
        shown = one(pgseam, stage)
        assert sample["stage"] == stage and sample["over"] and sample["froze"] is shown["frozen"] is (stage not in ("off", "complete"))
        assert shown["samples"][0]["over"] is True


def test_the_rate_of_nothing_is_unknown(any_cluster, db, pgseam):
    db.execute("CREATE TABLE orders (id int PRIMARY KEY, total int); CREATE TABLE orders_v2 (LIKE orders INCLUDING ALL)")
    queries(pgseam)
    assert figures(check(pgseam)[0]) == (0, 0, 0, None)
    assert "unknown" in rollout(pgseam, "check", "r").out
    assert one(pgseam)["stages"][0]["consistency"] is None
    # One row in a thousand million is not 100 %.
    db.execute("UPDATE pgseam.rollout_count SET compared = 1000000000, mismatches = 1")
    assert one(pgseam)["stages"][0]["consistency"] == 99.9999


def test_values_of_all_kinds(any_cluster, db, pgseam):
    db.execute("""CREATE TABLE o (id int, a bigint, b numeric, j json, p point, t text COLLATE "C", c char(5), n text, r int[]);
                  CREATE TABLE n (id bigint, a int, b numeric, j json, p point, t varchar(9) COLLATE "POSIX", c char(5), n text, r int[]);
                  INSERT INTO o VALUES (1, 5, 1.0, '{"a": 1}', '(1,2)', 'x', 'ab', NULL, '{1,NULL}');
                  INSERT INTO n SELECT * FROM o; UPDATE n SET b = 1.00""")
    queries(pgseam, "TABLE o", "TABLE n")
    assert figures(check(pgseam)[0]) == (1, 0, 0, 100)
    for column, value in (("a", "6"), ("b", "2"), ("j", "'{\"a\":1}'"), ("p", "'(1,3)'"), ("t", "'X'"), ("c", "NULL"), ("n", "''"), ("r", "'{1,2}'")):
        db.execute(f"BEGIN; CREATE TABLE IF NOT EXISTS k AS TABLE n; UPDATE n SET {column} = {value}; COMMIT")
        assert check(pgseam, "--no-freeze", expect=3)[0]["mismatches"] == 1, column
        db.execute("TRUNCATE n; INSERT INTO n TABLE k")
    assert figures(check(pgseam)[0]) == (1, 0, 0, 100)


REFUSED = {
    "not one": (OLD + "; DROP TABLE orders", NEW), "nothing": ("-- nothing", NEW), "not a query": ("DELETE FROM orders", NEW),
    "with that writes": ("WITH gone AS (DELETE FROM orders RETURNING *) SELECT id, total FROM gone", NEW), "into": ("SELECT id, total INTO x FROM orders", NEW),
    "locks": (OLD + " FOR UPDATE", NEW), "parameter": (OLD + " WHERE id = $1", NEW), "grammar": ("SELEC 1", NEW), "quote": ("SELECT 'a", NEW),
    "columns": ("SELECT id, total, 1 FROM orders", NEW), "none": ("SELECT FROM orders", "SELECT FROM orders_v2"),
    "types": ("SELECT id, note FROM orders", NEW), "keys": ("SELECT note, total FROM orders", NEW),
    "closes": ("SELECT id, total FROM orders) AS q, (SELECT 1", NEW),
}


def test_what_cannot_be_compared_is_refused(shop, pgseam):
    at(pgseam, "shadow")
    for one_side, other_side in REFUSED.values():
        compare(pgseam, "--old", one_side, "--new", other_side, expect=3)
        compare(pgseam, "--new", one_side, "--old", other_side, expect=3)
    assert one(pgseam)["compares"]["old"] is None and shop.scalar("SELECT count(*) FROM orders") == 1000


def test_usage(shop, pgseam):
    queries(pgseam)
    for words in ([], ["--old", OLD], ["--migration", "m", "--old", OLD, "--new", NEW], ["--threshold", "101"], ["--threshold", ""],
                  ["--at-least", "-1"], ["--sample", "5", "--threshold", "1"]):
        compare(pgseam, *words, expect=2)
    for words in (["--sample", "0"], ["--sample", "x"], ["--sample", "101%"], ["--sample", "0%"], ["--sample", "100001"], ["--every", "1s"],
                  ["--for", "1s"], ["--every", "x", "--for", "1s"], ["--timeout", "0"], ["--threshold", "1.234"], ["--because", "x"], ["--old", OLD]):
        rollout(pgseam, "check", "r", *words, expect=2)
    assert one(pgseam)["samples"] == [] and one(pgseam)["compares"]["threshold"] == 0


def test_what_writes_is_stopped(any_cluster, shop, pgseam):
    shop.execute("""CREATE SEQUENCE s; CREATE TABLE log (a int);
                    CREATE FUNCTION writes(int) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES ($1) RETURNING a'""")
    at(pgseam, "shadow")
    for call in ("nextval('s')", "writes(id)"):
        compare(pgseam, "--old", f"SELECT id, {call} FROM orders", "--new", "SELECT id, 1 FROM orders_v2")
        result = rollout(pgseam, "check", "r", expect=1)
        assert "read-only transaction" in result.err and "only reads" in result.err
    assert shop.query("SELECT is_called FROM s") == [(False,)] and shop.scalar("SELECT count(*) FROM log") == 0
    assert one(pgseam)["samples"] == []
    # What such a transaction forbids from 16 on only is not committed.
    compare(pgseam, "--old", "SELECT id, (lo_creat(-1) > 0)::int FROM orders", "--new", "SELECT id, 1 FROM orders_v2")
    rollout(pgseam, "check", "r", expect=None)
    assert shop.scalar("SELECT count(*) FROM pg_largeobject_metadata") == 0


def test_a_slow_one_is_given_up_and_nothing_is_noted(shop, pgseam):
    queries(pgseam, "SELECT id, total FROM orders, LATERAL (SELECT pg_sleep(0.01 + id * 0)) AS s")
    begin = time.monotonic()
    assert "longer than 500ms" in rollout(pgseam, "check", "r", "--timeout", "500ms", expect=1).err
    assert time.monotonic() - begin < 3 and one(pgseam)["samples"] == [] and one(pgseam)["frozen"] is False
    # A watch goes on, and ends in time.
    queries(pgseam)
    with shop.connect() as conn:
        conn.execute("BEGIN; LOCK TABLE orders")
        job = pgseam.spawn("rollout", "check", "r", "--every", "50ms", "--for", "1500ms", "--timeout", "200ms")
        job.wait_output("a sample is missing")
        conn.execute("ROLLBACK")
    assert "samples missing" in job.wait(expect=1).err and time.monotonic() - begin < 10
    assert one(pgseam)["samples"][0]["consistency"] == 100


def test_rows_on_which_an_expression_fails_are_counted_apart(any_cluster, shop, pgseam):
    queries(pgseam, "SELECT id, 1 / (id % 500) FROM orders", "SELECT id, 1 / (id % 500) FROM orders_v2")
    sample, = check(pgseam, expect=1)
    assert figures(sample) == (998, 0, 2, 100) and "division by zero" in sample["error"] and not sample["over"]
    assert one(pgseam)["stages"][0]["errors"] == 2 and one(pgseam)["frozen"] is False
    # Not for ever: it stops at the twentieth.
    queries(pgseam, "SELECT id, 1 / (id % 2) FROM orders", "SELECT id, 1 / (id % 2) FROM orders_v2")
    assert check(pgseam, expect=1)[0]["errors"] == 20


def test_a_key_that_is_none_is_refused(shop, pgseam):
    queries(pgseam, "SELECT id / 2, total FROM orders", "SELECT id / 2, total FROM orders_v2")
    assert "whose key another row has" in rollout(pgseam, "check", "r", expect=3).err
    assert one(pgseam)["frozen"] is False and one(pgseam)["samples"] == []


def test_keys_that_are_expressions_and_groups(any_cluster, shop, pgseam):
    """No keys to draw: all of it; or keys of a table that another condition finds."""
    queries(pgseam, "SELECT 'o' || id, total FROM orders -- all", "SELECT 'o' || id, total FROM orders_v2;")
    assert figures(check(pgseam, "--sample", "5")[0]) == (1000, 0, 0, 100)
    queries(pgseam, "SELECT id, sum(total) FROM orders WHERE id > 900 GROUP BY id", "SELECT id, total FROM orders_v2 WHERE id > 901")
    sample, = check(pgseam, expect=3)
    assert figures(sample)[:2] == (100, 1) and sample["differences"] == [{"key": "901", "columns": None, "old": "(901.00)", "new": None}]


def test_a_sample_of_a_big_table_reads_little_of_it(db, pgseam):
    db.execute("""CREATE TABLE orders (id int, total int) PARTITION BY RANGE (id); CREATE TABLE orders_v2 (id int PRIMARY KEY, total int);
                  CREATE TABLE p1 PARTITION OF orders FOR VALUES FROM (0) TO (60000); CREATE TABLE p2 PARTITION OF orders DEFAULT;
                  CREATE INDEX ON orders (id); INSERT INTO orders_v2 SELECT g, g FROM generate_series(1, 200000) AS g;
                  INSERT INTO orders TABLE orders_v2; ANALYZE""")
    queries(pgseam)
    db.execute("SELECT pg_stat_reset()")
    samples = [check(pgseam, "--sample", "100")[0] for _ in range(3)]
    assert all(150 <= sample["compared"] <= 200 and sample["consistency"] == 100 for sample in samples), samples
    time.sleep(0.3)
    read = db.scalar("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE relname ~ '^(orders|p)'")
    assert read < 60000
    assert check(pgseam, "--sample", "100%")[0]["compared"] == 200000
    db.execute("UPDATE pg_class SET reltuples = 1e9 WHERE relname ~ '^(orders|p)'")
    assert check(pgseam, "--sample", "99%")[0]["cut"] is True
    db.execute("ANALYZE")
    assert 500 <= check(pgseam, "--sample", "0.5%")[0]["compared"] <= 4000


# ---- a load


@contextlib.contextmanager
def writers(db, statements, count=4):
    """Sessions that write both sides in each transaction, as the application does."""
    halt, errors, turns = threading.Event(), [], []

    def work(seed):
        number = seed
        try:
            with db.connect() as conn:
                while not halt.is_set():
                    number = (number * 1103515245 + 12345) % 1048576
                    with conn.transaction():
                        for statement in statements[number % len(statements)]:
                            conn.execute(statement, {"id": number % 1000 + 1, "to": number})
                    turns.append(1)
        except psycopg.Error as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(1, count + 1)]
    for thread in threads:
        thread.start()
    try:
        yield turns
    finally:
        halt.set()
        for thread in threads:
            thread.join(10)
    assert not errors, errors


RIGHT = [
    ["UPDATE {o} SET total = %(to)s WHERE id = %(id)s", "UPDATE {n} SET total = %(to)s WHERE id = %(id)s"],
    ["DELETE FROM {o} WHERE id = %(id)s", "DELETE FROM {n} WHERE id = %(id)s"],
    ["INSERT INTO {o} VALUES (%(id)s, %(to)s) ON CONFLICT (id) DO UPDATE SET total = excluded.total",
     "INSERT INTO {n} VALUES (%(id)s, %(to)s) ON CONFLICT (id) DO UPDATE SET total = excluded.total"],
]
# One at a time for each key: without the lock a DELETE that meets no row of the one side may meet one of the other.
RIGHT = [["SELECT pg_advisory_xact_lock(%(id)s)", *(text.format(o="orders", n="orders_v2") for text in pair)] for pair in RIGHT]


def test_a_load_that_writes_both_sides_is_never_accused(any_cluster, shop, pgseam):
    # What a VOLATILE function reads is of the same snapshot, too.
    shop.execute("""CREATE FUNCTION total_of(int) RETURNS numeric LANGUAGE plpgsql VOLATILE AS
                    'BEGIN RETURN (SELECT total FROM orders WHERE id = $1); END'""")
    queries(pgseam, "SELECT id, total_of(id) FROM orders")
    with writers(shop, RIGHT) as turns:
        samples = check(pgseam, "--every", "20ms", "--for", "2s")
    assert len(turns) > 100 and len(samples) > 5
    assert sum(sample["mismatches"] + sample["errors"] for sample in samples) == 0
    assert one(pgseam)["frozen"] is False


def test_a_load_that_writes_one_side_wrongly_is_frozen(any_cluster, shop, pgseam):
    queries(pgseam)
    wrong = ["UPDATE orders SET total = %(to)s WHERE id = %(id)s", "UPDATE orders_v2 SET total = %(to)s + (%(to)s %% 7 = 0)::int WHERE id = %(id)s"]
    begin = time.monotonic()
    with writers(shop, [*RIGHT, wrong]):
        samples = check(pgseam, "--every", "50ms", "--for", "30s", expect=3)
    # It ends with the freeze.
    assert time.monotonic() - begin < 15 and [sample["froze"] for sample in samples].count(True) == 1 and samples[-1]["froze"]
    assert one(pgseam)["frozen"] is True and shop.scalar("SELECT reads FROM pgseam.rollout_state('r')") == "old"


def test_what_somebody_has_changed_since_is_only_told(shop, pgseam):
    """A sample that was begun before somebody has mended the rollout does not freeze it again."""
    queries(pgseam, "SELECT id, total FROM orders, LATERAL (SELECT pg_sleep(0.001 + id * 0)) AS s WHERE id < 400", NEW + " WHERE id < 400")
    shop.execute("DELETE FROM orders_v2 WHERE id = 5")
    job = pgseam.spawn("rollout", "check", "r")
    wait_until(lambda: shop.scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), 10, "a sample under way")
    rollout(pgseam, "freeze", "r", "--because", "seen"), rollout(pgseam, "unfreeze", "r", "--because", "mended")
    assert "over the threshold\n" in job.wait(expect=3).out
    assert one(pgseam)["frozen"] is False and one(pgseam)["samples"][0]["over"] is True


# ---- a migration


PEOPLE = """CREATE TABLE people (id int PRIMARY KEY, first text, last text);
            INSERT INTO people SELECT g, 'f' || g, 'l' || g FROM generate_series(1, 1000) AS g;"""
MERGE = """-- pgseam: version v2
-- pgseam: up full_name = first || ' ' || last
ALTER TABLE people ADD COLUMN full_name text;
-- pgseam: down first = split_part(full_name, ' ', 1)
ALTER TABLE people DROP COLUMN first;
-- pgseam: down last = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)
ALTER TABLE people DROP COLUMN last;
"""


def test_the_two_sides_of_a_migration(any_cluster, db, pgseam):
    db.execute(PEOPLE)
    at(pgseam, "shadow")
    assert "no migration" in compare(pgseam, "--migration", "m", expect=3).err
    pgseam.run("start", pgseam.file("m.sql", MERGE))
    compare(pgseam, "--migration", "m")
    both = [["UPDATE public.people SET first = 'x' || %(to)s WHERE id = %(id)s"], ["UPDATE v2.people SET full_name = 'a b' || %(to)s WHERE id = %(id)s"]]
    with writers(db, both):
        samples = check(pgseam, "--every", "20ms", "--for", "1s", "--sample", "300")
    assert len(samples) > 3 and all(100 <= sample["compared"] <= 300 for sample in samples)
    assert sum(sample["mismatches"] for sample in samples) == 0
    # Somebody goes past the triggers.
    db.execute("ALTER TABLE people DISABLE TRIGGER ALL; UPDATE people SET first = 'wrong' WHERE id IN (5, 6)")
    sample, = check(pgseam, "--sample", "100%", expect=3)
    assert (sample["compared"], sample["mismatches"], sample["froze"]) == (1000, 2, True)
    assert sorted(d["key"] for d in sample["differences"]) == ["(5)", "(6)"] and "wrong" in sample["differences"][0]["old"]
    assert one(pgseam)["compares"]["migration"] == "m"
    pgseam.run("rollback")
    assert "is not at its gate (rolled_back)" in rollout(pgseam, "check", "r", expect=3).err


def test_rows_in_quarantine_are_not_among_those_that_agree(any_cluster, db, pgseam):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT g, g::text FROM generate_series(1, 100) g;"
               "UPDATE t SET a = 'x' WHERE id <= 3")
    at(pgseam, "shadow")
    pgseam.run("start", pgseam.file("m.sql", "-- pgseam: version v2\n-- pgseam: on-error quarantine\n-- pgseam: down a = a::text\n"
                                             "ALTER TABLE t ALTER COLUMN a TYPE int USING a::int;"))
    compare(pgseam, "--migration", "m")
    sample, = check(pgseam, expect=1)
    assert (sample["compared"], sample["mismatches"], sample["errors"], sample["froze"]) == (97, 0, 3, False)


def test_a_migration_without_two_sides_is_refused(db, pgseam):
    db.execute(PEOPLE)
    at(pgseam, "shadow")
    pgseam.run("start", pgseam.file("m.sql", "-- pgseam: version v2\nALTER TABLE people RENAME last TO family;"))
    assert "no two sides" in compare(pgseam, "--migration", "m", expect=3).err


# ---- who, where, and what is left


def test_names_of_all_kinds(any_cluster, db, pgseam):
    table, column = 'O"rders ' + "x" * 55, 'I\'d?; "--'
    quoted = ['"{}"'.format(word.replace('"', '""')) for word in (table, column)]
    db.execute("""CREATE SCHEMA "Sh?op"; CREATE TABLE "Sh?op".{0} ({1} text PRIMARY KEY, total int); INSERT INTO "Sh?op".{0} VALUES ('it''s {{}},"', 1)"""
               .format(*quoted))
    for name in ("ü" * 31, "it's", "--"):
        rollout(pgseam, "set", "--", name, "dualwrite")
        query = 'SELECT {1}, total FROM "Sh?op".{0}'.format(*quoted)
        rollout(pgseam, "compare", "--old", query, "--new", query, "--", name)
        taken = rollout(pgseam, "check", "--format", "json", "--", name).json()
        assert taken["rollout"] == name and figures(taken["taken"][0]) == (1, 0, 0, 100)


def test_a_plain_owner_checks_what_is_its_own(any_cluster, db, pgseam):
    """And under its own search_path."""
    any_cluster.role("shop_owner")
    db.execute(f"GRANT CREATE ON DATABASE {db.name} TO shop_owner; CREATE SCHEMA shop AUTHORIZATION shop_owner;"
               f"ALTER ROLE shop_owner IN DATABASE {db.name} SET search_path = shop; CREATE TABLE public.secret (id int, total int)")
    db.execute(SHOP, role="shop_owner")
    with Pgseam(db, "shop_owner") as own:
        queries(own)
        any_cluster.role("reporter")
        rollout(own, "grant", "reporter")
        assert "may not" in rollout(own, "check", "r", role="reporter", expect=3).err
        assert figures(check(own)[0])[:2] == (1000, 0)
        assert "permission denied" in compare(own, "--old", "SELECT id, total FROM public.secret", "--new", NEW, expect=1).err
    # Somebody else runs it, with another search_path: the names are those that were meant.
    db.execute("CREATE TABLE orders_v2 (id int, total int)")
    assert figures(check(pgseam)[0])[:2] == (1000, 0)


def test_a_kill_leaves_nothing_behind(any_cluster, shop, pgseam):
    queries(pgseam, "SELECT id, total FROM orders, LATERAL (SELECT pg_sleep(0.005 + id * 0)) AS s")
    shop.execute("DELETE FROM orders_v2 WHERE id = 5")
    job = pgseam.spawn("rollout", "check", "r")
    wait_until(lambda: shop.scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), 10, "a sample under way")
    # No lock but that of a reader.
    assert shop.query("SELECT DISTINCT mode FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE relname ~ '^orders'") == [("AccessShareLock",)]
    job.kill9()
    shop.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgseam/rollout'")
    shown = one(pgseam)
    assert (shown["samples"], shown["stages"], shown["frozen"]) == ([], [], False)


def test_what_is_kept_is_bounded(shop, pgseam):
    queries(pgseam)
    shop.execute("INSERT INTO pgseam.rollout_sample (rollout, stage, compared, mismatches, errors, is_over, took_ms, by)"
                 " SELECT n, 'shadow', 1, 0, 0, false, 1, '' FROM generate_series(1, 1500), unnest('{r,other}'::text[]) AS n")
    check(pgseam)
    assert shop.query("SELECT rollout, count(*) FROM pgseam.rollout_sample GROUP BY 1 ORDER BY 1") == [("other", 1500), ("r", 1000)]
    for _ in range(3):
        check(pgseam)
    assert shop.scalar("SELECT count(*) FROM pgseam.rollout_count") == 1
    rollout(pgseam, "drop", "r", "--force")
    for table in ("pair", "sample", "count", "mismatch"):
        assert shop.scalar(f"SELECT count(*) FROM pgseam.rollout_{table} WHERE rollout = 'r'") == 0


def test_nothing_said_nothing_compared(shop, pgseam):
    at(pgseam, "shadow")
    assert "has not been said" in rollout(pgseam, "check", "r", expect=3).err
    for words in (["check", "x"], ["compare", "x", "--threshold", "1"]):
        assert "there is no rollout x" in rollout(pgseam, *words, expect=3).err


def test_a_rollout_of_a_former_program(any_cluster, shop, pgseam):
    """Freezing never waits for new tables; who says what is compared brings them, and the function that reports."""
    at(pgseam, "live")
    layout = shop.scalar("SELECT value FROM pgseam.meta WHERE key = 'layout'")
    shop.execute("DROP FUNCTION pgseam.rollout_report; DROP TABLE pgseam.rollout_pair, pgseam.rollout_sample, pgseam.rollout_count,"
                 " pgseam.rollout_mismatch; UPDATE pgseam.meta SET value = '6' WHERE key = 'layout'")
    assert one(pgseam)["compares"]["old"] is None and one(pgseam)["stages"] == []
    rollout(pgseam, "freeze", "r", "--because", "x")
    rollout(pgseam, "unfreeze", "r")
    assert shop.scalar("SELECT value FROM pgseam.meta WHERE key = 'layout'") == "6"
    compare(pgseam, "--old", OLD, "--new", NEW)
    assert shop.scalar("SELECT value FROM pgseam.meta WHERE key = 'layout'") == layout
    assert figures(check(pgseam)[0])[:2] == (1000, 0) and shop.scalar("SELECT pgseam.rollout_report('r', '1', true)") is True
    assert [event["action"] for event in history(pgseam)] == ["create", "set", "freeze", "unfreeze"]
