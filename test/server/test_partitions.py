"""Partitioned tables and inheritance: under their clients, against plain SQL on a twin, and back again."""

import pytest
from harness import Crowd, Pgseam
from test_step_laws import frozen_locks, undeclared

SETUP = """
CREATE TABLE zone (id bigint PRIMARY KEY, name text);
CREATE TABLE m (id bigint NOT NULL, at date NOT NULL, zone_id bigint DEFAULT 1, a int DEFAULT 7, b int NOT NULL DEFAULT 1, gone text,
                PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_2024 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE m_2025 PARTITION OF m FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY HASH (id);
CREATE TABLE m_2025_0 PARTITION OF m_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE m_2025_1 PARTITION OF m_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE m_rest PARTITION OF m DEFAULT;
CREATE TABLE base (id bigint PRIMARY KEY, a int DEFAULT 7, gone text);
CREATE TABLE heir (extra int) INHERITS (base);
CREATE TABLE orphan (id bigint NOT NULL, a int, gone text, more int);
INSERT INTO zone SELECT g, 'zone ' || g FROM generate_series(1, 10) g;
INSERT INTO m SELECT g, date '2024-01-01' + g % 900, g % 10 + 1, g, 1, 'x' FROM generate_series(1, 20000) g;
INSERT INTO base SELECT g, g FROM generate_series(1, 2000) g;
INSERT INTO heir SELECT g, g FROM generate_series(2001, 4000) g;
ANALYZE;
"""

CLIENTS = [
    "INSERT INTO m (id, at, zone_id, a) SELECT nextval('tick'), date '2024-01-01' + %(n)s %% 900, %(n)s %% 10 + 1, 1",
    "UPDATE m SET a = 1 + %(n)s WHERE id = %(n)s",
    "SELECT a, b FROM m WHERE at = date '2024-01-01' + %(n)s %% 900",
    "SELECT count(*) FROM m_2024 WHERE id = %(n)s",
    "UPDATE base SET a = 5 WHERE id = %(n)s",
    "DELETE FROM m WHERE id = 30000 + %(n)s",
]


def prepare(db, extra=""):
    db.execute(SETUP + extra)
    db.execute("CREATE SEQUENCE tick START 100000")


def plain(db, sql):
    """What psql does with it: each statement on its own."""
    for statement in sql.split(";"):
        if statement.strip():
            db.execute(statement)


def check_forward(cluster, sql, extra="", psql=None):
    """Under clients, through `complete`: as on a twin with plain SQL."""
    with cluster.database() as db, cluster.database() as twin, Pgseam(db) as pgseam:
        prepare(db, extra)
        prepare(twin, extra)
        plain(twin, psql or sql)
        with Crowd(db, CLIENTS) as crowd:
            pgseam.run("start", pgseam.file("m.sql", sql))
            if db.scalar("SELECT state FROM pgseam.migration") != "complete":
                pgseam.run("complete", "m")
        assert crowd.faults() == []
        assert db.dump_schema() == twin.dump_schema()
        assert db.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


def check_back(cluster, sql, extra="", complete=True):
    """All steps done but for the last word, and taken back: as before."""
    with cluster.database() as db, Pgseam(db) as pgseam:
        prepare(db, extra)
        before = db.dump_schema(), db.data_digest("m"), db.data_digest("base")
        file = pgseam.file("m.sql", sql)
        plan = pgseam.run("plan", "--format", "json", file).json()
        phases = {step["phase"] for step in plan["steps"]}
        if phases - {"contract"}:
            fault = None if "contract" in phases else {"PGSEAM_FAULT": f"phase.end:error:{len(phases)}"}
            pgseam.run("start", file, env=fault, expect=None if fault else 0)
        else:
            pgseam.run("start", file)
        if complete and "contract" in phases:
            pgseam.run("complete", "m", env={"PGSEAM_FAULT": "phase.end:error:1"}, expect=1)
        pgseam.run("rollback", "m")
        assert (db.dump_schema(), db.data_digest("m"), db.data_digest("base")) == before


