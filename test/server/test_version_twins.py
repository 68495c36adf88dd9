"""What hangs on a column whose type changes beside a version: it is there for both versions, and nothing of it is lost at complete."""

import threading

import psycopg
import pytest
from harness.storm import storm
from harness.twin import assert_same, psql

TABLE = """CREATE TABLE parents (p bigint, q int, PRIMARY KEY (p, q));
INSERT INTO parents SELECT g, 1 FROM generate_series(1, 100) g;
CREATE TABLE users (id int PRIMARY KEY, z int, a int, email varchar(40), n int, price int NOT NULL DEFAULT 500);
INSERT INTO users SELECT g, 1 + g % 100, 1, 'e' || g, g, g * 100 FROM generate_series(1, 300) g;
"""
WIDER = "-- pgseam: version v2\n-- pgseam: down z = z::int\nALTER TABLE users ALTER COLUMN z TYPE bigint;\n"
PRICE = "-- pgseam: version v2\n-- pgseam: down price = (price * 100)::int\nALTER TABLE users ALTER COLUMN price TYPE numeric(12,2) USING price / 100.0;\n"
EMAIL = "-- pgseam: version v2\n-- pgseam: down email = {1}\nALTER TABLE users ALTER COLUMN email TYPE {0};\n"
CASES = {
    "plain": "CREATE INDEX i ON users (z)",
    "order": "CREATE INDEX i ON users (n, z DESC NULLS LAST, a)",
    "included": "CREATE UNIQUE INDEX i ON users (n) INCLUDE (z, email)",
    "unique with another one included": "ALTER TABLE users ADD CONSTRAINT u UNIQUE (z, n) INCLUDE (email)",
    "partial": "CREATE INDEX i ON users (email) WHERE z > 5 AND n IS NOT NULL",
    "expression": "CREATE INDEX i ON users ((z + 1), lower(email))",
    "hash": "CREATE INDEX i ON users USING hash (z)", "brin": "CREATE INDEX i ON users USING brin (z) WITH (pages_per_range = 4)",
    "comment": "CREATE INDEX i ON users (z); COMMENT ON INDEX i IS 'it''s mine'",
    "clustered": "CREATE INDEX i ON users (z); ALTER TABLE users CLUSTER ON i",
    "replica identity": "ALTER TABLE users ALTER z SET NOT NULL, ALTER n SET NOT NULL; CREATE UNIQUE INDEX i ON users (z, n);"
                        " ALTER TABLE users REPLICA IDENTITY USING INDEX i",
    "check": "ALTER TABLE users ADD CONSTRAINT c CHECK (z > 0 AND z < n + 1000)",
    "check not proven": "ALTER TABLE users ADD CONSTRAINT c CHECK (z > 0) NO INHERIT NOT VALID; COMMENT ON CONSTRAINT c ON users IS 'some day'",
    "composite foreign key": "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (z, a) REFERENCES parents (p, q)",
    "its columns crossed": "CREATE TABLE o (x int, y bigint, UNIQUE (x, y)); INSERT INTO o SELECT 1, g FROM generate_series(1, 100) g;"
                           "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (a, z) REFERENCES o (x, y) MATCH FULL ON DELETE CASCADE"
                           " ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED",
    "names with quotes": 'ALTER TABLE users RENAME n TO "n ""x"""; CREATE INDEX "I ""i""" ON users ("n ""x""", z)',
    "63 bytes": f"CREATE INDEX {'i' * 63} ON users (z); ALTER TABLE users ADD CONSTRAINT {'i' * 63} CHECK (z > 0)",
}
FROM_15 = {"nulls not distinct": "ALTER TABLE users ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (z, n)",
           "set null of one": "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (z, a) REFERENCES parents (p, q) ON DELETE SET NULL (z)"}
HANGING = """SELECT 'index', pg_get_indexdef(i.indexrelid) || concat_ws(' ', ' ', i.indisclustered, i.indisreplident, i.indisvalid, obj_description(i.indexrelid)) FROM pg_index i WHERE indrelid = 'public.users'::regclass UNION ALL
SELECT 'constraint', conname || concat_ws(' ', ' ', pg_get_constraintdef(oid), convalidated, obj_description(oid)) FROM pg_constraint
 WHERE conrelid = 'public.users'::regclass UNION ALL
SELECT 'table', relreplident::text FROM pg_class WHERE oid = 'public.users'::regclass ORDER BY 1, 2"""


