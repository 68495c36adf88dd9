"""The laws of each step kind, on a real server: absent; run; present; run again changes nothing; undo; absent; and no lock that
the plan did not declare."""

import json
import re
import time
from pathlib import Path

import pytest
from harness import Pgseam

STEP_H = Path(__file__).resolve().parents[2] / "src/plan/step.h"

SETUP = """
CREATE TABLE parent (id bigint PRIMARY KEY);
CREATE TABLE t (id bigint PRIMARY KEY, a int DEFAULT 7, b int NOT NULL DEFAULT 1, c int, gone text,
                parent_id bigint REFERENCES parent);
CREATE INDEX t_c ON t (c);
CREATE TABLE filled (id bigserial PRIMARY KEY, t_id bigint);
CREATE TABLE child (id bigint PRIMARY KEY, t_id bigint REFERENCES t);
CREATE TABLE pt (id bigint) PARTITION BY RANGE (id);
CREATE TABLE pt_1 PARTITION OF pt FOR VALUES FROM (0) TO (10);
INSERT INTO parent SELECT g FROM generate_series(1, 10) g;
INSERT INTO t SELECT g, 1, 1, g, 'x', g % 9 + 1 FROM generate_series(1, 3000) g;
INSERT INTO child SELECT g, g FROM generate_series(1, 100) g;
CREATE SCHEMA aside;
CREATE TABLE aside.filenode AS SELECT pg_relation_filenode('t_c')::bigint AS n;
ANALYZE;
"""

COLUMN = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = '{}' AND NOT attisdropped)"
DEFAULT = ("SELECT (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND"
           " attnum = adnum WHERE adrelid = 't'::regclass AND attname = '{}') IS NOT DISTINCT FROM {}")
NOT_NULL = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = '{}'"
CHECK = "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 't'::regclass AND conname LIKE 'pgseam%' AND {})"
INDEX = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('{}') AND indisvalid)"

FOREIGN_KEY = "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES parent (id)"
CONSTRAINT = "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 't'::regclass AND conname = '{}' AND {})"

# kind -> (migration, what says that it is present, is it in contract). The check of SET NOT NULL is gone when the migration is
# through: it is seen at the fault point after its own step.
KINDS = {
    "table.create": ("CREATE TABLE fresh (id bigint PRIMARY KEY)", "SELECT to_regclass('fresh') IS NOT NULL", False),
    "column.add": ("ALTER TABLE t ADD COLUMN x int DEFAULT 5 NOT NULL", COLUMN.format("x"), False),
    "column.drop": ("ALTER TABLE t DROP COLUMN parent_id", COLUMN.format("parent_id").replace("EXISTS", "NOT EXISTS"), True),
    "column.set_default": ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 9", DEFAULT.format("a", "'9'"), False),
    "column.drop_default": ("ALTER TABLE t ALTER COLUMN a DROP DEFAULT", DEFAULT.format("a", "NULL"), True),
    "column.drop_not_null": ("ALTER TABLE t ALTER COLUMN b DROP NOT NULL", NOT_NULL.format("b").replace("attnotnull", "NOT attnotnull"),
                             False),
    "column.set_not_null": ("ALTER TABLE t ALTER COLUMN c SET NOT NULL", NOT_NULL.format("c"), True),
    "check.add_not_valid": ("ALTER TABLE t ADD CONSTRAINT pgseam_k CHECK (c > 0)", CHECK.format("true"), True),
    "check.validate": ("ALTER TABLE t ADD CONSTRAINT pgseam_k CHECK (c > 0)", CHECK.format("convalidated"), True),
    "foreign_key.add_not_valid": (FOREIGN_KEY, CONSTRAINT.format("fk", "true"), True),
    "foreign_key.validate": (FOREIGN_KEY, CONSTRAINT.format("fk", "convalidated"), True),
    "constraint.add": ("ALTER TABLE t ADD CONSTRAINT u UNIQUE (c)", CONSTRAINT.format("u", "true"), True),
    "index.create": ("CREATE INDEX t_a ON t (a)", INDEX.format("t_a"), False),
    "index.drop": ("DROP INDEX t_c", INDEX.format("t_c").replace("EXISTS", "NOT EXISTS"), True),
    "backfill.update": ("UPDATE t SET a = a + 1 WHERE id % 2 = 0", "SELECT sum(a) = 3000 + 1500 FROM t", False),
    "backfill.delete": ("DELETE FROM t WHERE id > 200", "SELECT count(*) = 200 FROM t", False),
    "backfill.insert": ("INSERT INTO filled (t_id) SELECT id FROM t WHERE id % 3 > 0", "SELECT count(*) = 2000 FROM filled", False),
    "dml.once": ("UPDATE parent SET id = id + 100 WHERE id > (SELECT max(id) - 1 FROM parent)", "SELECT max(id) = 110 FROM parent",
                 False),
    "ddl.run": ("ALTER TABLE t SET (fillfactor = 70)", "SELECT reloptions IS NOT NULL FROM pg_class WHERE oid = 't'::regclass", False),
    "ddl.final": ("ALTER TABLE t DROP CONSTRAINT t_parent_id_fkey", CONSTRAINT.format("t_parent_id_fkey", "true").replace("EXISTS", "NOT EXISTS"),
                  True),
    "index.reindex": ("REINDEX INDEX t_c", "SELECT pg_relation_filenode('t_c') <> (SELECT n FROM aside.filenode)", False),
    "partition.detach": ("ALTER TABLE pt DETACH PARTITION pt_1", "SELECT NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'pt_1'::regclass)",
                         True),
    "opaque.run": ("-- pgseam: allow opaque because it is a test\nDO $$ BEGIN COMMENT ON TABLE t IS 'seen'; END $$",
                   "SELECT obj_description('t'::regclass) IS NOT NULL", False),
}
# What a rollback does not take back: once done it is refused, or the rows stay as they are.
FINAL = {"column.drop", "index.drop", "partition.detach", "ddl.final"}
KEPT = {"backfill.update", "backfill.delete", "backfill.insert", "dml.once", "opaque.run", "index.reindex"}

