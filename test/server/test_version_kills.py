"""A version that is killed anywhere, and what others do to it: back or on, and each application works meanwhile."""

import signal

import pytest
from harness import Pgseam
from harness.storm import storm
from harness.twin import assert_same
from harness.versions import (CASES, RENAME, T, Case, answers, by_psql, dump_without, everything, session, shape, state,
                              to_the_gate, views_of)


@pytest.fixture
def twin(db):
    """A second database of the same server."""
    with db.cluster.database() as other:
        yield other


# ---- others


def test_later_migration_takes_nothing_from_under_a_version(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, RENAME)
    pgseam.run("complete")
    before = db.dump_schema()
    result = pgseam.run("start", pgseam.file("n.sql", "ALTER TABLE t DROP COLUMN c;"), expect=3)
    assert "v2" in result.err, result
    assert_same(before, db.dump_schema(), "something was changed")
    pgseam.run("version", "drop", "v2")
    pgseam.run("start", pgseam.folder / "n.sql")
    pgseam.run("complete")
    assert [name for name, *_ in shape(db, "public", "t")] == ["id", "z", "b"]


@pytest.mark.parametrize("drop", [False, True], ids=["rollback", "version drop"])
def test_what_others_have_put_into_the_schema_is_not_dropped(cluster, db, pgseam, drop):
    """Whoever has the version first in its path makes its tables there."""
    db.execute(T)
    to_the_gate(pgseam, RENAME)
    with session(db, "v2, public") as conn:
        conn.execute("CREATE TABLE mine AS SELECT 1 AS x")
    if drop:
        pgseam.run("complete")
    command = ["version", "drop", "v2"] if drop else ["rollback"]
    result = pgseam.run(*command, expect=None)
    assert db.query("SELECT x FROM v2.mine") == [(1,)]
    assert result.rc == 0 or "mine" in result.err, result
    db.execute("DROP TABLE v2.mine")
    if result.rc != 0:
        pgseam.run(*command)
        assert views_of(db, "v2") is None


# ---- killed anywhere

FORWARD = ["step.begin", "step.intent", "guard.locked", "guard.committed", "step.verified", "phase.end"]
BACK = ["undo.begin", "undo.done", "guard.locked", "guard.committed"]
KILLED = Case(CASES["add, rename, drop, default"].setup, CASES["add, rename, drop, default"].file, everything("u", a="z")[:3], ("u",))
OLD_DOES = ["SELECT id, a, b, c, gone FROM t WHERE id = 1", "UPDATE t SET a = a WHERE id = 1", "INSERT INTO t (id) SELECT max(id) + 1 FROM t"]


def own_points(pgseam):
    return [point for point in pgseam.run("fault-points").out.split() if point.startswith("version.")]


def fine(db, statements, path):
    failed = [(text, given) for text, given in answers(db, statements, path) if isinstance(given, str)]
    assert not failed, failed


def killed_forward(db, pgseam, twin, point):
    db.execute(KILLED.setup)
    by_psql(twin, KILLED.setup, KILLED.text)
    file = pgseam.file("m.sql", KILLED.text)
    hits = storm(pgseam, ["start", file], point, lambda: fine(db, OLD_DOES, "public"))
    assert state(pgseam) == "gated"
    assert shape(db, "v2", "u") == shape(twin, "public", "u")
    # All that the old application and the new one do goes on, wherever it died.
    fine(db, OLD_DOES, "public")
    hits += storm(pgseam, ["complete"], point, lambda: fine(db, KILLED.does, KILLED.path))
    assert state(pgseam) == "complete"
    fine(db, KILLED.does, KILLED.path)
    assert_same(twin.dump_schema(), dump_without(db, "v2"), "complete and psql differ")
    return hits


def killed_back(db, pgseam, point, back):
    """Killed at each passing in turn: in `start`, or in `rollback`, and rolled back."""
    db.execute(KILLED.setup)
    before, hits = db.dump_schema(), 0
    for number in range(1, 60):
        fault = {"PGSEAM_FAULT": f"{point}:kill:{number}"}
        file = pgseam.file(f"m{number}.sql", KILLED.text)
        result = pgseam.run("start", file, env={} if back else fault, expect=None)
        was_killed = result.rc != 0
        fine(db, OLD_DOES, "public")
        if back:
            result = pgseam.run("rollback", env=fault, expect=None)
            was_killed = result.rc != 0
            fine(db, OLD_DOES, "public")
        assert result.rc in (0, -signal.SIGKILL), result
        if was_killed or not back:
            pgseam.run("rollback")
        assert_same(before, db.dump_schema(), f"after rollback from {number} the schema is not what it was")
        if not was_killed:
            return hits
        hits += 1
    raise AssertionError("no end in sight")


@pytest.mark.parametrize("point", FORWARD)
def test_killed_version_goes_on(cluster, db, pgseam, twin, point):
    assert killed_forward(db, pgseam, twin, point) >= 1


@pytest.mark.parametrize("point", FORWARD)
def test_killed_version_goes_back(cluster, db, pgseam, point):
    assert killed_back(db, pgseam, point, back=False) >= 1


@pytest.mark.parametrize("point", BACK)
def test_version_goes_back_though_that_is_killed(cluster, db, pgseam, point):
    assert killed_back(db, pgseam, point, back=True) >= 1


def test_killed_at_the_points_of_versions(cluster, pgseam):
    """Points that only versions have."""
    for point in own_points(pgseam):
        with cluster.database() as db, cluster.database() as twin, Pgseam(db) as tool:
            killed_forward(db, tool, twin, point)
        with cluster.database() as db, Pgseam(db) as tool:
            killed_back(db, tool, point, back=False)


@pytest.mark.parametrize("point", ["guard.committed:1", "guard.committed:2", "step.intent:2", "step.verified:1"])
def test_killed_complete_is_rolled_back_or_gone_on_with(cluster, db, pgseam, twin, point):
    db.execute(KILLED.setup)
    before = db.dump_schema()
    by_psql(twin, KILLED.setup, KILLED.text)
    to_the_gate(pgseam, KILLED.text)
    pgseam.run("complete", env={"PGSEAM_FAULT": point.replace(":", ":kill:")}, expect=None)
    fine(db, KILLED.does, KILLED.path)
    if pgseam.run("rollback", expect=None).rc == 0:
        assert_same(before, db.dump_schema(), "after rollback the schema is not what it was")
        return
    fine(db, KILLED.does, KILLED.path)
    if state(pgseam) != "complete":
        pgseam.run("resume")
    assert state(pgseam) == "complete"
    assert_same(twin.dump_schema(), dump_without(db, "v2"), "complete and psql differ")