@pytest.fixture
def twin(db):
    """A second database of the same server."""
    with db.cluster.database() as other:
        yield other


def as_by_psql(db, twin, pgseam, setup, file, plain):
    for one in (db, twin):
        one.execute(TABLE + setup)
    before = db.query(HANGING)
    path = pgseam.file("m.sql", file)
    pgseam.run("start", path)
    pgseam.run("rollback")
    assert db.query(HANGING) == before
    pgseam.run("start", path)
    pgseam.run("complete")
    psql(twin, pgseam.file("plain.sql", plain))
    assert_same("\n".join(map(str, twin.query(HANGING))), "\n".join(map(str, db.query(HANGING))), "something came out otherwise")


@pytest.mark.parametrize("name", [*CASES, *FROM_15])
def test_what_hangs_on_it_survives(any_cluster, db, twin, pgseam, name):
    if any_cluster.major < 15 and name in FROM_15:
        pytest.skip("from 15 on")
    as_by_psql(db, twin, pgseam, {**CASES, **FROM_15}[name], WIDER, "ALTER TABLE users ALTER z TYPE bigint;")


def test_a_statistics_target_is_kept(db, pgseam):
    """ALTER TYPE itself loses it."""
    db.execute(TABLE + "CREATE INDEX i ON users ((z + 1)); ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 77")
    pgseam.run("start", pgseam.file("m.sql", WIDER))
    pgseam.run("complete")
    assert db.scalar("SELECT attstattarget FROM pg_attribute WHERE attrelid = 'i'::regclass") == 77


def test_a_meaning_that_changes(cluster, db, twin, pgseam):
    """What could reject a row of the old application waits until that is gone; a column renamed beside it has its new name by then."""
    as_by_psql(db, twin, pgseam, "ALTER TABLE users ADD CONSTRAINT c CHECK (price > 0 AND price < 10 * n * 100), ADD UNIQUE (n, price);"
               "CREATE INDEX i ON users (price, n)", PRICE + "ALTER TABLE users RENAME COLUMN n TO nn;\n",
               "ALTER TABLE users ALTER price DROP DEFAULT, ALTER price TYPE numeric(12,2) USING price / 100.0, ALTER price SET DEFAULT 500;"
               "ALTER TABLE users RENAME COLUMN n TO nn;")
    assert db.query("SELECT price FROM users WHERE id = 3") == [(3,)]