SIMPLE = [
    "ALTER TABLE m ADD COLUMN x int DEFAULT 5 NOT NULL",
    "ALTER TABLE base ADD COLUMN x int DEFAULT 5",
    "ALTER TABLE heir ADD COLUMN x int",
    "ALTER TABLE m ALTER COLUMN a SET DEFAULT 8",
    "ALTER TABLE m_2025 ALTER COLUMN a DROP DEFAULT",
    "ALTER TABLE m_2024 ALTER COLUMN a SET DEFAULT 9",
    "ALTER TABLE base ALTER COLUMN a SET DEFAULT 8",
    "ALTER TABLE m ALTER COLUMN b DROP NOT NULL",
    "ALTER TABLE m ALTER COLUMN zone_id SET NOT NULL",
    "ALTER TABLE m_2024 ALTER COLUMN zone_id SET NOT NULL",
    "ALTER TABLE base ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE m_2024 SET (fillfactor = 70)",
    "ALTER TABLE orphan INHERIT base",
    "ALTER TABLE m ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE heir REPLICA IDENTITY FULL",
]
FINAL = ["ALTER TABLE heir NO INHERIT base", "ALTER TABLE m DROP COLUMN gone", "ALTER TABLE base DROP COLUMN gone"]


@pytest.mark.parametrize("sql", SIMPLE + FINAL)
def test_alter_of_a_family_is_as_plain_sql(any_cluster, sql):
    check_forward(any_cluster, sql)


@pytest.mark.parametrize("sql", SIMPLE)
def test_alter_of_a_family_is_taken_back(any_cluster, sql):
    check_back(any_cluster, sql)


class Frozen:
    """What frozen_locks() of the step laws wants of a case."""

    def __init__(self, db, pgseam, file, step, in_contract):
        self.db, self.pgseam, self.file, self.step, self.in_contract = db, pgseam, file, step, in_contract

    def command(self):
        return ("complete", "m") if self.in_contract else ("start", self.file)

    def fault(self, point, action, place):
        return {"PGSEAM_FAULT": f"{point}:{action}:{place}"}


def check_locks(db, pgseam, sql, extra=""):
    """The locks held at the end of each guarded transaction are those that its step declares."""
    prepare(db, extra)
    file = pgseam.file("m.sql", sql)
    steps = pgseam.run("plan", "--format", "json", file).json()["steps"]
    guarded = [step for step in steps if not step["kind"].startswith(("index.create", "index.drop", "index.reindex", "backfill"))]
    started = False
    for contract in (False, True):
        mine = [step for step in guarded if (step["phase"] == "contract") == contract]
        for place, step in enumerate(mine, 1):
            with db.cluster.database() as other, Pgseam(other) as tool:
                prepare(other, extra)
                name = tool.file("m.sql", sql)
                if contract:
                    tool.run("start", name)
                case = Frozen(other, tool, name, step, contract)
                observed = frozen_locks(case, "guard.locked", place)
                allowed = [lock for lock in step["locks"] if not lock.get("undo")]
                assert undeclared(observed, allowed) == [], step["sql"]
                started = True
    assert started


@pytest.mark.parametrize("sql", [
    "ALTER TABLE m ADD COLUMN x int", "ALTER TABLE m ALTER COLUMN zone_id SET NOT NULL", "ALTER TABLE base DROP COLUMN gone",
])
def test_locks_of_a_family_are_declared(any_cluster, db, pgseam, sql):
    check_locks(db, pgseam, sql)


def refused(pgseam, sql, *words):
    result = pgseam.run("plan", pgseam.file("m.sql", sql), expect=3)
    for word in words:
        assert word in result.err, result.err


