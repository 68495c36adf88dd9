"""`pgseam.rollout_report()`: the application compares itself, and is stopped when it finds too much."""

import shutil
import subprocess
import threading
import time

import psycopg
import pytest
from harness import Pgseam
from test_rollout import STAGES, at, heard, history, one, rollout
from test_rollout_check import check, compare, figures

REPORT = "SELECT pgseam.rollout_report(%s, %s, %s, %s)"


def report(db, matches, key="k", detail=None, name="r", role=None):
    return db.scalar(REPORT, [name, key, matches, detail], role)


def totals(pgseam):
    return {(total["stage"], total["source"]): figures(total) for total in one(pgseam)["stages"]}


def test_reports_are_counted_by_stage(any_cluster, db, pgseam):
    at(pgseam, "shadow")
    compare(pgseam, "--threshold", "50")
    assert [report(db, matches) for matches in (True, True, False, None, True)] == [True] * 5
    rollout(pgseam, "set", "r", "live", "--percent", "1")
    assert report(db, True)
    assert totals(pgseam) == {("shadow", "report"): (4, 1, 1, 75), ("live", "report"): (1, 0, 0, 100)}
    # A mistyped name costs nothing, and does no harm.
    assert [report(db, False, name=name) for name in ("R", "", None)] == [False] * 3
    assert "shadow, by the application: 4 compared, 1 mismatches, 1 errors: 75 % consistent" in rollout(pgseam, "show", "r").out


def test_one_mismatch_freezes_unless_more_is_allowed(any_cluster, db, pgseam):
    at(pgseam, "shadow")
    with db.connect() as conn:
        conn.execute("LISTEN pgseam_rollout")
        report(db, None, "4710", "timeout")
        assert one(pgseam)["frozen"] is False
        report(db, False, "4711", "10 is not 12")
        report(db, False, "4712")
        assert heard(conn, 0.3) == [{"name": "r", "stage": "shadow", "percent": None, "frozen": True}]
    frozen = history(pgseam)[-1]
    assert frozen["action"] == "freeze" and frozen["before"]["frozen_because"] is None
    assert frozen["because"] == "the application: 1 of 1 comparisons differ, at most 0 % may; the last one: key 4711: 10 is not 12"
    assert one(pgseam)["frozen_because"] == frozen["after"]["frozen_because"] == frozen["because"]
    assert [(found["key"], found["error"], found["detail"]) for found in one(pgseam)["reported"]] == [
        ("4710", True, "timeout"), ("4711", False, "10 is not 12"), ("4712", False, None)]
    # What was before does not count against what comes.
    compare(pgseam, "--threshold", "1")
    rollout(pgseam, "unfreeze", "r")
    assert one(pgseam)["reported"] == []
    report(db, False)
    assert one(pgseam)["frozen"] is False
    report(db, False)
    assert "2 of 2 comparisons differ, at most 1 %" in one(pgseam)["frozen_because"]
    assert totals(pgseam)[("shadow", "report")] == (4, 4, 1, 0)


def test_fewer_reports_count_as_if_they_were_as_many_as_asked_for(db, pgseam):
    at(pgseam, "shadow")
    compare(pgseam, "--threshold", "2.5", "--at-least", "80")
    report(db, False), report(db, False)
    assert one(pgseam)["frozen"] is False  # 2 of 80 are 2.5 %
    db.execute("SELECT pgseam.rollout_report('r', g::text, true) FROM generate_series(1, 117) AS g")
    report(db, False)
    assert one(pgseam)["frozen"] is False  # 3 of 120 are, too
    report(db, False)
    assert "4 of 121" in one(pgseam)["frozen_because"]


def test_only_where_there_is_a_way_back(db, pgseam):
    for stage in STAGES:
        at(pgseam, stage, stage)
        assert report(db, False, name=stage)
        shown = one(pgseam, stage)
        assert shown["frozen"] is (stage not in ("off", "complete"))
        assert [(total["stage"], total["source"], *figures(total)) for total in shown["stages"]] == [(stage, "report", 1, 1, 0, 0)]


def test_nobody_waits_for_another_ones_report(any_cluster, db, pgseam):
    """Transactions that stay open, each with a report in it; then many at once. The sum is exact."""
    at(pgseam, "shadow")
    open_ones = [db.connect() for _ in range(8)]
    try:
        for is_there in (False, True):  # rows of their own, and then those again
            for conn in open_ones:
                conn.execute("SET lock_timeout = '1s'; BEGIN")
                assert conn.execute(REPORT, ["r", "k", True, None]).fetchone() == (True,)
            if is_there:
                assert db.scalar("SELECT count(*) FROM pgseam.rollout_count") == 8
                rollout(pgseam, "freeze", "r", "--because", "by hand")
                rollout(pgseam, "unfreeze", "r")
            for conn in open_ones:
                conn.execute("COMMIT")
        # A mismatch that freezes waits for nobody either.
        for conn in open_ones[:2]:
            begin = time.monotonic()
            conn.execute("BEGIN")
            conn.execute(REPORT, ["r", "k", False, "x"])
            assert time.monotonic() - begin < 0.5 and one(pgseam)["frozen"] is False
        open_ones[0].execute("ROLLBACK")
        open_ones[1].execute("COMMIT")
        assert one(pgseam)["frozen"] is False  # the one that would have frozen it is undone
    finally:
        for conn in open_ones:
            conn.close()
    assert totals(pgseam) == {("shadow", "report"): (17, 1, 0, 94.1176)}