@pytest.mark.parametrize("setup, file, why", [
    ("GRANT SELECT (z) ON users TO CURRENT_USER", WIDER, "REVOKE it"),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (users IS NOT NULL)", WIDER, "the whole row"),
    ("ALTER TABLE users ADD UNIQUE (z, n) DEFERRABLE", WIDER, "deferrable constraint"),
    ("ALTER TABLE users ADD FOREIGN KEY (z, a) REFERENCES parents ON DELETE SET DEFAULT", WIDER, "SET DEFAULT"),
    ("ALTER TABLE users ADD UNIQUE (z, n); ALTER TABLE users ADD p int, ADD r int, ADD FOREIGN KEY (p, r) REFERENCES users (z, n)", WIDER, "refers to it"),
    ("ALTER TABLE users ADD CONSTRAINT k UNIQUE (z, n); CREATE TABLE r (z int, n int, FOREIGN KEY (z, n) REFERENCES users (z, n))", WIDER, "refers to it"),
    ("CREATE INDEX i ON users (abs(price))", PRICE, "nobody can tell"), ("CREATE INDEX i ON users (n) WHERE price > 7", PRICE, "nobody can tell"),
    ("CREATE INDEX i ON users (z, n)", WIDER + "ALTER TABLE users DROP COLUMN n;\n", "which the file drops"),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (price > 0)", PRICE.replace("numeric(12,2) USING price / 100.0", "text").replace("* 100", "|| ''"),
     "means nothing for the new type"),
    ("ALTER TABLE users ADD FOREIGN KEY (z, a) REFERENCES parents", WIDER.replace("bigint", "text"), "would compare"),
    ("ALTER TABLE users ALTER email SET STORAGE EXTERNAL", "-- pgseam: version v2\n-- pgseam: down email = email\nALTER TABLE users ALTER email TYPE text;\n",
     "storage EXTERNAL"),
    ("CREATE INDEX i ON users (email varchar_pattern_ops)", EMAIL.format("int USING substr(email, 2)::int", "'e' || email"), "operator class"),
    ("CREATE INDEX i ON users (email)", EMAIL.format("json USING to_json(email)", "email #>> '{}'"), "no operator class for json"),
    ("ALTER TABLE users ADD FOREIGN KEY (z, a) REFERENCES parents", WIDER.replace("bigint", "numeric"), "key's index cannot do that"),
    ("CREATE TABLE pz (k numeric PRIMARY KEY); INSERT INTO pz SELECT g * 100 FROM generate_series(1, 300) g;"
     "ALTER TABLE users ADD FOREIGN KEY (price) REFERENCES pz ON DELETE CASCADE", PRICE, "deletes or changes rows"),
    ("CREATE INDEX i ON users (z)", WIDER + "DROP INDEX i;\n", "line 4 speaks of it"),
    ("CREATE INDEX i ON users (z)", WIDER + "COMMENT ON INDEX i IS 'mine';\n", "line 4 speaks of it"),
    ("CREATE INDEX i ON users (z); ALTER TABLE users CLUSTER ON i", WIDER + "ALTER TABLE users SET WITHOUT CLUSTER;\n", "line 4 speaks of it"),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (z > 0) NOT VALID", WIDER + "ALTER TABLE users VALIDATE CONSTRAINT c;\n", "line 4 speaks of it"),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (z > 0)", WIDER + "ALTER TABLE users RENAME CONSTRAINT c TO d;\n", "line 4 speaks of it"),
    ("SELECT 1", "-- pgseam: version v2\nALTER TABLE users ALTER email TYPE varchar(50);\nALTER TABLE users DROP COLUMN n;\n", "catalog rows only"),
    ("SELECT 1", "-- pgseam: version v2\nALTER TABLE users ALTER email TYPE varchar(40);\nALTER TABLE users DROP COLUMN n;\n", "already"),
], ids=lambda text: text[:30])
def test_what_cannot_be_carried_is_refused(db, pgseam, setup, file, why):
    db.execute(TABLE + setup)
    refused = pgseam.run("plan", pgseam.file("m.sql", file), expect=3)
    assert why in refused.err and "hint: " in refused.err, refused
    assert db.query("SELECT FROM pg_namespace WHERE nspname = 'pgseam'") == []


@pytest.mark.parametrize("how", ["NOT NULL z NOT VALID", "NOT NULL z NO INHERIT", "CHECK (z > 0) NOT ENFORCED",
                                 "FOREIGN KEY (z, a) REFERENCES parents NOT ENFORCED"])
def test_a_constraint_of_18_that_cannot_be_carried_is_refused(any_cluster, db, pgseam, how):
    if any_cluster.major < 18:
        pytest.skip("from 18 on")
    db.execute(TABLE + f"ALTER TABLE users ADD CONSTRAINT nn {how}")
    refused = pgseam.run("plan", pgseam.file("m.sql", WIDER), expect=3).err
    assert ("NOT ENFORCED nn" if "ENFORCED" in how else "NOT VALID or NO INHERIT nn") in refused and "online rewrite" in refused, refused


def test_a_referenced_table_that_may_not_be_referred_to_any_more(cluster, db, pgseam):
    cluster.role("twin_owner")
    db.execute(TABLE + "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (z, a) REFERENCES parents; ALTER TABLE users OWNER TO twin_owner;"
               f"GRANT CREATE ON DATABASE {db.name} TO twin_owner; GRANT ALL ON SCHEMA public TO twin_owner")
    file = pgseam.file("m.sql", WIDER)
    assert "no privilege REFERENCES" in pgseam.run("plan", file, expect=3, role="twin_owner").err
    db.execute("GRANT REFERENCES ON parents TO twin_owner")
    pgseam.run("start", file, role="twin_owner")
    pgseam.run("complete", role="twin_owner")


