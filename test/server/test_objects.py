"""Views, functions, types, triggers, grants ...: each statement as psql would have it in the end, as if it had never been after a
rollback, and no lock that the plan did not declare."""

import re

import pytest
from harness import Pgseam, init_shop
from test_step_laws import undeclared

SETUP = """
CREATE TABLE r (id int PRIMARY KEY, name text);
CREATE TABLE t (id int PRIMARY KEY, a int, b text, r_id int REFERENCES r);
CREATE TABLE child (id int PRIMARY KEY, t_id int REFERENCES t);
CREATE TABLE other (id int PRIMARY KEY, a int);
CREATE INDEX t_a ON t (a);
INSERT INTO r SELECT g, 'r' || g FROM generate_series(1, 10) g;
INSERT INTO t SELECT g, g, 'b' || g, g % 10 + 1 FROM generate_series(1, 1000) g;
INSERT INTO child SELECT g, g FROM generate_series(1, 100) g;
CREATE VIEW v AS SELECT id, a FROM t;
CREATE VIEW w WITH (security_barrier = true) AS SELECT id, 1 + a AS more FROM v WHERE a > 1;
CREATE VIEW plain AS SELECT id, b FROM t;
COMMENT ON VIEW v IS 'it''s the view';
COMMENT ON COLUMN v.a IS 'its column';
GRANT SELECT ON v TO reader WITH GRANT OPTION;
GRANT UPDATE (a), SELECT ON v TO writer;
GRANT SELECT ON w TO writer;
ALTER VIEW plain ALTER COLUMN b SET DEFAULT 'x';
CREATE FUNCTION f(x int, y int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT x + y';
COMMENT ON FUNCTION f(int, int) IS 'sums';
REVOKE ALL ON FUNCTION f(int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION f(int, int) TO reader;
CREATE FUNCTION unused(int, text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET work_mem = '8MB' AS $$ BEGIN RETURN $2; END $$;
CREATE PROCEDURE proc(x int) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER audit BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER off AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE t DISABLE TRIGGER off;
COMMENT ON TRIGGER audit ON t IS 'watches';
ALTER TABLE other ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON other FOR UPDATE TO reader, writer USING (a > 0) WITH CHECK (a > 1);
CREATE POLICY everybody ON other AS RESTRICTIVE USING (true);
COMMENT ON POLICY mine ON other IS 'of mine';
CREATE RULE logged AS ON DELETE TO other DO ALSO NOTHING;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN positive AS int DEFAULT 3 CHECK (VALUE > 0);
CREATE DOMAIN used AS int;
CREATE TABLE with_types (id int PRIMARY KEY, m mood, u used);
INSERT INTO with_types VALUES (1, 'ok', 5);
CREATE SEQUENCE s INCREMENT 2 CACHE 3;
GRANT USAGE ON SEQUENCE s TO reader;
CREATE STATISTICS st (dependencies) ON a, b FROM t;
CREATE MATERIALIZED VIEW mat AS SELECT id, a FROM t;
CREATE UNIQUE INDEX mat_id ON mat (id);
CREATE PUBLICATION pub FOR TABLE r WITH (publish = 'insert, update');
CREATE SCHEMA app;
CREATE TABLE app.inner_table (id int PRIMARY KEY);
GRANT SELECT ON app.inner_table TO reader;
CREATE SCHEMA empty;
CREATE EXTENSION pgcrypto;
CREATE COLLATION german (provider = libc, locale = 'C');
ANALYZE;
"""