MODES = [
    "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
]
# Long enough for us to look while pgseam is frozen with its locks.
PATIENT = ["--lock-budget", "20000"]

# The strongest lock of pgseam's sessions on each table of the user; that on an index counts for its table.
OBSERVED = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), array_agg(DISTINCT l.mode)
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  LEFT JOIN pg_index i ON i.indexrelid = l.relation
  JOIN pg_class c ON c.oid = coalesce(i.indrelid, l.relation) JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE l.locktype = 'relation' AND l.granted AND a.application_name LIKE 'pgseam/%%' AND a.datname = current_database()
   AND n.nspname NOT IN ('pgseam', 'pg_catalog', 'pg_toast') AND c.relkind IN ('r', 'p', 'm') GROUP BY 1
"""


def spelled(mode):
    """'AccessExclusiveLock' as the plan has it: 'ACCESS EXCLUSIVE'."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()


def undeclared(observed, declared):
    """Those of the observed locks that are stronger than what was declared."""
    allowed = {}
    for lock in declared:
        allowed[lock["relation"]] = max(allowed.get(lock["relation"], -1), MODES.index(lock["mode"]))
    return [
        f"{relation}: {mode}" for relation, modes in sorted(observed.items()) for mode in sorted(map(spelled, modes))
        if MODES.index(mode) > allowed.get(relation, -1)
    ]


def plan_of(pgseam, file):
    return pgseam.run("plan", "--format", "json", file).json()


def step_of(plan, kind):
    return next(step for step in plan["steps"] if step["kind"] == kind)


def status_of(db, name, step):
    return db.scalar("SELECT s.status FROM pgseam.step s JOIN pgseam.migration m ON m.id = s.migration_id"
                     " WHERE m.name = %s AND s.id = %s", [name, step["id"]])


def end_state(db):
    tables = [name for (name,) in db.query("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'"
                                           " AND relnamespace = 'public'::regnamespace ORDER BY 1")]
    return db.dump_schema(), {name: db.data_digest(name) for name in tables}