def test_a_privilege_that_was_passed_on_is_refused(cluster, db, pgseam):
    """What we grant is the owner's grant: the comparison at the end would find it each time."""
    for name in ("twin_first", "twin_second"):
        cluster.role(name)
    db.execute(TABLE + "GRANT SELECT (z) ON users TO twin_first WITH GRANT OPTION; GRANT SELECT (a), UPDATE (z) ON users TO twin_second")
    db.execute("GRANT SELECT (z) ON users TO twin_second", role="twin_first")
    assert "somebody else than the owner granted to twin_second" in pgseam.run("plan", pgseam.file("m.sql", WIDER), expect=3).err
    db.execute("REVOKE SELECT (z) ON users FROM twin_second", role="twin_first")
    pgseam.run("start", pgseam.file("m.sql", WIDER))
    pgseam.run("complete")
    assert db.scalar("SELECT count(*) FROM information_schema.column_privileges WHERE column_name = 'z' AND table_name = 'users'"
                     " AND table_schema = 'public' AND grantee LIKE 'twin%'") == 2


def test_the_new_version_has_its_unique_index_at_once(db, pgseam):
    db.execute(TABLE + "DELETE FROM users WHERE id > 100; CREATE UNIQUE INDEX i ON users (z)")
    started = pgseam.run("start", pgseam.file("m.sql", WIDER))
    assert "has to be tried again" in started.out + started.err
    db.execute("INSERT INTO v2.users (id, z) VALUES (1000, 50) ON CONFLICT (z) DO UPDATE SET n = -1")
    assert db.query("SELECT z, n FROM users WHERE n = -1") == [(50, -1)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        db.execute("INSERT INTO v2.users (id, z) VALUES (1001, 51)")
    pgseam.run("complete")
    db.execute("INSERT INTO v2.users (id, z) VALUES (1000, 50) ON CONFLICT (z) DO UPDATE SET n = -2")
    assert db.scalar("SELECT count(*) FROM users WHERE n = -2") == 1


def test_a_narrower_foreign_key_acts_as_one(db, pgseam):
    db.execute(TABLE + "ALTER TABLE users ALTER z TYPE bigint, ADD CONSTRAINT f FOREIGN KEY (z, a) REFERENCES parents ON DELETE CASCADE")
    before = db.query(HANGING)
    pgseam.run("start", pgseam.file("m.sql", "-- pgseam: version v2\n-- pgseam: down z = z\nALTER TABLE users ALTER z TYPE int;\n"))
    pgseam.run("complete")
    db.execute("DELETE FROM parents WHERE p = 8")
    assert db.query(HANGING) == before and db.scalar("SELECT count(*) FROM users") == 297


@pytest.mark.parametrize("name", ["ON UPDATE CASCADE ON DELETE CASCADE", "ON UPDATE SET NULL ON DELETE SET NULL"])
def test_both_foreign_keys_act_as_one(db, pgseam, name):
    db.execute(TABLE + f"ALTER TABLE users ADD FOREIGN KEY (z, a) REFERENCES parents (p, q) {name}")
    pgseam.run("start", pgseam.file("m.sql", WIDER))
    db.execute("UPDATE parents SET p = 1000 WHERE p = 7; DELETE FROM parents WHERE p = 8")
    cascades = "CASCADE" in name
    assert db.query("SELECT z FROM users WHERE id IN (6, 106, 206)") == [(1000 if cascades else None,)] * 3
    assert len(db.query("SELECT FROM users WHERE id IN (7, 107, 207)")) == (0 if cascades else 3)
    assert db.query("SELECT id, z FROM users ORDER BY id") == db.query("SELECT id, z FROM v2.users ORDER BY id")
    pgseam.run("complete")


def test_a_foreign_key_deferred_by_its_name(any_cluster, db, pgseam):
    """SET CONSTRAINTS names the old one; its twin must wait as long."""
    db.execute(TABLE + "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (z, a) REFERENCES parents DEFERRABLE;"
               "ALTER TABLE users ADD CONSTRAINT g FOREIGN KEY (z, n) REFERENCES parents DEFERRABLE NOT VALID")
    before = db.query(HANGING)
    pgseam.run("start", pgseam.file("m.sql", WIDER))
    for number, path in enumerate(("public", "v2, public", None)):
        if path is None:
            pgseam.run("complete")
        key = 1000 + number
        db.execute(f"SET search_path = {path or 'v2, public'}; BEGIN; SET CONSTRAINTS f, g DEFERRED;"
                   f"INSERT INTO users (id, z, a, n) VALUES ({key}, {key}, 1, 1); INSERT INTO public.parents VALUES ({key}, 1); COMMIT")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        db.execute("BEGIN; INSERT INTO users (id, z, a) VALUES (2000, 2000, 1); INSERT INTO parents VALUES (2000, 1); COMMIT")
    assert db.query(HANGING) == before


def test_what_an_expression_makes_of_a_wider_type_waits(db, pgseam):
    """7 / 2 is 3 of integers and 3.5 of numeric: a twin beside the old one would reject what that accepts."""
    db.execute(TABLE + "ALTER TABLE users ADD CONSTRAINT c CHECK (z % 2 = 0 OR z / 2 * 2 < z); CREATE UNIQUE INDEX i ON users (n) WHERE z / 2 * 2 < z;"
               "CREATE INDEX k ON users ((z / 2))")
    before = db.query(HANGING)
    pgseam.run("start", pgseam.file("m.sql", WIDER.replace("bigint", "numeric")))
    db.execute("INSERT INTO users (id, z, n) VALUES (1000, 7, 1001), (1001, 8, 1)")
    assert db.query("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'users'::regclass") == [("c",)]
    assert "pgseam_twin_c" in pgseam.run("complete", expect=1).err
    pgseam.run("rollback")
    assert db.query(HANGING) == before


@pytest.mark.parametrize("point", ["step.begin", "step.intent", "guard.locked", "guard.committed", "step.verified"])
def test_killed_anywhere_the_twins_come_out_right(cluster, db, twin, pgseam, point):
    setup = CASES["unique with another one included"] + ";" + CASES["composite foreign key"] + ";" + CASES["check"]
    for one in (db, twin):
        one.execute(TABLE + setup)
    for command in (["start", pgseam.file("m.sql", WIDER)], ["complete"]):
        assert storm(pgseam, command, point, lambda: db.execute("UPDATE users SET n = n WHERE id = 5; UPDATE users SET z = 9 WHERE id = 6")) > 0
    psql(twin, pgseam.file("plain.sql", "ALTER TABLE users ALTER z TYPE bigint;"))
    assert_same("\n".join(map(str, twin.query(HANGING))), "\n".join(map(str, db.query(HANGING))), "something came out otherwise")


@pytest.mark.parametrize("file, default", [
    (PRICE + "ALTER TABLE users ALTER COLUMN price DROP DEFAULT;\n", None),
    (WIDER.replace("TYPE bigint;", "TYPE bigint, ALTER z SET DEFAULT 7;"), "7")],
    ids=["dropped", "set"])
def test_a_default_that_the_file_changes_beside_the_type(db, pgseam, file, default):
    db.execute(TABLE)
    pgseam.run("start", pgseam.file("m.sql", file))
    pgseam.run("complete")
    found = db.query("SELECT column_default FROM information_schema.columns WHERE table_name = 'users' AND table_schema = 'public'"
                     " AND column_name IN ('z', 'price') ORDER BY column_name <> %s", ["price" if default is None else "z"])
    assert (found[0][0] is None) if default is None else (default in found[0][0]), found


def test_columns_with_a_colon_in_their_names(db, pgseam):
    """Their places change with the old column's going, and that is no difference."""
    db.execute(TABLE + 'ALTER TABLE users ADD "a:b" int, ADD "c: 3 d" text DEFAULT \'x\'')
    pgseam.run("start", pgseam.file("m.sql", WIDER))
    pgseam.run("complete")


def test_what_goes_with_a_dropped_column_takes_its_comments_along(db, pgseam):
    db.execute(TABLE + "CREATE INDEX k ON users (email, n); COMMENT ON INDEX k IS 'y'; CREATE STATISTICS ss ON email, n FROM users;"
               "ALTER TABLE users ADD CONSTRAINT uu UNIQUE (email); COMMENT ON CONSTRAINT uu ON users IS 'z'; COMMENT ON STATISTICS ss IS 's';"
               "ALTER TABLE users ADD CONSTRAINT ff FOREIGN KEY (email) REFERENCES users (email); COMMENT ON CONSTRAINT ff ON users IS 'f'")
    pgseam.run("start", pgseam.file("m.sql", WIDER + "ALTER TABLE users DROP COLUMN email;\n"))
    pgseam.run("complete")
    assert db.query("SELECT FROM pg_description WHERE description IN ('y', 'z', 's', 'f')") == []


@pytest.mark.parametrize("change, back", [
    ("ALTER z SET DEFAULT f(2)", "ALTER z SET DEFAULT f(1)"), ("ALTER z SET (n_distinct = 7)", "ALTER z RESET (n_distinct)"),
    ("ALTER z SET STORAGE EXTERNAL", "ALTER z SET STORAGE EXTENDED"), ("ALTER z SET COMPRESSION pglz", "ALTER z SET COMPRESSION default")])
def test_what_is_said_of_the_column_meanwhile_is_not_lost(any_cluster, db, pgseam, change, back):
    """It would be said of the old column, and the new one would have what the plan has seen."""
    db.execute("CREATE SCHEMA far; CREATE FUNCTION far.f(int) RETURNS text LANGUAGE sql AS $$ SELECT 'd' || $1 $$;"
               "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, far', current_database()); END $$")
    db.execute("CREATE TABLE t (id int PRIMARY KEY, z text DEFAULT f(1)); INSERT INTO t SELECT g, 'z' || g FROM generate_series(1, 9) g")
    pgseam.run("start", pgseam.file("m.sql", "-- pgseam: version v2\n-- pgseam: down z = z\nALTER TABLE t ALTER z TYPE varchar(50);\n"))
    db.execute("ALTER TABLE t " + change)
    assert "somebody has changed a column" in pgseam.run("complete", expect=5).err
    db.execute("ALTER TABLE t " + back)
    pgseam.run("complete")
    db.execute("INSERT INTO t (id) VALUES (10)")
    assert db.scalar("SELECT z FROM t WHERE id = 10") == "d1"


def test_what_changes_behind_the_check_is_found_by_the_comparison(db, pgseam):
    """An index that somebody has made anew under its name is not what its twin was made from."""
    db.execute(TABLE + "CREATE INDEX i ON users (z)")
    pgseam.run("start", pgseam.file("m.sql", WIDER))
    db.execute("DROP INDEX i; CREATE INDEX i ON users (z DESC)")
    stopped = pgseam.run("complete", expect=5)
    assert "(z DESC)" in stopped.err and "was taken back" in stopped.err, stopped
    assert db.scalar("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'z'") == "integer"
    db.execute("DROP INDEX i; CREATE INDEX i ON users (z)")
    pgseam.run("complete")
    assert db.scalar("SELECT count(*) FROM users WHERE z IS NULL") == 0


def test_twins_under_load(db, pgseam):
    """Both applications write while the twins are made and take their places; nobody sees an error."""
    db.execute(TABLE + CASES["unique with another one included"] + ";" + CASES["composite foreign key"] + ";" + CASES["check"])
    errors, stop, served = [], threading.Event(), [0]

    def work(path, first):
        with psycopg.connect(db.dsn, autocommit=True) as conn:
            conn.execute(f"SET search_path = {path}")
            turn = first
            while not stop.is_set():
                turn += 1
                try:
                    key = 1 + turn % 300
                    conn.execute("UPDATE users SET z = %s WHERE id = %s", [1 + (turn * 7) % 100, key])
                    conn.execute("INSERT INTO users (id, z, a, n) VALUES (%s, %s, 1, %s) ON CONFLICT (z, n) DO NOTHING",
                                 [1000 * first + turn + 1000, 1 + turn % 100, 1000 * first + turn + 1000])
                    served[0] += 2
                except psycopg.Error as error:
                    errors.append(str(error))

    threads = [threading.Thread(target=work, args=("public", 100)), threading.Thread(target=work, args=("public", 200))]
    for thread in threads:
        thread.start()
    pgseam.run("start", pgseam.file("m.sql", WIDER))
    new = threading.Thread(target=work, args=("v2, public", 300))
    new.start()
    stop.wait(0.5)
    stop.set()
    for thread in [*threads, new]:
        thread.join()
    stop.clear()
    new = threading.Thread(target=work, args=("v2, public", 400))
    new.start()
    pgseam.run("complete")
    stop.set()
    new.join()
    assert not errors and served[0] > 50, errors[:3]
    assert db.scalar("SELECT count(*) FROM users WHERE z IS NULL") == 0
