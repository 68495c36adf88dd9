"""Columns that move to a table of their own: both applications at work on the same rows, old snapshots, batches, and kills."""

import itertools
import os
import signal
import threading
import time

import psycopg
import pytest
from harness.moved import BY_TABLE, FILE, KEYS, NEW_PATH, NEW_ROLE, PLAIN, SETUP, WITHOUT_KEY, Worker, moving, refused_with, same
from harness.storm import storm
from harness.twin import assert_same
from harness.versions import by_psql, dump_without, session, state, to_the_gate


@pytest.fixture
def users(db):
    return moving(db)


@pytest.mark.parametrize("file", [PLAIN, WITHOUT_KEY], ids=["foreign key", "none"])
def test_an_old_snapshot_leaves_nothing_behind(cluster, users, pgseam, file):
    """A transaction that began before the rows were copied does not see the copies, and yet must take them away."""
    db = users
    with session(db, "public") as one, session(db, "public") as two, session(db, "public") as three:
        for conn in (one, two, three):
            conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        to_the_gate(pgseam, file)
        assert refused_with(one, "UPDATE users SET street = NULL, city = NULL WHERE id = 2") == "40001"
        assert refused_with(two, "DELETE FROM users WHERE id = 2") == "40001"
        three.execute("UPDATE users SET street = 'late' WHERE id = 1; COMMIT")
        assert same(three)[1] == ("late", None, None)
        three.execute("BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE users SET street = NULL, city = NULL WHERE id = 2; DELETE FROM users"
                      " WHERE id = 3; TRUNCATE users CASCADE; ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ; DELETE FROM users WHERE id = 2; COMMIT")
        assert 2 not in same(three)


@pytest.mark.parametrize("end", ["complete", "rollback"])
def test_both_at_work_on_the_same_rows(cluster, users, pgseam, end):
    db, errors, seeds = users, [], itertools.count()
    db.execute("INSERT INTO users (name, street, points) SELECT 'f' || g, 's', 0 FROM generate_series(1, 20000) g; ANALYZE users")

    def work(side, count=4):
        made = [Worker(db, side, next(seeds), errors) for _ in range(count)]
        for one in made:
            one.start()
        return made

    def stop(workers):
        for one in workers:
            one.halt.set()
        for one in workers:
            one.join(30)
        assert not errors, errors

    old = work("old")
    pgseam.run("start", pgseam.file("m.sql", FILE), "--max-batch", "500")
    new = work("new")
    deadline = time.monotonic() + 3
    with session(db, "public") as judge:
        while time.monotonic() < deadline:
            with judge.transaction():
                judge.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                same(judge)
    stop(old if end == "complete" else new)
    pgseam.run(end)
    time.sleep(0.3)
    stop(old + new)
    assert all(one.turns > 30 for one in old + new), [one.turns for one in old + new]
    total = "SELECT sum(points) FROM " + ("public.addresses" if end == "complete" else "users")
    assert db.scalar(total) == sum(one.sum for one in old + new)
    assert db.scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0


def test_a_delete_that_waits_for_a_change(cluster, users, pgseam):
    db = users
    to_the_gate(pgseam, FILE)
    by_key = ['DELETE FROM "addresses" WHERE "addresses"."user_id" = 2', "delete from v4.addresses where user_id in (2, 3) returning *;",
              "DELETE FROM addresses WHERE (user_id = '2'::bigint)"]
    # A view over it has more to say.
    db.execute(f"CREATE SCHEMA above; CREATE VIEW above.addresses AS SELECT * FROM v4.addresses WHERE city <> 'changed';"
               f" GRANT USAGE ON SCHEMA above TO {NEW_ROLE}; GRANT ALL ON above.addresses TO {NEW_ROLE}")
    others = ["DELETE FROM addresses WHERE user_id = 2", "DELETE FROM addresses WHERE user_id = 2 AND street = 's2'", "DELETE FROM addresses WHERE user_id = (SELECT 2)",
              "DELETE FROM addresses WHERE user_id = abs(2)"]
    for number, text in enumerate(by_key + others):
        with session(db, "public") as old, session(db, NEW_PATH, NEW_ROLE) as new:
            given = []
            if number == len(by_key):
                new.execute("SET search_path = above, v4, public")
            old.execute("UPDATE users SET street = 's2', city = 'there' WHERE id = 2")
            old.execute("BEGIN; UPDATE users SET city = 'changed' WHERE id = 2")

            def delete(text=text, given=given, new=new):
                try:
                    given.append(new.execute(text).rowcount > 0)
                except psycopg.Error as error:
                    given.append(error.sqlstate)

            thread = threading.Thread(target=delete)
            thread.start()
            deadline = time.monotonic() + 10
            while not db.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted") and thread.is_alive():
                assert time.monotonic() < deadline
            old.execute("COMMIT")
            thread.join(10)
            assert given == [True if number < len(by_key) else "40001"], text
            assert len(db.query("SELECT FROM users WHERE id = 2 AND city = 'changed'")) == (number >= len(by_key)), text