def test_what_would_not_reach_all_alike_is_refused(db, pgseam):
    prepare(db, "ALTER TABLE m_2024 ALTER COLUMN a SET DEFAULT 99; ALTER TABLE m_2024 ALTER COLUMN zone_id SET NOT NULL;")
    refused(pgseam, "ALTER TABLE m ALTER a SET DEFAULT 1", "has a default of its own", "m_2024")
    refused(pgseam, "ALTER TABLE m ALTER zone_id SET NOT NULL", "is NOT NULL there already")
    refused(pgseam, "ALTER TABLE m DROP COLUMN at", "partition key")
    refused(pgseam, "ALTER TABLE m DROP COLUMN id", "partition key", "m_2025")
    refused(pgseam, "ALTER TABLE m_2024 ADD COLUMN x int", "its columns are those of public.m")
    refused(pgseam, "ALTER TABLE m_2024 DROP COLUMN a", "its columns are those of public.m")
    refused(pgseam, "ALTER TABLE ONLY m ALTER a SET DEFAULT 1", "ONLY")
    refused(pgseam, "ALTER TABLE base ADD COLUMN extra int", "has that column already")


# ---- indexes

INDEXES = [
    "CREATE INDEX ON m (a)",
    "CREATE INDEX m_zone ON m USING btree (zone_id, a DESC) WHERE a > 5",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS m_low ON m (lower(gone)) INCLUDE (b)",
    "CREATE INDEX ON m_2025 (b)",
    "CREATE INDEX ON m_2024 (b)",
    "CREATE INDEX ON heir (a); CREATE INDEX ON base (gone)",
    "CREATE UNIQUE INDEX ON m (id, at, a)",
    "CREATE INDEX m_only ON ONLY m (a)",
]
# What psql refuses, or would do otherwise.
PSQL = {"CREATE INDEX CONCURRENTLY IF NOT EXISTS m_low ON m (lower(gone)) INCLUDE (b)":
        "CREATE INDEX IF NOT EXISTS m_low ON m (lower(gone)) INCLUDE (b)"}
TAKEN = "CREATE TABLE m_2024_a_idx (x int); CREATE INDEX m_2025_0_a_idx ON m_2025_0 (a) WHERE a > 1;"


@pytest.mark.parametrize("sql", INDEXES)
def test_index_is_as_plain_sql(any_cluster, sql):
    with_only = "ONLY" in sql
    with any_cluster.database() as db, any_cluster.database() as twin, Pgseam(db) as pgseam:
        prepare(db, TAKEN)
        prepare(twin, TAKEN)
        plain(twin, PSQL.get(sql, sql))
        with Crowd(db, CLIENTS) as crowd:
            pgseam.run("start", pgseam.file("m.sql", sql))
            if db.scalar("SELECT state FROM pgseam.migration") != "complete":
                pgseam.run("complete", "m")
        assert crowd.faults() == []
        assert db.dump_schema() == twin.dump_schema()
        assert db.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == (1 if with_only else 0)


@pytest.mark.parametrize("sql", INDEXES)
def test_index_is_taken_back(any_cluster, sql):
    check_back(any_cluster, sql, TAKEN)


def test_locks_of_an_index_are_declared(any_cluster, db, pgseam):
    check_locks(db, pgseam, "CREATE INDEX ON m (a)")


ALIKE = "CREATE INDEX mine ON m_2024 (a); CREATE INDEX ours ON m_2025 (a); CREATE INDEX other ON m_rest (a) WHERE a > 7;"


def test_an_index_of_the_same_shape_is_taken_as_it_is(any_cluster):
    check_forward(any_cluster, "CREATE INDEX ON m (a)", ALIKE)


def test_an_index_of_the_same_shape_stays_on_rollback(any_cluster):
    check_back(any_cluster, "CREATE INDEX ON m (a)", ALIKE, complete=False)


def test_drop_of_a_partitioned_index(any_cluster):
    extra = "CREATE INDEX m_a ON m (a); CREATE INDEX m_b ON m (b);"
    check_forward(any_cluster, "DROP INDEX m_a; DROP INDEX m_b", extra)
    check_back(any_cluster, "DROP INDEX m_a", extra, complete=False)


