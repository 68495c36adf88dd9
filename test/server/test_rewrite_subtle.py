"""Where an online rewrite would have lost, doubled or cut a row without a word: each found by review, and held here."""

import contextlib

import pytest
from harness.rewrite import cut_over, rewrite_of, wait_until


@contextlib.contextmanager
def waiting(db, pgseam, sql, capture="trigger", name="m"):
    """The rewrite of `sql`, caught up and compared, with its cut-over postponed."""
    running = pgseam.spawn("start", pgseam.file(f"{name}.sql", sql + ";"), "--capture", capture, "--postpone-cut-over=on")
    wait_until(lambda: rewrite_of(pgseam).get("verified"), what=f"the comparison {running.err[-1000:]}")
    yield running
    if running.running():
        running.kill9()


def test_a_key_whose_image_is_another_ones_takes_no_row_along(db, pgseam):
    # 'abcdef' cut to three is 'abc'; without the way back in the match its DELETE takes the row of 'abc'.
    db.execute("CREATE TABLE k (code text PRIMARY KEY, n int); INSERT INTO k VALUES ('abc', 1), ('b', 1);"
               " INSERT INTO k SELECT 'x' || g, g FROM generate_series(1, 50) g")
    with waiting(db, pgseam, "ALTER TABLE k ALTER code TYPE varchar(3)") as running:
        db.execute("INSERT INTO k VALUES ('abcdef', 2)", role=None)
        db.execute("DELETE FROM k WHERE code = 'abcdef'")
        cut_over(pgseam, running)
    assert db.scalar("SELECT string_agg(code, ' ' ORDER BY code) FROM k WHERE code !~ '^x'") == "abc b"


@pytest.mark.parametrize("column,change,fits,longer", [
    ("c text", "shortname", "'abc'", "'abcdef'"), ("c text", "varchar(3)", "'abc'", "'abcdef'"),
    ("c text[]", "shortname[]", "ARRAY['abc']", "ARRAY['abcdef']"), ("c bit varying", "bit(3)", "'101'", "'10101'"),
])
def test_what_an_assignment_refuses_is_not_cut(db, pgseam, column, change, fits, longer):
    # An explicit cast to a length, or to a domain that has one, cuts without a word.
    db.execute(f"CREATE DOMAIN shortname AS varchar(3); CREATE TABLE d (id int PRIMARY KEY, {column});"
               f" INSERT INTO d SELECT g, {fits} FROM generate_series(1, 3000) g; INSERT INTO d VALUES (9000, {longer})")
    done = pgseam.run("start", pgseam.file("m.sql", f"ALTER TABLE d ALTER c TYPE {change};"), "--capture", "trigger", expect=None)
    assert done.rc in (1, 3), done
    assert db.scalar(f"SELECT c = {longer} FROM d WHERE id = 9000")
    if done.rc == 1:
        assert "9000" in done.err
        pgseam.run("rollback")
    assert db.scalar("SELECT count(*) FROM d") == 3001


@pytest.mark.parametrize("name", ["old", "new", "found", "tg_op", "s", "t", "k", "taken", "pgseam_k0"])
def test_a_key_may_be_called_anything(db, pgseam, name):
    # In a trigger function a bare "old" is the row, and "found" a variable.
    db.execute(f'CREATE TABLE o ("{name}" int PRIMARY KEY, n int); INSERT INTO o SELECT g, g FROM generate_series(1, 500) g')
    with waiting(db, pgseam, "ALTER TABLE o ALTER n TYPE bigint") as running:
        db.execute(f'UPDATE o SET n = -n WHERE "{name}" < 20; DELETE FROM o WHERE "{name}" = 20; INSERT INTO o VALUES (501, 501);'
                   f' UPDATE o SET "{name}" = 600 WHERE "{name}" = 30')
        before = db.query("SELECT * FROM o ORDER BY 1")
        cut_over(pgseam, running)
    assert db.query("SELECT * FROM o ORDER BY 1") == before
    db.execute(f'UPDATE o SET n = 7 WHERE "{name}" = 1')
    pgseam.run("rollback")
    assert db.query("SELECT * FROM o ORDER BY 1")[1:] == before[1:]


@pytest.mark.parametrize("change", [
    "ALTER TABLE o ADD COLUMN x int; UPDATE o SET x = id", "ALTER TABLE o RENAME COLUMN n TO y", "ALTER TABLE o ALTER n SET NOT NULL",
    "ALTER TABLE o ADD CHECK (n > -100)",
])
def test_somebody_elses_change_since_prepare_is_not_undone(db, pgseam, change):
    # Noted only when the indexes were built, the change would have been taken for what was there.
    db.execute("CREATE TABLE o (id int PRIMARY KEY, n int); INSERT INTO o SELECT g, g FROM generate_series(1, 500) g")
    pgseam.run("start", pgseam.file("m.sql", "ALTER TABLE o ALTER id TYPE bigint;"), "--capture", "trigger", expect=1,
               env={"PGSEAM_FAULT": "step.begin:error:4"})
    db.execute(change)
    shape = ("SELECT array_agg(ROW(attname, atttypid::regtype, attnotnull)::text ORDER BY attnum), (SELECT count(*) FROM pg_constraint"
             " WHERE conrelid = 'o'::regclass) FROM pg_attribute WHERE attrelid = 'o'::regclass AND attnum > 0")
    after = db.query(shape)
    assert pgseam.run("resume", expect=None).rc in (1, 5)
    pgseam.run("rollback")
    assert db.query(shape) == after