class Case:
    """One kind's migration on a fresh database."""

    def __init__(self, db, pgseam, kind):
        db.execute(SETUP)
        self.db, self.pgseam, self.kind = db, pgseam, kind
        sql, self.present, self.in_contract = KINDS[kind]
        self.file = pgseam.file("m.sql", sql + ";\n")
        self.plan = plan_of(pgseam, self.file)
        if kind == "column.set_not_null" and db.cluster.major >= 18:
            pytest.skip("NOT NULL is a constraint of its own from 18 on: no such step")
        self.step = step_of(self.plan, kind)
        # The steps of a phase pass a fault point one after the other.
        self.place = [step["id"] for step in self.plan["steps"] if step["phase"] == self.step["phase"]].index(self.step["id"]) + 1

    def guarded_place(self):
        """The same, of the steps that pass the guard."""
        before = [step for step in self.plan["steps"] if step["phase"] == self.step["phase"] and step["id"] < self.step["id"]]
        return 1 + len([step for step in before if not step["kind"].startswith("index.")])

    def is_present(self):
        return self.db.scalar(self.present)

    def command(self):
        """The command that runs the step, after the one that leads to it."""
        if not self.in_contract:
            return "start", self.file
        self.pgseam.run("start", self.file)
        return "complete", "m"

    def run(self, *options, expect=0, env=None):
        command, argument = self.command()
        return self.pgseam.run(command, *options, argument, expect=expect, env=env)

    def fault(self, point, action="error", place=None):
        return {"PGSEAM_FAULT": f"{point}:{action}:{place or self.place}"}


@pytest.fixture(params=sorted(KINDS))
def case(request, db, pgseam):
    return Case(db, pgseam, request.param)


def test_each_kind_is_tested():
    kinds = set(re.findall(r'X\(STEP_\w+,\s*"([^"]+)"', STEP_H.read_text()))
    # Those of a rewrite are one engine: test_rewrite_kills.py stops it within each and looks at what is left.
    rewrite = {kind for kind in kinds if kind.startswith("rewrite.")}
    assert len(rewrite) == 8
    # What they compare is made by others: test_version_changes.py, test_version_twins.py.
    assert len(kinds) >= 14 and kinds - rewrite - {"version.verify", "version.end"} == set(KINDS)


def test_absent_run_present(any_cluster, case):
    assert not case.is_present()
    case.run(env=case.fault("step.verified"), expect=1)
    assert case.is_present()
    assert status_of(case.db, "m", case.step) in ("running", "done")
    case.pgseam.run("resume", "m")
    assert status_of(case.db, "m", case.step) == "done"
    assert case.db.scalar("SELECT state FROM pgseam.migration") == "complete"
    if not case.kind.startswith("check."):
        assert case.is_present()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_run_again_changes_nothing(cluster, kind):
    """Once interrupted after the work is done and resumed, once in one go: the same end."""
    ends = []
    for interrupted in (False, True):
        with cluster.database() as db, Pgseam(db) as pgseam:
            case = Case(db, pgseam, kind)
            if interrupted:
                case.run(env=case.fault("step.verified"), expect=1)
                between = end_state(db)
                pgseam.run("resume", "m")
                if case.place == len([s for s in case.plan["steps"] if s["phase"] == case.step["phase"]]):
                    assert end_state(db) == between
            else:
                case.run()
            ends.append(end_state(db))
    assert ends[0] == ends[1]


def test_undo_leaves_it_absent(case):
    before = end_state(case.db)
    last = len([step for step in case.plan["steps"] if step["phase"] == case.step["phase"]])
    # All steps of the phase are done; the migration is not.
    case.run(env=case.fault("phase.end", place=1), expect=1)
    assert status_of(case.db, "m", case.step) == "done" or last > case.place
    if case.kind in FINAL:
        result = case.pgseam.run("rollback", "m", expect=3)
        assert "can no longer be rolled back" in result.err
        assert case.is_present()
        return
    case.pgseam.run("rollback", "m")
    assert case.db.scalar("SELECT state FROM pgseam.migration") == "rolled_back"
    assert status_of(case.db, "m", case.step) == "undone"
    if case.kind in KEPT:
        assert case.is_present()
    else:
        assert not case.is_present()
        assert end_state(case.db) == before


def test_undo_before_it_began(case):
    before = end_state(case.db)
    case.run(env=case.fault("step.intent"), expect=1)
    if case.kind in ("index.drop", "partition.detach"):
        # Intent is written, and outside of a transaction nobody knows how far it came: forward only.
        case.pgseam.run("rollback", "m", expect=3)
        case.pgseam.run("resume", "m")
        assert case.is_present()
        return
    case.pgseam.run("rollback", "m")
    assert end_state(case.db) == before
    assert not case.is_present()