def test_an_index_of_a_partition_is_dropped_with_the_whole(db, pgseam):
    prepare(db, "CREATE INDEX m_a ON m (a);")
    refused(pgseam, "DROP INDEX m_2024_a_idx", "belongs to the partitioned index public.m_a", "takes those of the partitions")


@pytest.mark.parametrize("action", ["kill", "error"])
@pytest.mark.parametrize("end", ["resume", "rollback"])
@pytest.mark.parametrize("point", ["step.begin", "step.intent", "alone.before", "alone.after", "guard.locked", "guard.committed",
                                   "step.verified"])
def test_an_index_killed_anywhere(cluster, point, end, action):
    sql = "CREATE INDEX m_zone ON m (zone_id)"
    check_killed(cluster, sql, point, end, action)


def check_killed(cluster, sql, point, end, action, extra="", psql=None):
    """Hit at the first, second ... passing of the point, each time on a fresh database."""
    with cluster.database() as twin:
        prepare(twin, extra)
        before = twin.dump_schema()
        plain(twin, psql or sql)
        after = twin.dump_schema()
    for number in (1, 2, 4, 6):
        with cluster.database() as db, Pgseam(db) as pgseam:
            prepare(db, extra)
            file = pgseam.file("m.sql", sql)
            hit = pgseam.run("start", file, env={"PGSEAM_FAULT": f"{point}:{action}:{number}"}, expect=None)
            if hit.rc == 0 and db.scalar("SELECT state FROM pgseam.migration") == "gated":
                hit = pgseam.run("complete", "m", env={"PGSEAM_FAULT": f"{point}:{action}:1"}, expect=None)
                if hit.rc != 0 and end == "rollback":
                    rolled = pgseam.run("rollback", "m", expect=None)
                    if rolled.rc == 0:
                        assert db.dump_schema() == before
                        continue
                    assert "can no longer be rolled back" in rolled.err
                    pgseam.run("resume", "m")
            elif hit.rc != 0:
                pgseam.run(end, "m")
                if end == "rollback":
                    assert db.dump_schema() == before, (point, number)
                    continue
            if db.scalar("SELECT state FROM pgseam.migration") != "complete":
                pgseam.run("complete", "m")
            assert db.dump_schema() == after, (point, number)
            assert db.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


# ---- constraints

CONSTRAINTS = [
    "ALTER TABLE m ADD CONSTRAINT few CHECK (a >= 0)",
    "ALTER TABLE m ADD CHECK (b > 0) NOT VALID; ALTER TABLE m VALIDATE CONSTRAINT m_b_check",
    "ALTER TABLE base ADD CHECK (a >= 0)",
    "ALTER TABLE m_2024 ADD CONSTRAINT mine CHECK (a >= 0); ALTER TABLE m_2024 ADD UNIQUE (id)",
    "ALTER TABLE m ADD FOREIGN KEY (zone_id) REFERENCES zone",
    "ALTER TABLE m_2024 ADD CONSTRAINT z FOREIGN KEY (zone_id) REFERENCES zone (id) ON DELETE CASCADE",
    "ALTER TABLE m ADD UNIQUE (at, id)",
    "ALTER TABLE m ADD CONSTRAINT once UNIQUE (id, at) INCLUDE (a) DEFERRABLE",
    "CREATE TABLE child (id bigint PRIMARY KEY, m_id bigint, m_at date); ALTER TABLE child ADD FOREIGN KEY (m_id, m_at) REFERENCES m",
]
BARE = """CREATE TABLE bare (id bigint, k int) PARTITION BY RANGE (id);
CREATE TABLE bare_1 PARTITION OF bare FOR VALUES FROM (0) TO (1000) PARTITION BY LIST (k); CREATE TABLE bare_1_1 PARTITION OF bare_1 DEFAULT;
CREATE TABLE bare_2 PARTITION OF bare FOR VALUES FROM (1000) TO (9000);
INSERT INTO bare SELECT g, 1 FROM generate_series(1, 5000) g;"""
PRIMARY = "ALTER TABLE bare ADD PRIMARY KEY (id, k)"
OWN_KEYS = "CREATE UNIQUE INDEX x ON bare_2 (id, k); ALTER TABLE bare_2 ADD CONSTRAINT x UNIQUE USING INDEX x;"