def test_a_crash_that_empties_the_unlogged_shadow_stops_the_cut_over(cluster, db, pgseam):
    db.execute("CREATE TABLE o (id int PRIMARY KEY, n int); INSERT INTO o SELECT g, g FROM generate_series(1, 1000) g")
    with waiting(db, pgseam, "ALTER TABLE o SET UNLOGGED") as running:
        cluster.stop("immediate")
        cluster.start()
        pgseam.run("cut-over", expect=None)
        assert running.wait(90).rc == 1
        assert "crash" in running.err
    pgseam.run("rollback")
    assert db.scalar("SELECT count(*) FROM o") == 1000
    assert db.scalar("SELECT relpersistence::text FROM pg_class WHERE oid = 'o'::regclass") == "p"


def test_an_identity_ends_where_its_column_does(any_cluster, db, pgseam):
    # LIKE makes its sequence bigint: the column would go on with negative numbers.
    db.execute("CREATE TABLE o (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int);"
               " INSERT INTO o (n) SELECT g FROM generate_series(1, 100) g")
    pgseam.run("start", pgseam.file("m.sql", "ALTER TABLE o ALTER n TYPE bigint;"), "--capture", "trigger")
    assert db.scalar("SELECT seqtypid::regtype || ' ' || seqmax FROM pg_sequence"
                     " WHERE seqrelid = pg_get_serial_sequence('o', 'id')::regclass") == "smallint 32767"
    db.execute("INSERT INTO o (n) VALUES (1)")
    pgseam.run("complete")
    assert db.scalar("SELECT max(id) > 100 AND min(id) = 1 FROM o")


def test_a_generated_column_does_not_make_the_cut_over_wait_for_itself(any_cluster, db, pgseam):
    # Before 15 it depends on its table as a sequence does.
    db.execute("CREATE TABLE o (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);"
               " INSERT INTO o (id, n) SELECT g, g FROM generate_series(1, 1000) g")
    with waiting(db, pgseam, "ALTER TABLE o ALTER id TYPE bigint") as running:
        db.execute("UPDATE o SET n = n + 1")
        cut_over(pgseam, running)
    assert db.scalar("SELECT sum(twice) FROM o") == 2 * sum(range(2, 1002))
    pgseam.run("complete")


def test_a_rollback_that_cannot_be_does_not_begin(db, pgseam):
    db.execute("CREATE TABLE o (id int PRIMARY KEY, n int); INSERT INTO o SELECT g, g FROM generate_series(1, 500) g")
    pgseam.run("start", pgseam.file("m.sql", "ALTER TABLE o ALTER id TYPE bigint;"), "--capture", "trigger")
    db.execute("ALTER TABLE o ADD COLUMN x int")
    refused = pgseam.run("rollback", expect=3)
    assert "column x" in refused.err and "nothing was undone" in refused.err
    db.execute("ALTER TABLE o DROP COLUMN x")
    db.execute("ALTER TABLE o RENAME TO o9")
    pgseam.run("complete")
    assert db.scalar("SELECT count(*) FROM o9") == 500
    assert db.scalar("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'o9'::regclass AND NOT tgisinternal") == 0


def test_a_snapshot_from_before_the_cut_over_never_sees_older_rows(db, pgseam):
    # Keys that are applied under the lock commit after the snapshots of that moment.
    db.execute("CREATE TABLE ctl (id int PRIMARY KEY, v int); CREATE TABLE o (id int PRIMARY KEY, v int);"
               " INSERT INTO ctl SELECT g, 0 FROM generate_series(1, 200) g; INSERT INTO o SELECT * FROM ctl")
    with waiting(db, pgseam, "ALTER TABLE o ALTER id TYPE bigint", capture="trigger") as running:
        with db.connect(autocommit=False) as reader:
            db.execute("UPDATE o SET v = v + 1; UPDATE ctl SET v = v + 1")
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            seen = reader.execute("SELECT sum(v) FROM ctl").fetchone()[0]
            db.execute("UPDATE o SET v = v + 1; UPDATE ctl SET v = v + 1")
            pgseam.run("cut-over")
            with contextlib.suppress(AssertionError):
                wait_until(lambda: rewrite_of(pgseam).get("swapped") or not running.running(), 3)
            assert reader.execute("SELECT sum(v) FROM o").fetchone()[0] == seen
            reader.rollback()
        assert running.wait(90).rc == 0
    assert db.scalar("SELECT sum(v) FROM o") == 400