# name -> (file, options): `final`: at the gate rollback still works, but complete cannot be undone; `kept`: rollback leaves a trace;
# `nothing`: no step at all.
CASES = {
    "create view": "CREATE VIEW n AS SELECT t.id, r.name FROM t JOIN r ON r.id = t.r_id",
    "create view of this file's column": "ALTER TABLE t ADD COLUMN z int; CREATE VIEW n AS SELECT id, z FROM t",
    "replace view": "CREATE OR REPLACE VIEW plain AS SELECT id, upper(b) AS b FROM t",
    "replace view, a column more": "CREATE OR REPLACE VIEW plain AS SELECT id, b, a FROM t",
    "replace view, a column more, views on it": "CREATE OR REPLACE VIEW v AS SELECT id, a, b FROM t",
    "replace a view that is new": "CREATE OR REPLACE VIEW n AS SELECT 1 AS one",
    "replace view twice": "CREATE OR REPLACE VIEW n AS SELECT 1 AS one; CREATE OR REPLACE VIEW n AS SELECT 2 AS one, 3 AS two",
    "create materialized view": "CREATE MATERIALIZED VIEW n AS SELECT a, count(*) FROM t GROUP BY a",
    "create materialized view and its indexes": "CREATE MATERIALIZED VIEW n AS SELECT id, b FROM t; CREATE UNIQUE INDEX ON n (id);"
                                                " CREATE INDEX n_b ON n (b); COMMENT ON INDEX n_b IS 'words'",
    "drop view, then its column": "DROP VIEW plain; ALTER TABLE t DROP COLUMN b; DROP STATISTICS IF EXISTS nosuch",
    "a view changes, then its column goes":
        "DROP STATISTICS st; DROP VIEW plain; CREATE VIEW plain AS SELECT id, a FROM t; ALTER TABLE t DROP COLUMN b",
    "create table as": "CREATE TABLE n AS SELECT id, b FROM t WHERE a < 10",
    "create function": "CREATE FUNCTION n(a int, b text[], OUT c int) LANGUAGE sql AS 'SELECT 1'",
    "replace function": "CREATE OR REPLACE FUNCTION f(x int, y int DEFAULT 2) RETURNS int LANGUAGE sql STABLE AS 'SELECT x - y'",
    "replace function, a default more":
        "CREATE OR REPLACE FUNCTION f(x int DEFAULT 5, y int DEFAULT 2) RETURNS int LANGUAGE sql AS 'SELECT x - y'",
    "replace function, parameters get names":
        "CREATE OR REPLACE FUNCTION unused(n int, t text) RETURNS text LANGUAGE sql AS 'SELECT t'",
    "create procedure": "CREATE PROCEDURE n(IN a int, INOUT b int) LANGUAGE plpgsql AS $$ BEGIN b := a; END $$",
    "create aggregate": "CREATE AGGREGATE n (int) (SFUNC = int4pl, STYPE = int)",
    "create trigger": "CREATE TRIGGER n BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch()",
    "create function and trigger":
        "CREATE FUNCTION nf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER n BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE nf()",
    "replace trigger": "CREATE OR REPLACE TRIGGER off BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch()",
    "constraint trigger":
        "CREATE CONSTRAINT TRIGGER n AFTER INSERT ON t FROM r DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch()",
    "create policy": "CREATE POLICY n ON t USING (EXISTS (SELECT FROM r WHERE r.id = t.r_id))",
    "create rule": "CREATE RULE n AS ON UPDATE TO other WHERE false DO INSTEAD NOTHING",
    "create sequence": "CREATE SEQUENCE n START 5 OWNED BY t.id",
    "create types": "CREATE TYPE n1 AS ENUM ('a', 'b'); CREATE TYPE n2 AS (a int, b n1); CREATE DOMAIN n3 AS n1;"
                    " CREATE TYPE n4 AS RANGE (subtype = int4)",
    "create schema and in it": "CREATE SCHEMA n; CREATE VIEW n.v AS SELECT 1 AS one; CREATE FUNCTION n.f() RETURNS int LANGUAGE sql"
                               " AS 'SELECT 1'; GRANT USAGE ON SCHEMA n TO reader; COMMENT ON SCHEMA n IS 'new'",
    "create extension": "CREATE EXTENSION IF NOT EXISTS citext",
    "create statistics": "CREATE STATISTICS n ON a, r_id FROM t",
    "create publication": "CREATE PUBLICATION n FOR TABLE t, r",
    "create collation, operator, cast":
        "CREATE COLLATION n FROM german; CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);"
        " CREATE CAST (pair AS text) WITH INOUT",
    "create text search": "CREATE TEXT SEARCH CONFIGURATION n (COPY = pg_catalog.simple);"
                          " CREATE TEXT SEARCH DICTIONARY nd (TEMPLATE = pg_catalog.simple)",
    "comments": "COMMENT ON TABLE t IS 'words'; COMMENT ON VIEW v IS NULL; COMMENT ON COLUMN t.a IS 'an a';"
                " COMMENT ON INDEX t_a IS 'i'; COMMENT ON CONSTRAINT t_pkey ON t IS 'k'; COMMENT ON FUNCTION f IS 'adds';"
                " COMMENT ON TRIGGER audit ON t IS 'x'; COMMENT ON TYPE mood IS 'm'; COMMENT ON DOMAIN used IS 'd';"
                " COMMENT ON SCHEMA app IS 's'; COMMENT ON SEQUENCE s IS 'q'; COMMENT ON MATERIALIZED VIEW mat IS 'mv'",
    "comment on what is new": "ALTER TABLE t ADD COLUMN z int; COMMENT ON COLUMN t.z IS 'new';"
                              " CREATE TABLE n (id int PRIMARY KEY); COMMENT ON TABLE n IS 'n'; CREATE INDEX n_z ON t (z);"
                              " COMMENT ON INDEX n_z IS 'idx'",
    "grants": "GRANT SELECT, INSERT ON t, r TO reader, writer; GRANT SELECT (a), UPDATE (b) ON t TO PUBLIC;"
              " GRANT ALL ON v TO writer; GRANT EXECUTE ON FUNCTION f(int, int) TO PUBLIC; GRANT USAGE, CREATE ON SCHEMA app TO writer;"
              " GRANT USAGE ON TYPE mood TO reader; GRANT UPDATE ON SEQUENCE s TO reader WITH GRANT OPTION",
    "grant on all": "GRANT SELECT ON ALL TABLES IN SCHEMA public, app TO writer; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO"
                    " writer; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO writer",
    "grant on what is new": "CREATE TABLE n (id int PRIMARY KEY); GRANT SELECT ON n TO reader; CREATE VIEW nv AS SELECT 1 AS one;"
                            " GRANT SELECT ON nv, t TO reader; CREATE FUNCTION nf() RETURNS int LANGUAGE sql AS 'SELECT 1';"
                            " REVOKE ALL ON FUNCTION nf() FROM PUBLIC",
    "revoke": "REVOKE SELECT ON v FROM reader; REVOKE ALL ON FUNCTION f FROM reader; REVOKE USAGE ON SCHEMA public FROM PUBLIC",
    "revoke, then grant": "REVOKE ALL ON v FROM reader; GRANT SELECT ON v TO reader; GRANT INSERT ON t TO writer",
    "domain changes its mind": "ALTER DOMAIN positive DROP DEFAULT; ALTER DOMAIN positive SET DEFAULT 8;"
                               " ALTER DOMAIN positive DROP CONSTRAINT positive_check;"
                               " ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (VALUE > 1)",
    "sequence of a column": "CREATE SEQUENCE n AS int; ALTER TABLE t ALTER a SET DEFAULT nextval('n'); ALTER SEQUENCE n OWNED BY t.a;"
                            " ALTER SEQUENCE s OWNED BY other.a; ALTER SEQUENCE s AS int",
    "type of an extension": "CREATE EXTENSION IF NOT EXISTS citext; ALTER TABLE t ADD COLUMN e citext",
    "alter sequence": "ALTER SEQUENCE s INCREMENT BY 7 MAXVALUE 1000 CYCLE; ALTER SEQUENCE IF EXISTS s RESTART WITH 9",
    "alter view": "ALTER VIEW plain SET (security_barrier); ALTER VIEW plain ALTER COLUMN b SET DEFAULT 'y';"
                  " ALTER VIEW w SET (security_barrier = false); ALTER VIEW plain ALTER COLUMN id SET DEFAULT 1",
    "reset view": "ALTER VIEW w RESET (security_barrier); ALTER VIEW plain ALTER COLUMN b DROP DEFAULT",
    "alter function": "ALTER FUNCTION unused(int, text) SET search_path = public; ALTER FUNCTION f STABLE PARALLEL SAFE;"
                      " ALTER PROCEDURE proc SECURITY DEFINER",
    "alter policy": "ALTER POLICY mine ON other TO PUBLIC USING (a > 7); ALTER POLICY everybody ON other WITH CHECK (a < 5)",
    "alter statistics": "ALTER STATISTICS st SET STATISTICS 10",
    "alter index": "ALTER INDEX t_a SET (fillfactor = 80)",
    "alter publication": "ALTER PUBLICATION pub ADD TABLE t; ALTER PUBLICATION pub SET (publish = 'insert')",
    "alter domain": "ALTER DOMAIN positive SET DEFAULT 4; ALTER DOMAIN positive ADD CONSTRAINT small CHECK (VALUE < 100);"
                    " ALTER DOMAIN used ADD CONSTRAINT known CHECK (VALUE < 9) NOT VALID; ALTER DOMAIN positive SET NOT NULL",
    "add attribute": "ALTER TYPE pair ADD ATTRIBUTE z int",
    "renames": "ALTER VIEW plain RENAME TO plainer; ALTER FUNCTION unused(int, text) RENAME TO used_now;"
               " ALTER SEQUENCE s RENAME TO sq; ALTER TYPE pair RENAME TO couple; ALTER DOMAIN used RENAME TO worn;"
               " ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'; ALTER MATERIALIZED VIEW mat RENAME TO material;"
               " ALTER SCHEMA empty RENAME TO void; ALTER PROCEDURE proc RENAME TO p2; ALTER PUBLICATION pub RENAME TO pub2",
    "renames of tables and columns": "ALTER TABLE t RENAME COLUMN b TO bee; ALTER TABLE other RENAME TO another;"
                                     " ALTER TABLE t RENAME CONSTRAINT t_pkey TO t_key; ALTER VIEW v RENAME COLUMN a TO aa",
    "renames nobody sees": "ALTER INDEX t_a RENAME TO t_aa; ALTER TRIGGER audit ON t RENAME TO auditor;"
                           " ALTER POLICY mine ON other RENAME TO ours; ALTER RULE logged ON other RENAME TO noted;"
                           " ALTER STATISTICS st RENAME TO stat",
    "rename, then the new name": "ALTER TABLE t RENAME COLUMN b TO bee; CREATE VIEW n AS SELECT bee FROM t;"
                                 " COMMENT ON COLUMN t.bee IS 'buzz'",
    "two tables change places": "CREATE TABLE t2 (id int PRIMARY KEY); COMMENT ON TABLE t2 IS 'in between'",
    "set schema": "ALTER TABLE other SET SCHEMA app; ALTER FUNCTION unused(int, text) SET SCHEMA app; ALTER TYPE pair SET SCHEMA app;"
                  " ALTER VIEW plain SET SCHEMA app; ALTER SEQUENCE s SET SCHEMA app",
    "owner": "ALTER VIEW v OWNER TO writer; ALTER FUNCTION f OWNER TO writer; ALTER TYPE mood OWNER TO writer;"
             " ALTER SEQUENCE s OWNER TO writer; CREATE TYPE n AS ENUM (); ALTER TYPE n OWNER TO writer",
    "drop and create view": "DROP VIEW plain; CREATE VIEW plain AS SELECT b, id, a FROM t; GRANT SELECT ON plain TO reader",
    "drop and create views on each other":
        "DROP VIEW IF EXISTS w; DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT a, id FROM t; COMMENT ON VIEW v IS 'new';"
        " CREATE VIEW w AS SELECT id FROM v; GRANT SELECT ON v, w TO reader",
    "drop and create with a column in between":
        "DROP VIEW plain; ALTER TABLE t ADD COLUMN z int; CREATE VIEW plain AS SELECT z, b FROM t; COMMENT ON COLUMN plain.z IS 'z'",
    "drop and create function": "DROP FUNCTION IF EXISTS f(int, int); CREATE FUNCTION f(x int, y int) RETURNS bigint LANGUAGE sql AS"
                                " 'SELECT (x * y)::bigint'",
    "drop and create trigger": "DROP TRIGGER IF EXISTS off ON t; CREATE TRIGGER off BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION"
                               " touch(); DROP TRIGGER audit ON t; CREATE TRIGGER audit AFTER UPDATE ON t EXECUTE FUNCTION touch()",
    "drop and create policy": "DROP POLICY mine ON other; CREATE POLICY mine ON other USING (a IS NOT NULL);"
                              " DROP POLICY IF EXISTS nosuch ON other; CREATE POLICY nosuch ON other USING (true)",
    "drop and create trigger and function":
        "DROP TRIGGER audit ON t; DROP TRIGGER off ON t; DROP FUNCTION touch(); CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN OLD; END'; CREATE TRIGGER audit BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();"
        " CREATE TRIGGER off BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch()",
    "drop cascade and create": "DROP FUNCTION touch() CASCADE; CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
                               " 'BEGIN RETURN NULL; END'; CREATE TRIGGER audit AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()",
    "drop and create rule": "DROP RULE logged ON other; CREATE RULE logged AS ON INSERT TO other DO ALSO NOTHING",
    "drops": "DROP VIEW w; DROP VIEW v, plain; DROP FUNCTION unused(int, text), f; DROP TRIGGER audit ON t; DROP POLICY mine ON other;"
             " DROP RULE logged ON other; DROP STATISTICS st; DROP SEQUENCE s; DROP TYPE pair; DROP DOMAIN positive;"
             " DROP PUBLICATION pub; DROP AGGREGATE total(int); DROP PROCEDURE proc; DROP MATERIALIZED VIEW mat; DROP SCHEMA empty;"
             " DROP COLLATION german; DROP EXTENSION pgcrypto",
    "drop table": "DROP TABLE child; DROP TABLE IF EXISTS nosuch, other",
    "drop views in any order": "DROP VIEW v, w",
    "drop table cascade": "DROP TABLE t CASCADE",
    "drop type cascade": "DROP TYPE mood CASCADE",
    "drop function cascade": "DROP FUNCTION touch CASCADE",
    "drop schema cascade": "DROP SCHEMA app CASCADE",
    "attributes": "ALTER TYPE pair DROP ATTRIBUTE y",
    "domain constraints go": "ALTER DOMAIN positive DROP CONSTRAINT positive_check; ALTER DOMAIN positive DROP DEFAULT",
    "nothing to do": "CREATE SCHEMA IF NOT EXISTS app; CREATE EXTENSION IF NOT EXISTS pgcrypto; DROP VIEW IF EXISTS nosuch;"
                     " CREATE SEQUENCE IF NOT EXISTS s; ALTER TYPE mood ADD VALUE IF NOT EXISTS 'ok';"
                     " CREATE MATERIALIZED VIEW IF NOT EXISTS mat AS SELECT 1; SET lock_timeout = '5s'; SET client_encoding = 'UTF8';"
                     " LOCK TABLE t",
    "analyze": "ANALYZE t, r; ANALYZE mat",
    "a file of pg_dump": "SET statement_timeout = 0; SET lock_timeout = 0; SET client_encoding = 'UTF8';"
                         " SET standard_conforming_strings = on; SET check_function_bodies = false; SET xmloption = content;"
                         " SET client_min_messages = warning; SET row_security = off; SET default_tablespace = '';"
                         " SET default_table_access_method = heap; CREATE TYPE public.n AS ENUM ('a');"
                         " ALTER TYPE public.n OWNER TO postgres; CREATE VIEW public.nv AS SELECT 1 AS one; ALTER VIEW public.nv OWNER TO postgres",
}
EMPTY = {"nothing to do"}