@pytest.mark.parametrize("sql", CONSTRAINTS)
def test_constraint_is_as_plain_sql(any_cluster, sql):
    check_forward(any_cluster, sql)


@pytest.mark.parametrize("sql", CONSTRAINTS)
def test_constraint_is_taken_back(any_cluster, sql):
    check_back(any_cluster, sql)


@pytest.mark.parametrize("null", ["", " NOT NULL"])
def test_primary_key_of_a_family(any_cluster, null):
    bare = BARE.replace("id bigint, k int", f"id bigint{null}, k int{null}")
    if any_cluster.major >= 18 and not null:
        with any_cluster.database() as db, Pgseam(db) as pgseam:
            prepare(db, bare)
            refused(pgseam, PRIMARY, "allows NULL", "SET NOT NULL in a migration of its own")
        return
    check_forward(any_cluster, PRIMARY, bare)
    check_back(any_cluster, PRIMARY, bare)


def test_a_key_that_a_partition_has_is_taken_as_it_is(any_cluster):
    check_forward(any_cluster, "ALTER TABLE bare ADD UNIQUE (id, k)", BARE + OWN_KEYS)
    check_back(any_cluster, "ALTER TABLE bare ADD UNIQUE (id, k)", BARE + OWN_KEYS, complete=False)


@pytest.mark.parametrize("sql", ["ALTER TABLE m ADD FOREIGN KEY (zone_id) REFERENCES zone", "ALTER TABLE m ADD UNIQUE (at, id)"])
def test_locks_of_constraints_are_declared(any_cluster, db, pgseam, sql):
    check_locks(db, pgseam, sql)


@pytest.mark.parametrize("sql", ["ALTER TABLE m DROP CONSTRAINT k", "ALTER TABLE m DROP CONSTRAINT u", "ALTER TABLE m DROP CONSTRAINT c"])
def test_drop_of_a_constraint_of_a_family(any_cluster, sql):
    check_forward(any_cluster, sql, "ALTER TABLE m ADD CONSTRAINT k FOREIGN KEY (zone_id) REFERENCES zone, ADD CONSTRAINT u UNIQUE"
                  " (at, id), ADD CONSTRAINT c CHECK (a > -1);")


@pytest.mark.parametrize("end", ["resume", "rollback"])
@pytest.mark.parametrize("sql", ["ALTER TABLE m ADD CONSTRAINT z FOREIGN KEY (zone_id) REFERENCES zone", PRIMARY])
def test_constraints_killed(cluster, sql, end):
    for point in ("alone.after", "guard.locked", "guard.committed"):
        check_killed_in_contract(cluster, sql, point, end)


def check_killed_in_contract(cluster, sql, point, end):
    with cluster.database() as twin:
        prepare(twin, BARE)
        before = twin.dump_schema()
        plain(twin, sql)
        after = twin.dump_schema()
    for number in (1, 3, 6):
        with cluster.database() as db, Pgseam(db) as pgseam:
            prepare(db, BARE)
            pgseam.run("start", pgseam.file("m.sql", sql))
            hit = pgseam.run("complete", "m", env={"PGSEAM_FAULT": f"{point}:kill:{number}"}, expect=None)
            if hit.rc != 0:
                pgseam.run(end, "m")
            assert db.dump_schema() == (before if hit.rc != 0 and end == "rollback" else after), (point, number)


