"""A table of all recipes on all servers: nobody notices, rollback leaves nothing, complete gives what psql gives; killed or not."""

import functools
import os
import re
import signal
import time
import zlib

import pytest
from harness import Clients, Pgseam
from harness.recipes import BAD_DATA, BASE, GATE, RECIPES, SLOW, TRAFFIC
from harness.twin import assert_same, difference, psql

# Where a kill hits: each row takes the first three that it passes, and rows begin at different places of the list.
KILLS = [
    "guard.committed:1", "step.verified:1", "alone.before:1", "batch.committed:2", "step.intent:2", "alone.after:1",
    "guard.committed:2", "batch.cursor:1", "step.begin:2", "guard.locked:1", "phase.end:1",
]
KILLS_PER_ROW = 3
SMALL_BATCHES = ["--max-batch", "1500"]


@pytest.fixture(scope="module")
def base(clusters):
    """base(cluster): the database that is copied for every row."""
    made = {}

    def get(cluster):
        if cluster not in made:
            cluster.role("app_reader")
            made[cluster] = cluster.database(f"recipes_{os.getpid()}")
            made[cluster].execute(BASE)
        return made[cluster]

    yield get
    for database in made.values():
        database.drop()


class Bench:
    """Databases for one row on one server."""

    def __init__(self, base, cluster, name):
        self.base, self.cluster, self.name, self.row = base, cluster, name, RECIPES[name]
        self.made = []

    def fresh(self):
        """A database as it is before the migration."""
        db = self.cluster.database(template=self.base(self.cluster).name)
        self.made.append(db)
        if self.row.setup:
            db.execute(self.row.setup)
        return db

    @functools.cached_property
    def before(self):
        return self.fresh().dump_schema()

    @functools.cached_property
    def before_and_kept(self):
        """The schema that rollback has to give: what it was, and what cannot be taken back."""
        db = self.fresh()
        if self.row.kept:
            db.execute(self.row.kept)
        return db.dump_schema()

    @functools.cached_property
    def twin(self):
        """The database after the migration through plain SQL, statement by statement as psql runs it."""
        db = self.fresh()
        text = self.row.plain or self.row.migration
        with Pgseam(db) as tool:
            psql(db, tool.file("plain.sql", text + ";\n"))
        return db

    @functools.cached_property
    def after(self):
        return self.twin.dump_schema(), rows_of(self.twin, self.row.loose)

    def assert_before(self, db, kept="there"):
        dump = db.dump_schema()
        # A kill may have come before the statement that cannot be taken back.
        if kept == "there or not" and not difference(self.before, dump):
            return
        assert_same(self.before_and_kept, dump, f"{self.name}: after rollback the schema is not what it was")

    def assert_after(self, db):
        schema, rows = self.after
        assert_same(schema, db.dump_schema(), f"{self.name}: complete and psql differ")
        assert rows_of(db, self.row.loose) == rows
        for check in self.row.checks:
            assert db.query(check) == self.twin.query(check), check

    def close(self):
        for db in self.made:
            db.drop()


def rows_of(db, loose):
    """{table: digest of its rows} without the loose columns."""
    columns = db.query(
        "SELECT a.attrelid::regclass::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a JOIN pg_class c"
        " ON c.oid = a.attrelid WHERE c.relkind IN ('r', 'm') AND a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace NOT IN"
        " (SELECT oid FROM pg_namespace WHERE nspname IN ('pgseam', 'pg_catalog', 'information_schema') OR nspname LIKE 'pg_toast%')"
        " GROUP BY 1"
    )
    return {table: db.data_digest(table, [name for name in names if name not in loose]) for table, names in columns}


def state(pgseam):
    return pgseam.run("status", "--format", "json").json()["migrations"][0]["state"]


@pytest.fixture
def bench(base):
    made = []

    def get(cluster, name):
        made.append(Bench(base, cluster, name))
        return made[-1]

    yield get
    for one in made:
        one.close()


def clients(db, row):
    return Clients(db, [TRAFFIC[table] for table in row.tables], prepared=row.prepared)


def test_the_table_is_complete():
    assert len(RECIPES) >= 40