@pytest.fixture
def objects(db):
    prepare(db)
    return db


def make_roles(db):
    for role in ("reader", "writer"):
        if not db.query("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]):
            db.execute(f"CREATE ROLE {role}")


def prepare(db):
    make_roles(db)
    db.execute(SETUP)


def plan_of(pgseam, file):
    return pgseam.run("plan", "--format", "json", file).json()


@pytest.mark.parametrize("name", CASES)
def test_complete_is_psql_and_rollback_is_nothing(any_cluster, name):
    sql = CASES[name] + ";\n"
    with any_cluster.database() as db, any_cluster.database() as twin, Pgseam(db) as pgseam:
        prepare(db)
        prepare(twin)
        before = db.dump_schema()
        twin.execute(sql)
        file = pgseam.file("m.sql", sql)
        plan = plan_of(pgseam, file)
        assert bool(plan["steps"]) == (name not in EMPTY)
        phases = {step["phase"] for step in plan["steps"]}
        gated = "contract" in phases

        # Back from wherever `start` leads: the gate, or just before the end.
        pgseam.run("start", file, env=None if gated else {"PGSEAM_FAULT": f"phase.end:error:{len(phases)}"},
                   expect=0 if gated or not plan["steps"] else 1)
        if plan["steps"]:
            pgseam.run("rollback", "m")
        assert db.dump_schema() == before

        again = pgseam.file("again.sql", sql)
        pgseam.run("start", again)
        if gated:
            pgseam.run("complete", "again")
        assert db.dump_schema() == twin.dump_schema()


def statements_of(step):
    more = sorted((name for name in step["params"] if re.fullmatch(r"more\d*", name)), key=lambda name: int(name[4:] or 1))
    return [step["sql"]] + [step["params"][name] for name in more]


def relations(db):
    """What the application knows: oid -> name."""
    return dict(db.query("SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c"
                         " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')"
                         " AND n.nspname !~ '^(pg_|information_schema|pgseam)'"))


def locks_of(db, step, before):
    """What the step's statements lock of what was there before the migration, seen from outside when they have run; what an
    index is locked with counts for its table. A relation that an earlier step has renamed is known by its new name."""
    with db.connect(autocommit=False) as worker, db.connect() as watch:
        known = {oid: name for oid, name in relations(db).items() if oid in before}
        indexes = dict(watch.execute("SELECT indexrelid, indrelid FROM pg_index").fetchall())
        for statement in statements_of(step):
            worker.execute(statement)
        held = watch.execute("SELECT relation, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation' AND granted",
                             [worker.info.backend_pid]).fetchall()
        worker.commit()
    observed = {}
    for relation, mode in held:
        relation = indexes.get(relation, relation)
        if relation in known:
            observed.setdefault(known[relation], []).append(mode)
    return observed


@pytest.mark.parametrize("name", CASES)
def test_no_lock_beyond_the_declared(cluster, name):
    """What differs between versions is measured by test_lock_table.py."""
    with cluster.database() as db, Pgseam(db) as pgseam:
        prepare(db)
        plan = plan_of(pgseam, pgseam.file("m.sql", CASES[name] + ";\n"))
        before, found = relations(db), []
        for step in plan["steps"]:
            if step["kind"] in ("index.create", "index.drop"):
                db.execute(step["sql"])
                continue
            found += [f"{step['sql']}: {lock}" for lock in undeclared(locks_of(db, step, before), step["locks"])]
        assert found == []


# ---- under load, and through crashes

FILE = """
BEGIN;
CREATE SCHEMA api;
CREATE FUNCTION api.shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)';
CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
DROP TRIGGER IF EXISTS audit ON users;
CREATE TRIGGER audit BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
DROP VIEW IF EXISTS loud;
CREATE VIEW loud AS SELECT id, api.shout(name) AS name FROM users;
GRANT SELECT ON loud TO reader;
CREATE MATERIALIZED VIEW counts AS SELECT user_id, count(*) AS n FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX ON counts (user_id);
COMMENT ON TABLE users IS 'who buys';
GRANT SELECT ON users, orders TO reader;
CREATE STATISTICS users_st ON id, name FROM users;
CREATE POLICY all_rows ON users USING (true);
ANALYZE users;
ALTER TABLE users RENAME CONSTRAINT users_pkey TO users_key;
DROP FUNCTION old_shout(text);
COMMIT;
"""
BEFORE = """
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := NEW.name; RETURN NEW; END';
CREATE TRIGGER audit BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION old_shout(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)';
CREATE VIEW loud AS SELECT id, old_shout(name) AS name, 1 AS version FROM users;
COMMENT ON VIEW loud IS 'of old';
"""


def with_shop(db):
    init_shop(db, users=2000)
    make_roles(db)
    db.execute(BEFORE)


def test_nobody_notices(any_cluster, db, pgseam, load):
    with_shop(db)
    before = db.dump_schema()
    run = load(old=4, disturb=True)
    file = pgseam.file("m.sql", FILE)
    pgseam.run("start", file)
    pgseam.run("rollback", "m")
    assert db.dump_schema() == before
    again = pgseam.file("again.sql", FILE)
    pgseam.run("start", again)
    pgseam.run("complete", "again")
    run.stop().assert_clean()
    with any_cluster.database() as twin:
        with_shop(twin)
        twin.execute(FILE)
        assert db.dump_schema() == twin.dump_schema()


CRASHES = {
    "drop and create": "DROP VIEW w; DROP VIEW v; CREATE VIEW v AS SELECT a, id FROM t; CREATE VIEW w AS SELECT id FROM v",
    "rename": "ALTER TABLE t RENAME COLUMN b TO bee; ALTER TABLE other RENAME TO another; DROP VIEW plain",
    "materialized view": "CREATE MATERIALIZED VIEW n AS SELECT id FROM t; CREATE UNIQUE INDEX ON n (id)",
}


@pytest.mark.parametrize("end", ["resume", "rollback"])
@pytest.mark.parametrize("point", ["guard.locked", "guard.committed", "step.verified"])
@pytest.mark.parametrize("name", CRASHES)
def test_killed_in_the_middle(cluster, name, point, end):
    """Once in the first step of `start` or `complete`, whichever works; then on, or back while there is a way back."""
    sql = CRASHES[name] + ";\n"
    with cluster.database() as db, cluster.database() as twin, Pgseam(db) as pgseam:
        prepare(db)
        prepare(twin)
        before = db.dump_schema()
        twin.execute(sql)
        file = pgseam.file("m.sql", sql)
        plan = plan_of(pgseam, file)
        in_contract = plan["steps"][0]["phase"] == "contract"
        killed = {"PGSEAM_FAULT": f"{point}:kill"}
        if in_contract:
            pgseam.run("start", file)
            pgseam.run("complete", "m", env=killed, expect=None)
        else:
            pgseam.run("start", file, env=killed, expect=None)
        pgseam.run(end, "m")
        if end == "rollback":
            assert db.dump_schema() == before
            return
        if any(step["phase"] == "contract" for step in plan["steps"]) and not in_contract:
            pgseam.run("complete", "m")
        assert db.dump_schema() == twin.dump_schema()


# ---- what is refused, and where

REFUSED = {
    "exists": ("CREATE VIEW v AS SELECT 1", "1:1", "view public.v exists already"),
    "another kind of that name": ("CREATE MATERIALIZED VIEW t AS SELECT 1", "1:1", "table public.t exists already"),
    "function exists": ("SET lock_timeout = 1;\nCREATE FUNCTION f(integer, integer) RETURNS int LANGUAGE sql AS 'SELECT 1'", "2:1",
                        "function public.f(integer,integer) exists already"),
    "drop of what is used": ("DROP VIEW v", "1:1", "it is used by view public.w"),
    "drop of a function that is used": ("DROP FUNCTION touch()", "1:1", "trigger audit on table public.t"),
    "drop of a type that is used": ("DROP TYPE mood", "1:1", "column m of table public.with_types"),
    "drop of a referenced table": ("DROP TABLE r", "1:1", "constraint t_r_id_fkey on table public.t"),
    "drop of the wrong class": ("DROP TABLE v", "1:1", "view public.v is not a table"),
    "drop of a member": ("DROP FUNCTION gen_salt(text)", "1:1", "extension pgcrypto"),
    "ambiguous": ("DROP FUNCTION nosuch", "1:1", "function nosuch does not exist"),
    "domain in use": ("ALTER DOMAIN used ADD CONSTRAINT k CHECK (VALUE > 0)", "1:1", "reads every table that uses type"),
    "domain without NULL": ("ALTER DOMAIN used SET NOT NULL", "1:1", "column u of table public.with_types"),
    "publication without identity": ("CREATE TABLE n (a int); CREATE PUBLICATION p FOR TABLE no_identity", "1:25",
                                     "each UPDATE and DELETE on it fails"),
    "rename to a name that is taken": ("ALTER TABLE t RENAME COLUMN a TO b", "1:1", "exists already"),
    "rename to a table that is there": ("ALTER TABLE t RENAME TO other", "1:1", "table public.other exists already"),
    "enum value is there": ("ALTER TYPE mood ADD VALUE 'ok'", "1:1", "has a value \"ok\" already"),
    "truncate": ("TRUNCATE t", "1:1", "takes away all rows"),
    "code": ("DO $$ BEGIN PERFORM 1; END $$", "1:1", "nobody knows"),
    "search_path": ("SET search_path = app", "1:1", "would mean something else"),
    "another kind of carrier": ("COMMENT ON TRIGGER nosuch ON t IS 'x'", "1:1", "trigger t.nosuch does not exist"),
}


@pytest.fixture(scope="module")
def refusing(clusters):
    with clusters.get(15).database() as db, Pgseam(db) as pgseam:
        prepare(db)
        db.execute("CREATE TABLE no_identity (a int)")
        yield pgseam


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_has_changed(refusing, name):
    sql, place, message = REFUSED[name]
    said = refusing.run("plan", refusing.file("m.sql", sql + ";\n"), expect=3).err
    assert f"m.sql:{place}\n" in said
    assert message in said


def test_values_of_an_enum_stay_and_the_plan_says_so(any_cluster, objects, pgseam):
    file = pgseam.file("m.sql", "ALTER TYPE mood ADD VALUE 'glad'; ALTER TABLE t ADD COLUMN m mood DEFAULT 'glad';\n")
    assert "rollback leaves the value" in pgseam.run("plan", file).out
    pgseam.run("start", file)
    assert objects.scalar("SELECT m::text FROM t LIMIT 1") == "glad"
    assert objects.scalar("SELECT enum_range(NULL::mood)::text") == "{sad,ok,glad}"


def test_tables_change_places_without_a_gap(any_cluster, objects, pgseam):
    """The old name is never missing: both renames are one transaction."""
    objects.execute("CREATE TABLE t_new (LIKE t)")
    file = pgseam.file("m.sql", "ALTER TABLE t RENAME TO t_old; ALTER TABLE t_new RENAME TO t;\n")
    plan = plan_of(pgseam, file)
    assert [step["phase"] for step in plan["steps"]] == ["contract"]
    before = objects.dump_schema()
    pgseam.run("start", file)
    pgseam.run("complete", "m", env={"PGSEAM_FAULT": "step.verified:error:1"}, expect=1)
    assert objects.scalar("SELECT count(*) FROM t") == 0
    pgseam.run("rollback", "m")
    assert objects.dump_schema() == before


def test_a_partition_is_dropped_with_all_locks_declared(any_cluster, objects, pgseam):
    objects.execute("CREATE TABLE p (id int PRIMARY KEY, t_id int REFERENCES t) PARTITION BY RANGE (id);"
                    " CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p DEFAULT")
    plan = plan_of(pgseam, pgseam.file("m.sql", "DROP TABLE p1; CREATE TRIGGER x BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION"
                                                " touch();\n"))
    for step in plan["steps"]:
        assert undeclared(locks_of(objects, step, relations(objects)), step["locks"]) == []