def test_constraints_that_cannot_be_are_refused(db, pgseam):
    prepare(db, BARE + "ALTER TABLE m ADD CONSTRAINT c CHECK (a > -1); ALTER TABLE m_2024 ADD CONSTRAINT z CHECK (a > -5);")
    refused(pgseam, "ALTER TABLE m ADD UNIQUE (id)", "public.m must have all columns", "RANGE (at)")
    refused(pgseam, "ALTER TABLE bare ADD PRIMARY KEY (id)", "bare_1 must have all columns", "LIST (k)")
    refused(pgseam, "ALTER TABLE m_2024 DROP CONSTRAINT c", "comes from public.m")
    refused(pgseam, "ALTER TABLE m ADD CONSTRAINT z CHECK (a > 0)", "m_2024 has a constraint of that name already")
    refused(pgseam, "ALTER TABLE m ADD EXCLUDE USING btree (id WITH =, at WITH =)", "EXCLUDE")


# ---- rows

ROWS = [
    "UPDATE m SET a = a + 1 WHERE b = 1",
    "DELETE FROM m WHERE zone_id = 3",
    "ALTER TABLE m ADD COLUMN x int; UPDATE m SET x = 5 WHERE x IS NULL",
    "UPDATE m_2024 SET a = a + 1",
    "DELETE FROM m_2025 WHERE id % 2 = 0",
    "UPDATE heir SET a = 0 WHERE id < 3000",
]


@pytest.mark.parametrize("sql", ROWS)
def test_rows_of_a_family_are_changed_once(any_cluster, sql):
    """In batches, hit once in the middle; nobody else writes these rows."""
    extra = "ALTER TABLE heir ADD PRIMARY KEY (id);"
    with any_cluster.database() as db, any_cluster.database() as twin, Pgseam(db) as pgseam:
        prepare(db, extra)
        prepare(twin, extra)
        plain(twin, sql)
        with Crowd(db, [CLIENTS[2], "SELECT count(*) FROM heir WHERE id = %(n)s"]) as crowd:
            pgseam.run("start", "--max-batch", "500", pgseam.file("m.sql", sql), env={"PGSEAM_FAULT": "batch.committed:kill:3"},
                       expect=None)
            pgseam.run("resume", "--max-batch", "500", "m")
            if db.scalar("SELECT state FROM pgseam.migration") != "complete":
                pgseam.run("complete", "m")
        assert crowd.faults() == []
        assert db.dump_schema() == twin.dump_schema()
        assert [db.data_digest(t) for t in ("m", "base")] == [twin.data_digest(t) for t in ("m", "base")]
        assert db.scalar("SELECT count(*) FROM pgseam.step WHERE status <> 'done'") == 0


def test_rows_that_cannot_be_walked_are_refused(db, pgseam):
    prepare(db, "CREATE TABLE keyless (id bigint) PARTITION BY RANGE (id); CREATE TABLE keyless_1 PARTITION OF keyless DEFAULT;"
            "INSERT INTO keyless SELECT generate_series(1, 20000);")
    refused(pgseam, "UPDATE base SET a = 1", "inheritance children")
    refused(pgseam, "UPDATE ONLY m SET a = 1", "none of the rows is its own")
    refused(pgseam, "UPDATE m SET at = at + 1", "no key to walk it by")
    refused(pgseam, "DELETE FROM keyless WHERE id = 5", "no key to walk it by")


def test_many_partitions_in_one_attempt(cluster, db, pgseam):
    db.execute("CREATE TABLE wide (id int, a int) PARTITION BY LIST (id); CREATE SEQUENCE tick;")
    db.execute("".join(f"CREATE TABLE wide_{n} PARTITION OF wide FOR VALUES IN ({n});" for n in range(100)))
    db.execute("INSERT INTO wide SELECT g % 100, g FROM generate_series(1, 20000) g; ANALYZE wide;")
    clients = ["UPDATE wide SET a = a + 1 WHERE id = %(n)s %% 100", "SELECT count(*) FROM wide WHERE a = %(n)s",
               "INSERT INTO wide VALUES (%(n)s %% 100, 1)"]
    with Crowd(db, clients) as crowd:
        result = pgseam.run("start", pgseam.file("m.sql", "ALTER TABLE wide ADD COLUMN b int DEFAULT 1"))
    assert crowd.faults() == []
    assert "locks 101 relations at once" in result.err
    assert db.scalar("SELECT count(*) FROM pg_attribute WHERE attname = 'b' AND attrelid::regclass::text LIKE 'wide%'") == 101