def held_too_long(db, plan):
    """Locks that the application feels and that last for as long as a scan or a build; small and new tables may have them."""
    harmless = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE")
    big = {name for (name,) in db.query(
        "SELECT format('%I.%I', relnamespace::regnamespace, relname) FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND (reltuples > 100 OR relkind = 'p')")}
    return [
        f"{step['kind']} holds {lock['mode']} on {lock['relation']} for a {lock['hold']}: {step['sql']}"
        for step in plan["steps"] for lock in step["locks"]
        if lock["hold"] in ("scan", "build", "rewrite") and lock["mode"] not in harmless and lock["relation"] in big
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(any_cluster, bench, name):
    bench = bench(any_cluster, name)
    row = bench.row

    db = bench.fresh()
    with Pgseam(db) as pgseam, clients(db, row) as application:
        pgseam.run("start", *SMALL_BATCHES, pgseam.file("undone.sql", row.migration + GATE))
        pgseam.run("rollback")
        application.stop().assert_clean()
    bench.assert_before(db)

    db = bench.fresh()
    with Pgseam(db) as pgseam, clients(db, row) as application:
        file = pgseam.file("done.sql", row.migration + ";\n")
        assert not held_too_long(db, pgseam.run("plan", "--format", "json", file).json())
        pgseam.run("start", *SMALL_BATCHES, file)
        if row.stops:
            application.stop()
        if state(pgseam) != "complete":
            pgseam.run("complete")
        assert state(pgseam) == "complete"
        application.stop().assert_clean()
    bench.assert_after(db)


def kills_of(name):
    """The list of kills, begun somewhere else for each row."""
    first = zlib.crc32(name.encode()) % len(KILLS)
    return KILLS[first:] + KILLS[:first]


def killed(bench, kill, text):
    """(database, was it killed): a migration that was started, and if need be completed, with that fault."""
    db = bench.fresh()
    with Pgseam(db) as pgseam:
        file = pgseam.file("m.sql", text)
        result = pgseam.run("start", *SMALL_BATCHES, file, env={"PGSEAM_FAULT": kill}, expect=None)
        if result.rc == 0 and state(pgseam) == "gated":
            result = pgseam.run("complete", env={"PGSEAM_FAULT": kill}, expect=None)
        assert result.rc in (0, -signal.SIGKILL), result
        return db, result.rc != 0


def back(bench, db):
    """Rolls a killed migration back, or goes on where that is refused because something has been dropped."""
    with Pgseam(db) as pgseam:
        if pgseam.run("rollback", expect=None).rc == 0:
            return bench.assert_before(db, "there or not")
        pgseam.run("rollback", expect=3)
        pgseam.run("resume", *SMALL_BATCHES)
        assert state(pgseam) == "complete"


def forward(bench, db):
    """Goes on with a killed migration to its end."""
    with Pgseam(db) as pgseam:
        if state(pgseam) != "complete":
            pgseam.run("resume", *SMALL_BATCHES)
        if state(pgseam) != "complete":
            pgseam.run("complete")
        assert state(pgseam) == "complete"
    bench.assert_after(db)


def steps_of(bench):
    with Pgseam(bench.fresh()) as pgseam:
        return pgseam.run("plan", "--format", "json", pgseam.file("m.sql", bench.row.migration + ";\n")).json()["steps"]


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in SLOW])
def test_killed_recipe(cluster, bench, name):
    bench = bench(cluster, name)
    hits = []
    for point in kills_of(name):
        kill = point.replace(":", ":kill:")
        db, was_killed = killed(bench, kill, bench.row.migration + ";\n")
        if not was_killed:
            continue
        hits.append(point)
        forward(bench, db)
        db, _ = killed(bench, kill, bench.row.migration + GATE)
        back(bench, db)
        if len(hits) == KILLS_PER_ROW:
            break
    assert hits or not steps_of(bench), "no kill hit"


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_are_named_and_nothing_is_left(cluster, base, name):
    row = BAD_DATA[name]
    with cluster.database(template=base(cluster).name) as db, Pgseam(db) as pgseam:
        if row.setup:
            db.execute(row.setup)
        before, rows = db.dump_schema(), rows_of(db, ())
        result = pgseam.run("start", pgseam.file("m.sql", row.migration + ";\n"), expect=None)
        if result.rc == 0:
            result = pgseam.run("complete", expect=None)
        assert result.rc in (1, 3), result
        assert re.search(row.says, result.err.replace(row.migration, "")), result
        if result.rc == 1 or db.scalar("SELECT to_regclass('pgseam.migration') IS NOT NULL"):
            pgseam.run("rollback")
        assert_same(before, db.dump_schema(), "something is left")
        if "UPDATE" not in row.migration:
            assert rows_of(db, ()) == rows


# ---- what the application of these tests would notice


def test_clients_notice_a_wait(cluster, bench):
    db = bench(cluster, "add column").fresh()
    with clients(db, RECIPES["add column"]) as application, db.connect(autocommit=False) as other:
        other.execute("LOCK TABLE t; SELECT pg_sleep(0.6)")
        other.commit()
        assert "waited" in "\n".join(application.stop().faults())


def test_clients_notice_an_error(cluster, bench):
    db = bench(cluster, "add column").fresh()
    with clients(db, RECIPES["add column"]) as application:
        db.execute("ALTER TABLE t RENAME d TO e")
        time.sleep(0.3)
        db.execute("ALTER TABLE t RENAME e TO d")
        assert "42703" in "\n".join(application.stop().faults())


def test_clients_leave_the_data_as_they_were(cluster, bench):
    db = bench(cluster, "add column").fresh()
    before = rows_of(db, ())
    with Clients(db, [one for table, one in TRAFFIC.items() if table != "ts"]) as application:
        db.execute("SELECT pg_sleep(0.5)")
        application.stop().assert_clean()
    assert application.statements > 100
    assert rows_of(db, ()) == before


def test_a_difference_of_schemas_is_noticed(cluster, bench):
    bench = bench(cluster, "add column")
    db = bench.fresh()
    with pytest.raises(AssertionError, match="complete and psql differ"):
        bench.assert_after(db)
    db.execute("ALTER TABLE t ADD COLUMN x int")
    bench.assert_after(db)
    with pytest.raises(AssertionError, match="not what it was"):
        bench.assert_before(db)
    db.execute("UPDATE t SET d = 'other' WHERE c = 5")
    with pytest.raises(AssertionError):
        bench.assert_after(db)


@pytest.mark.parametrize("name", ["slow check", "slow index", "slow default", "slow refresh", "slow update", "slow type, check"])
def test_plain_sql_would_be_noticed(cluster, bench, name):
    # What these rows prove rests on it: as they stand, the same statements make the application wait.
    bench = bench(cluster, name)
    db = bench.fresh()
    with clients(db, bench.row) as application:
        db.execute(bench.row.migration)
        assert "waited" in "\n".join(application.stop().faults())