def frozen_locks(case, point, place):
    """Lets it stop itself at the point, reads the locks it holds, and lets it go on."""
    command, argument = case.command()
    process = case.pgseam.spawn(command, *PATIENT, argument, env=case.fault(point, "stop", place))
    try:
        deadline = time.monotonic() + 30
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert process.running() and time.monotonic() < deadline, process.err
            time.sleep(0.01)
        observed = dict(case.db.query(OBSERVED.replace("%%", "%")))
    finally:
        process.thaw()
    process.wait(expect=0)
    return observed


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"index.create", "index.drop", "index.reindex", "partition.detach", "opaque.run"}))
def test_no_lock_beyond_the_declared(any_cluster, db, pgseam, kind):
    """index.* are measured by test_lock_table.py; nobody knows what an opaque statement locks."""
    case = Case(db, pgseam, kind)
    observed = frozen_locks(case, "batch.work" if kind.startswith(("backfill.", "dml.")) else "guard.locked", case.guarded_place())
    assert undeclared(observed, case.step["locks"]) == []
    declared = {lock["relation"] for lock in case.step["locks"] if not lock.get("undo")}
    assert declared <= set(observed) | {"public.fresh"}
    assert case.is_present() or kind.startswith("check.")


def test_an_undeclared_lock_is_found():
    declared = [{"relation": "public.t", "mode": "SHARE UPDATE EXCLUSIVE"}]
    assert undeclared({"public.t": ["RowExclusiveLock", "ShareUpdateExclusiveLock"]}, declared) == []
    assert undeclared({"public.t": ["ShareLock"]}, declared) == ["public.t: SHARE"]
    assert undeclared({"public.u": ["AccessShareLock"]}, declared) == ["public.u: ACCESS SHARE"]


# What psql would have called an index without a name is what we call it.
INDEXES = [
    "t (a)", "t (a, b)", "t (lower(gone))", "t ((a + 1))", "t ((a + 1), (b + 1))", "t ((gone || 'x'), a)", "t (a, a)",
    "t (coalesce(a, b))", "t ((a::text))", "t (a) INCLUDE (b)", "t (c) WHERE a > 0", '"Odd table" ("Odd column", y)',
    "long_long_long_long_long_long_long_long_long_long_long_table (another_quite_long_column_name, y)",
    "täääääääääääääääääääääääääääbelle (\"spälte_äääääääääääääääääääää\")",
]
NAMED_SETUP = SETUP + """
CREATE TABLE "Odd table" ("Odd column" int, y int);
CREATE TABLE long_long_long_long_long_long_long_long_long_long_long_table (another_quite_long_column_name int, y int);
CREATE TABLE täääääääääääääääääääääääääääbelle ("spälte_äääääääääääääääääääää" int);
"""


def test_indexes_are_named_as_by_the_server(db, pgseam):
    db.execute(NAMED_SETUP)
    ours = {index: plan_of(pgseam, pgseam.file("i.sql", f"CREATE INDEX ON {index};"))["steps"][0]["params"]["index"]
            for index in INDEXES}
    theirs = {}
    for index in INDEXES:
        with db.connect(autocommit=False) as conn:
            table = index.split(" (")[0]
            before = {oid for (oid,) in conn.execute(f"SELECT indexrelid FROM pg_index WHERE indrelid = '{table}'::regclass")}
            conn.execute(f"CREATE INDEX ON {index}")
            after = conn.execute(f"SELECT indexrelid, relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
                                 f" WHERE indrelid = '{table}'::regclass").fetchall()
            theirs[index] = next(name for oid, name in after if oid not in before)
            conn.rollback()
    assert ours == theirs


def test_plan_json_has_what_the_laws_need(db, pgseam):
    db.execute(SETUP)
    plan = plan_of(pgseam, pgseam.file("m.sql", "ALTER TABLE t DROP COLUMN parent_id;"))
    assert json.dumps(plan)
    assert [lock["relation"] for lock in plan["steps"][0]["locks"]] == ["public.t", "public.parent"]