def test_concurrently_between_begin_and_commit(cluster):
    sql = "BEGIN; CREATE INDEX CONCURRENTLY together ON m_2024 (b); CREATE INDEX apart ON m (zone_id); COMMIT"
    check_forward(cluster, sql, psql="CREATE INDEX together ON m_2024 (b); CREATE INDEX apart ON m (zone_id)")


def test_a_long_reader_of_the_parent_does_not_keep_a_new_partition_waiting(cluster, db, pgseam):
    """ATTACH wants SHARE UPDATE EXCLUSIVE on the parent: a reader is no obstacle."""
    db.execute("CREATE TABLE q (id int NOT NULL) PARTITION BY RANGE (id); CREATE TABLE q_1 PARTITION OF q FOR VALUES FROM (0) TO (10);"
               "CREATE TABLE q_2 (id int NOT NULL); INSERT INTO q_2 VALUES (15);")
    reader = db.connect(autocommit=False)
    reader.execute("SELECT count(*) FROM q")
    pgseam.run("start", "--deadline", "20", pgseam.file("m.sql", "ALTER TABLE q ATTACH PARTITION q_2 FOR VALUES FROM (10) TO (20)"))
    assert reader.execute("SELECT count(*) FROM q").fetchone() == (1,)
    reader.close()

FAMILY = """CREATE TABLE p (id int, a int) PARTITION BY RANGE (id); CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE p_high PARTITION OF p FOR VALUES FROM (100) TO (200); INSERT INTO p SELECT g, g FROM generate_series(0, 199) g; ANALYZE;"""


def test_a_partition_that_comes_at_the_gate_is_noticed(db, pgseam):
    db.execute(FAMILY)
    pgseam.run("start", pgseam.file("m.sql", "CREATE UNIQUE INDEX i ON p (id)"))
    db.execute("CREATE TABLE p_new PARTITION OF p FOR VALUES FROM (200) TO (300)")
    failed = pgseam.run("complete", "m", expect=5)
    assert "still not valid" in failed.err and "pgseam resume" in failed.err
    db.execute("CREATE UNIQUE INDEX p_new_i ON p_new (id)")
    db.execute("ALTER INDEX i ATTACH PARTITION p_new_i")
    pgseam.run("resume", "m")
    assert db.scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")


def test_one_index_of_a_partition_is_not_promised_twice(cluster, db, pgseam):
    db.execute(FAMILY + "CREATE INDEX mine ON p_low (a);")
    pgseam.run("start", pgseam.file("m.sql", "CREATE INDEX i ON p (a); CREATE INDEX j ON p (a);"))
    pgseam.run("complete", "m")
    with cluster.database() as twin:
        twin.execute(FAMILY + "CREATE INDEX mine ON p_low (a); CREATE INDEX i ON p (a); CREATE INDEX j ON p (a);")
        assert db.dump_schema() == twin.dump_schema()


def test_a_partition_dropped_at_the_gate_leaves_a_way_back(db, pgseam):
    db.execute(FAMILY)
    pgseam.run("start", pgseam.file("m.sql", "CREATE INDEX i ON p (a); ALTER TABLE p ADD COLUMN b int; ALTER TABLE p DROP COLUMN a"))
    db.execute("DROP TABLE p_low")
    pgseam.run("rollback", "m")
    assert db.scalar("SELECT count(*) FROM pg_index WHERE indrelid IN ('p'::regclass, 'p_high'::regclass)") == 0


def test_unique_without_the_partition_key_is_refused(db, pgseam):
    db.execute(FAMILY)
    assert "partition key" in pgseam.run("plan", pgseam.file("m.sql", "CREATE UNIQUE INDEX i ON p (a)"), expect=3).err