def test_a_crowd_is_counted_exactly_and_leaves_few_rows(any_cluster, db, pgseam):
    at(pgseam, "shadow")
    compare(pgseam, "--threshold", "100")
    errors = []

    def work(seed):
        try:
            with db.connect() as conn:
                for number in range(150):
                    conn.execute(REPORT, ["r", str(number), (number + seed) % 10 > 0, None])
        except psycopg.Error as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        # Meanwhile the parts are put together.
        rollout(pgseam, "set", "r", "dualwrite")
        rollout(pgseam, "set", "r", "shadow")
    assert errors == []
    counted = db.query("SELECT sum(compared), sum(mismatches) FROM pgseam.rollout_count")
    assert counted == [(1200, 120)]
    assert db.scalar("SELECT count(*) FROM pgseam.rollout_count") < 60
    assert db.scalar("SELECT max(n) FROM (SELECT count(*) AS n FROM pgseam.rollout_mismatch GROUP BY period) AS s") <= 110


def test_each_kind_of_transaction(any_cluster, db, pgseam):
    at(pgseam, "shadow")
    with db.connect() as conn:
        conn.execute("BEGIN READ ONLY")
        assert conn.execute(REPORT, ["r", "k", False, None]).fetchone() == (False,)
        conn.execute("COMMIT")
        for level in ("REPEATABLE READ", "SERIALIZABLE"):
            conn.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT 1")
            report(db, True)
            for matches in (True, None):
                assert conn.execute(REPORT, ["r", "k", matches, None]).fetchone() == (True,)
            conn.execute("COMMIT")
        # Somebody has changed the rollout since: this one cannot freeze, and goes on.
        conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        db.execute("UPDATE pgseam.rollout SET changed_by = 'x'")
        assert conn.execute(REPORT, ["r", "k", False, None]).fetchone() == (True,)
        conn.execute("COMMIT")
        assert one(pgseam)["frozen"] is False
        conn.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        conn.execute(REPORT, ["r", "k", False, None])
        conn.execute("COMMIT")
    assert one(pgseam)["frozen"] is True
    assert totals(pgseam) == {("shadow", "report"): (6, 2, 2, 66.6666)}


def test_only_who_was_granted_may_report(any_cluster, db, pgseam):
    any_cluster.role("reporter")
    any_cluster.role("stranger")
    at(pgseam, "shadow")
    db.execute("GRANT USAGE ON SCHEMA pgseam TO stranger")  # as one who was granted by a former program
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        report(db, False, role="stranger")
    assert db.scalar("SELECT pgseam.rollout_version('r', '1')", role="stranger") == "old"
    rollout(pgseam, "grant", "reporter")
    assert report(db, False, role="reporter", detail="x" * 5000, key="ü" * 300)
    assert history(pgseam)[-1]["role"] == "reporter" and one(pgseam)["changed_by"] == "reporter (rollout_report)"
    for table in ("pair", "sample", "count", "mismatch"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(f"SELECT FROM pgseam.rollout_{table}", role="reporter")
    db.execute("REVOKE USAGE ON SCHEMA pgseam FROM reporter")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        report(db, False, role="reporter")


def test_nothing_of_the_caller_leads_it_astray(db, cluster, pgseam):
    cluster.role("reporter")
    at(pgseam, "shadow")
    rollout(pgseam, "grant", "reporter")
    db.execute("CREATE SCHEMA trap AUTHORIZATION reporter")
    with db.connect("reporter") as conn:
        conn.execute("CREATE TEMP TABLE rollout (name text, stage text); CREATE TEMP TABLE rollout_count (rollout text);"
                     "CREATE FUNCTION trap.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS $$ SELECT 'stolen' $$;"
                     "SET search_path = trap, pg_temp, pg_catalog")
        assert conn.execute("SELECT pgseam.rollout_report('r', '1; DROP TABLE x', false, 'it''s %s %n')").fetchone() == (True,)
    assert one(pgseam)["frozen_because"].endswith("key 1; DROP TABLE x: it's %s %n")


def test_it_is_cheap(any_cluster, db, pgseam):
    at(pgseam, "shadow")
    with db.connect() as conn:
        begin = time.perf_counter()
        for _ in range(300):
            conn.execute(REPORT, ["r", "k", True, None])
        # 0.2 ms each with its commit on an idle machine.
        assert time.perf_counter() - begin < 300 * 5e-3


def test_dump_and_restore_keep_all_of_it(cluster, db, pgseam):
    own = cluster.bin / "pg_dump"
    dump = str(own) if own.exists() else shutil.which("pg_dump") if cluster.major <= 15 else None
    if dump is None or shutil.which("psql") is None:
        pytest.skip("no pg_dump for this server")
    cluster.role("reporter")
    db.execute("CREATE TABLE o (id int PRIMARY KEY, a int); CREATE TABLE n AS TABLE o")
    at(pgseam, "shadow")
    rollout(pgseam, "grant", "reporter")
    compare(pgseam, "--old", "TABLE o", "--new", "TABLE n", "--threshold", "60")
    check(pgseam)
    report(db, False), report(db, True)
    before = one(pgseam)
    dumped = subprocess.run([dump, "-d", db.dsn], capture_output=True, text=True, check=True).stdout
    with cluster.database() as twin:
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", twin.dsn], input=dumped, text=True, check=True, stdout=subprocess.DEVNULL)
        with Pgseam(twin) as other:
            assert one(other) == before
        assert report(twin, True, role="reporter") and twin.scalar("SELECT sum(compared) FROM pgseam.rollout_count WHERE source = 'report'") == 3
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            twin.execute("SELECT FROM pgseam.rollout_count", role="reporter")