@pytest.mark.parametrize("file", [PLAIN, WITHOUT_KEY], ids=["foreign key", "none"])
def test_a_batch_meets_writers(cluster, users, pgseam, file):
    """Rows that change while a batch that has seen them as they were waits for them."""
    db = users
    pgseam.run("start", pgseam.file("m.sql", file), env={"PGSEAM_FAULT": "batch.work:kill:1"}, expect=-signal.SIGKILL)
    with session(db, "public") as one, session(db, "public") as other:
        one.execute("BEGIN; UPDATE users SET street = NULL, city = NULL WHERE id IN (2, 6); UPDATE users SET street = 'late' WHERE id IN (1, 4)")
        one.execute("DELETE FROM users WHERE id IN (8, 9); UPDATE users SET id = 5000 WHERE id = 10; INSERT INTO users (id, name, city) VALUES (600, 'n', 'c')")
        other.execute("BEGIN; UPDATE users SET street = NULL WHERE id = 12; SAVEPOINT a; DELETE FROM users WHERE id = 14; ROLLBACK TO a")
        running = pgseam.spawn("resume")
        deadline = time.monotonic() + 10
        while not db.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        one.execute("COMMIT")
        time.sleep(0.05)
        other.execute("ROLLBACK")
        running.wait(expect=0)
        rows = same(one)
    assert {2, 6, 8, 9, 10}.isdisjoint(rows)
    assert (rows[1][0], rows[4][0], rows[5000][0], rows[600][1], rows[12][0], rows[14][0]) == ("late", "late", "s10", "c", "s12", "s14")


# ---- killed

FORWARD = ["step.begin", "step.intent", "guard.locked", "guard.committed", "batch.work", "batch.committed", "step.verified", "phase.end"]


@pytest.mark.parametrize("point", FORWARD)
def test_killed_move_goes_on(cluster, users, pgseam, point):
    db = users
    with db.cluster.database() as twin:
        by_psql(twin, SETUP, FILE)
        values = itertools.count()
        old = f"UPDATE users SET city = '%s' WHERE id = {KEYS[0]}"
        hits = storm(pgseam, ["start", pgseam.file("m.sql", FILE)], point, lambda: db.execute(old % next(values)))
        assert state(pgseam) == "gated"

        def either():
            """The new application works whether or not it is complete."""
            with session(db, NEW_PATH, NEW_ROLE) as new:
                assert new.execute("UPDATE addresses SET city = %s WHERE user_id = 2", [str(next(values))]).rowcount == 1

        either()
        hits += storm(pgseam, ["complete"], point, either)
        assert hits >= 1
        assert_same(twin.dump_schema(), dump_without(db, "v4"), "complete and psql differ")
        assert db.query(f"SELECT user_id, street FROM {BY_TABLE.split('FROM ')[1]}")[1:] == twin.query(f"SELECT user_id, street FROM "
                                                                                                    f"{BY_TABLE.split('FROM ')[1]}")


@pytest.mark.parametrize("point", ["step.intent", "step.verified", "guard.locked"])
def test_killed_in_complete_a_move_goes_back(cluster, users, pgseam, point):
    db = users
    before = db.dump_schema()
    to_the_gate(pgseam, FILE)
    pgseam.run("complete", env={"PGSEAM_FAULT": f"{point}:kill:1"}, expect=-signal.SIGKILL)
    db.execute("UPDATE v4.addresses SET points = 5 WHERE user_id = 2; UPDATE users SET points = 6 WHERE id = 1")
    pgseam.run("rollback")
    assert_same(before, db.dump_schema(), "after rollback the schema is not what it was")
    assert db.query("SELECT points FROM users WHERE id < 3 ORDER BY id") == [(6,), (5,)]


@pytest.mark.parametrize("point", FORWARD + ["undo.begin", "undo.done"])
def test_killed_move_goes_back(cluster, users, pgseam, point):
    db = users
    before, hits = db.dump_schema(), 0
    # By turns: each passing is a start and a rollback.
    for number in range(1, 40, 1 if os.environ.get("PGSEAM_TESTS") == "all" else 3):
        fault = {"PGSEAM_FAULT": f"{point}:kill:{number}"}
        back = point.startswith("undo")
        result = pgseam.run("start", pgseam.file(f"m{number}.sql", FILE), env={} if back else fault, expect=None)
        was_killed = result.rc != 0
        db.execute(f"UPDATE users SET points = {number} WHERE id = 1")
        if back:
            result = pgseam.run("rollback", env=fault, expect=None)
            was_killed = result.rc != 0
            db.execute(f"UPDATE users SET points = {number} WHERE id = 1")
        assert result.rc in (0, -signal.SIGKILL), result
        if was_killed or not back:
            pgseam.run("rollback")
        assert_same(before, db.dump_schema(), f"after rollback from {number} the schema is not what it was")
        assert db.scalar("SELECT points FROM users WHERE id = 1") == number
        if not was_killed:
            break
        hits += 1
    assert hits >= 1
