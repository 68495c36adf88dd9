"""Two versions of the application at once: a schema of views has the new names and defaults while the table still has the old ones."""

import re

import pytest
from harness import Pgseam
from harness.database import quote_identifier
from harness.twin import assert_same, psql
from harness.versions import (AFTER, APPLICATION, CASES, COLUMN_GRANTS, DONE_BY_ROLES, GRANTS, LONG, NEW, OLD, PREPARED, REFUSED,
                              RENAME, ROLES, T, UNSURE, WHOLE, Names, Pair, accounts, answers, by_psql, dump_without, everything,
                              file_of, migration, session, shape, state, to_the_gate, views_of)
from psycopg import conninfo, connect, errors


def versions(pgseam):
    return pgseam.run("version", "--format", "json").json()["versions"]


@pytest.fixture
def twin(db):
    """A second database of the same server."""
    with db.cluster.database() as other:
        yield other


# ---- both applications at work


def test_nobody_notices_start_gate_and_complete(any_cluster, db, pgseam, twin):
    accounts(db)
    accounts(twin)
    psql(twin, pgseam.file("plain.sql", migration()))

    with Pair(db) as pair:
        pair.start("old")
        to_the_gate(pgseam, migration())
        pair.start("new")
        # Each reads in its own transaction what it writes, by the names of the other.
        pair.see(old=NEW, new=OLD)
        pair.served(60)
        pair.see()
        pair.stop("old")

        pgseam.run("complete")

        pair.see(new=AFTER)
        pair.served(30)
        pair.assert_clean(AFTER)
    assert_same(twin.dump_schema(), dump_without(db, "v2"), "complete and psql differ")
    assert shape(db, "v2", "customers") == shape(twin, "public", "customers")


def test_nobody_notices_start_gate_and_rollback(any_cluster, db, pgseam):
    accounts(db)
    before = db.dump_schema()

    with Pair(db) as pair:
        pair.start("old")
        to_the_gate(pgseam, migration())
        pair.start("new")
        pair.see(old=NEW, new=OLD)
        pair.served(60)
        pair.see()
        pair.stop("new")

        pgseam.run("rollback")

        pair.served(30)
        # What the new version wrote is there, too.
        pair.assert_clean(OLD)
    assert state(pgseam) == "rolled_back"
    assert_same(before, db.dump_schema(), "after rollback the schema is not what it was")


def test_nobody_notices_with_quoted_and_long_names(cluster, db, pgseam):
    old = Names("public", "public", "Odd Table", LONG[1], "Mail")
    new = Names('"Release 2", public', "Release 2", LONG[2], "Code", "mail")
    accounts(db, old)
    with Pair(db, old, new) as pair:
        pair.start("old", 2)
        to_the_gate(pgseam, migration('"Release 2"', old, new))
        pair.start("new", 2)
        pair.see(old=new, new=old)
        pair.served(40)
        pair.see()
        pair.stop("old")
        pgseam.run("complete")
        pair.served(20)
        pair.assert_clean(new)


def test_nobody_notices_that_a_version_of_a_version_comes(cluster, db, pgseam):
    """When the second is at the gate, the first one's names are no longer the table's."""
    third = Names("v3, public", "v3", "clients", "ref", "address")
    accounts(db)
    with Pair(db) as pair:
        to_the_gate(pgseam, migration())
        pgseam.run("complete")
        pair.start("new", 2)
        text = "-- pgseam: version v3\nALTER TABLE customers RENAME email TO address; ALTER TABLE customers RENAME TO clients;\n"
        to_the_gate(pgseam, text, "n.sql")
        pair.see(new=third)
        pair.served(20)
        pgseam.run("complete")
        # v2 is not the table by another name, but a view: it stays.
        pair.served(20)
        pair.assert_clean(third)


def test_both_count_up_the_same_rows_and_none_is_lost(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, "-- pgseam: version v2\nALTER TABLE t RENAME COLUMN c TO z;\n")
    with session(db, "public") as old, session(db, "v2, public") as new:
        old.execute("BEGIN; UPDATE t SET c = c + 1 WHERE id = 1; SAVEPOINT s")
        new.execute("SET lock_timeout = '200ms'")
        for text in ("UPDATE t SET z = z + 1 WHERE id = 1", "SELECT FROM t WHERE id = 1 FOR UPDATE NOWAIT"):
            with pytest.raises(errors.LockNotAvailable):
                new.execute(text)
        assert new.execute("SELECT id FROM t WHERE id < 3 ORDER BY id FOR UPDATE SKIP LOCKED").fetchall() == [(2,)]
        old.execute("COMMIT")
        assert new.execute("UPDATE t SET z = z + 1 WHERE id = 1 RETURNING z").fetchone() == (3,)
        assert old.execute("SELECT c FROM t WHERE id = 1").fetchone() == (3,)


# ---- what the new version sees is what psql makes of the file


def same_as_twin(db, twin, case):
    for table in case.tables:
        assert shape(db, case.version, table) == shape(twin, case.schema, table) is not None, table
    expected = answers(twin, case.does, case.beside)
    assert answers(db, case.does, case.path) == expected


def only_views_of(db, case):
    views = set(views_of(db, case.version))
    # Whether partitions and children, whose columns are renamed too, get one as well is not said.
    assert set(case.tables) <= views <= {*case.tables, "t_1", "t_2", "kid"}, views


def complete_is_psql(db, twin, pgseam, case):
    by_psql(twin, case.setup, case.text)
    to_the_gate(pgseam, case.text)
    only_views_of(db, case)
    same_as_twin(db, twin, case)

    pgseam.run("complete")

    same_as_twin(db, twin, case)
    only_views_of(db, case)
    assert_same(twin.dump_schema(), dump_without(db, case.version), "complete and psql differ")


@pytest.mark.parametrize("name", CASES)
def test_new_version_answers_as_after_psql_at_the_gate_and_after(cluster, db, pgseam, twin, name):
    db.execute(CASES[name].setup)
    complete_is_psql(db, twin, pgseam, CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_rollback_leaves_nothing_of_a_version(cluster, db, pgseam, name):
    case = CASES[name]
    db.execute(case.setup)
    before = db.dump_schema()
    to_the_gate(pgseam, case.text)
    answers(db, case.does, case.path)

    pgseam.run("rollback")

    assert views_of(db, case.version) is None
    assert_same(before, db.dump_schema(), "after rollback the schema is not what it was")


@pytest.mark.parametrize("name", UNSURE)
def test_tricky_file_is_refused_or_exactly_right(cluster, db, pgseam, twin, name):
    case = UNSURE[name]
    db.execute(case.setup)
    before = db.dump_schema()
    file = pgseam.file("m.sql", case.text)
    if pgseam.run("plan", file, expect=None).rc != 0:
        assert re.search(r"m\.sql:\d+|line \d+", pgseam.run("start", file, expect=3).err)
        assert_same(before, db.dump_schema(), "something was changed")
        return
    with db.cluster.database(template=db.name) as other, Pgseam(other) as tool:
        tool.run("start", file)
        tool.run("rollback")
        assert_same(before, other.dump_schema(), "after rollback the schema is not what it was")
    complete_is_psql(db, twin, pgseam, case)


@pytest.mark.parametrize("name", ["add, rename, drop, default", "identity and serial", "partitioned"])
def test_new_version_answers_as_after_psql_on_every_major(any_cluster, db, pgseam, twin, name):
    db.execute(CASES[name].setup)
    complete_is_psql(db, twin, pgseam, CASES[name])


def test_table_is_as_it_was_until_complete(any_cluster, db, pgseam):
    db.execute(T + "ALTER TABLE t ADD COLUMN gone text; COMMENT ON COLUMN t.a IS 'x'; GRANT SELECT ON t TO PUBLIC")
    before = db.dump_schema()
    to_the_gate(pgseam, RENAME + "ALTER TABLE t DROP COLUMN gone; ALTER TABLE t ALTER b SET DEFAULT 'new'; ALTER TABLE t RENAME TO u;")
    assert_same(before, dump_without(db, "v2"), "the old application's table has changed")
    options = db.scalar("SELECT reloptions FROM pg_class WHERE oid = 'v2.u'::regclass")
    # The planner of 14 does not know it.
    assert options == (["security_invoker=true"] if any_cluster.major >= 15 else None)


def test_version_is_said_anywhere_before_the_first_statement(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, "-- what it is for\n\n  -- pgseam: version   Two\n/* more */\n-- of it\nALTER TABLE t RENAME a TO z;\n")
    # As PostgreSQL reads an identifier without quotes.
    assert views_of(db, "two") == ["t"] and views_of(db, "Two") is None


def test_file_without_a_version_makes_none(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, "ALTER TABLE t RENAME a TO z;")
    assert views_of(db, "v2") is None and versions(pgseam) == []


def test_plan_that_was_written_to_a_file_has_its_version(cluster, db, pgseam):
    db.execute(T)
    plan = pgseam.folder / "plan.json"
    pgseam.run("plan", "-o", plan, pgseam.file("m.sql", RENAME))
    assert views_of(db, "v2") is None
    pgseam.run("start", plan)
    assert shape(db, "v2", "t")[1][0] == "z"
    pgseam.run("complete")
    assert shape(db, "public", "t") == shape(db, "v2", "t")


# ---- defaults, comments, privileges

# file -> what an INSERT without that column gives by the table and by the view at the gate, and by both when it is complete.
DEFAULTS = {
    "ALTER TABLE t ALTER b SET DEFAULT 'new'": ("base", "new", "new"),
    "ALTER TABLE t ALTER b SET DEFAULT NULL": ("base", None, None),
    "ALTER TABLE t ALTER b DROP DEFAULT": ("base", None, None),
    "ALTER TABLE t RENAME a TO z": ("base", "base", "base"),
}


@pytest.mark.parametrize("text", DEFAULTS)
def test_new_default_is_the_new_versions_until_complete(cluster, db, pgseam, text):
    db.execute(T)
    numbers = iter(range(1000, 2000))

    def given(path):
        with session(db, path) as conn:
            statement = "PREPARE p AS INSERT INTO t (id) VALUES ($1), ($1 + 500) RETURNING b"
            conn.execute(statement)
            (first,), (second,) = conn.execute(f"EXECUTE p ({next(numbers)})").fetchall()
            assert first == second
            assert conn.execute(f"INSERT INTO t (id, b) VALUES ({next(numbers)}, DEFAULT) RETURNING b").fetchone() == (first,)
            assert conn.execute(f"INSERT INTO t (id, b) VALUES ({next(numbers)}, 'own') RETURNING b").fetchone() == ("own",)
            return first

    to_the_gate(pgseam, f"-- pgseam: version v2\n{text};\n")
    assert (given("public"), given("v2, public")) == DEFAULTS[text][:2]
    pgseam.run("complete")
    assert (given("public"), given("v2, public")) == (DEFAULTS[text][2],) * 2


def test_update_to_default_gives_the_default(cluster, db, pgseam, twin):
    """A view without a default of its own makes NULL of it, without a word, though INSERT takes the table's."""
    text = "-- pgseam: version v2\nALTER TABLE t RENAME a TO z; ALTER TABLE t ALTER c SET DEFAULT 9;\n"
    does = ["UPDATE t SET b = DEFAULT, c = DEFAULT WHERE id < 4 RETURNING *", "UPDATE t SET z = DEFAULT WHERE id = 5 RETURNING *",
            "INSERT INTO t (id) VALUES (3) ON CONFLICT (id) DO UPDATE SET b = DEFAULT RETURNING *"]
    db.execute(T)
    by_psql(twin, T, text)
    to_the_gate(pgseam, text)
    assert answers(db, does, "v2, public") == answers(twin, does)


def test_comments_are_taken_over(cluster, db, pgseam):
    db.execute(T + "ALTER TABLE t ADD gone text; COMMENT ON TABLE t IS 'the \"table\", it''s'; COMMENT ON COLUMN t.a IS E'two\\nlines \\\\';"
               " COMMENT ON COLUMN t.gone IS 'gone'; COMMENT ON COLUMN t.c IS 'c'")
    to_the_gate(pgseam, RENAME + "ALTER TABLE t DROP COLUMN gone; ALTER TABLE t RENAME TO u;")

    def comments():
        return db.query("SELECT obj_description('v2.u'::regclass, 'pg_class')") + db.query(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'v2.u'::regclass AND attnum > 0 ORDER BY attnum")

    expected = [("the \"table\", it's",), ("id", None), ("z", "two\nlines \\"), ("b", None), ("c", "c")]
    assert comments() == expected
    pgseam.run("complete")
    assert comments() == expected


def test_each_role_may_do_what_it_may_do_on_the_table(any_cluster, db, pgseam, twin):
    for role in [*ROLES, "v_nobody"]:
        any_cluster.role(role)
    text = RENAME + "ALTER TABLE t DROP COLUMN gone; ALTER TABLE t RENAME TO u;\n"
    db.execute(T + GRANTS)
    by_psql(twin, T + GRANTS, text)
    to_the_gate(pgseam, text)

    for _ in range(2):
        for role in ROLES:
            expected = answers(twin, DONE_BY_ROLES, role=role)
            assert answers(db, DONE_BY_ROLES, "v2, public", role) == expected, role
        assert answers(db, ["SELECT * FROM v2.u"], role="v_nobody") == [("SELECT * FROM v2.u", "42501")]
        assert not db.scalar("SELECT has_schema_privilege('v_nobody', 'v2', 'USAGE')")
        assert not db.scalar("SELECT bool_or(has_schema_privilege(r, 'v2', 'CREATE')) FROM unnest(%s::text[]) r", [ROLES[:4]])
        assert db.scalar("SELECT has_table_privilege('v_chief', 'v2.u', 'SELECT WITH GRANT OPTION')")
        assert not db.scalar("SELECT has_table_privilege('v_reader', 'v2.u', 'SELECT WITH GRANT OPTION')")
        if state(pgseam) == "gated":
            pgseam.run("complete")


def test_each_role_may_do_what_it_may_do_on_the_columns(any_cluster, db, pgseam, twin):
    """A view with security_invoker wants SELECT on all its columns of whoever reads one: exactly right without, or refused."""
    for role in ("v_partial", "v_mixed", "v_nobody"):
        any_cluster.role(role)
    text = RENAME + "ALTER TABLE t DROP COLUMN gone; ALTER TABLE t RENAME TO u;\n"
    # What is to be had of any new table must not come to the view, which has its owner's rights here.
    db.execute(T + COLUMN_GRANTS + "; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO v_partial, v_mixed, v_nobody")
    if pgseam.run("plan", pgseam.file("m.sql", text), expect=None).rc != 0:
        refused(db, pgseam, text, r"column|grant|privilege")
        return
    by_psql(twin, T + COLUMN_GRANTS, text)
    to_the_gate(pgseam, text)
    for _ in range(2):
        for role in ("v_partial", "v_mixed", "v_nobody"):
            expected = answers(twin, DONE_BY_ROLES, role=role)
            assert answers(db, DONE_BY_ROLES, "v2, public", role) == expected, role
        if state(pgseam) == "gated":
            pgseam.run("complete")


def test_rows_are_hidden_through_the_view_too(any_cluster, db, pgseam, twin):
    any_cluster.role(APPLICATION)
    setup = T + f"""ALTER TABLE t ADD COLUMN who text DEFAULT current_user; UPDATE t SET who = '{APPLICATION}' WHERE id < 5;
        ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t USING (who = current_user AND a < 2000);
        GRANT SELECT, INSERT, UPDATE, DELETE ON t TO {APPLICATION}"""
    text = RENAME + "ALTER TABLE t RENAME who TO whose;\n"
    db.execute(setup)
    if any_cluster.major < 15:
        refused(db, pgseam, text, r"row.level security")
        return
    by_psql(twin, setup, text)
    to_the_gate(pgseam, text)
    statements = [*everything(a="z"), "INSERT INTO t (id, z, whose) VALUES (5000, 500, 'other')"]
    for _ in range(2):
        expected = answers(twin, statements, role=APPLICATION)
        assert answers(db, statements, "v2, public", APPLICATION) == expected
        assert len(expected[0][1]) < 10
        if state(pgseam) == "gated":
            pgseam.run("complete")


def test_owner_of_the_database_needs_no_superuser(cluster, pgseam):
    cluster.role("v_owner")
    with cluster.database(owner="v_owner") as db, Pgseam(db, "v_owner") as tool:
        db.execute(T, role="v_owner")
        to_the_gate(tool, RENAME)
        with session(db, "v2, public", "v_owner") as conn:
            assert conn.execute("INSERT INTO t (id, z) VALUES (100, 100) RETURNING z").fetchone() == (100,)
            tool.run("complete")
            assert conn.execute("INSERT INTO t (id, z) VALUES (101, 101) RETURNING z").fetchone() == (101,)
        assert db.query("SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 't'") == [("v_owner",)]
        tool.run("version", "drop", "v2")
        assert views_of(db, "v2") is None


# ---- ways to the version


def through(db, way, cluster):
    """A connection that gets to "V-2" that way, and the statements of the new application as it writes them there."""
    if way == "search_path of the session":
        return db.connect(APPLICATION), 'SET search_path = "V-2", public', "t"
    if way == "of the connection":
        # The server takes options apart at blanks.
        return db.connect(APPLICATION, options='-csearch_path="V-2",public'), "SELECT 1", "t"
    if way == "of the role":
        db.execute(f'ALTER ROLE {APPLICATION} IN DATABASE {quote_identifier(db.name)} SET search_path = "V-2", public')
        return db.connect(APPLICATION), "SELECT 1", "t"
    if way == "after others that are not there":
        return db.connect(APPLICATION), 'SET search_path = "$user", nowhere, "V-2", pg_catalog, public', "t"
    return db.connect(APPLICATION), "SET search_path = ''", '"V-2".t'


@pytest.mark.parametrize("way", ["search_path of the session", "of the connection", "of the role", "after others that are not there",
                                 "schema-qualified"])
def test_way_to_the_version(cluster, db, pgseam, way):
    cluster.role(APPLICATION)
    db.execute(T + f"GRANT SELECT, INSERT, UPDATE, DELETE ON t TO {APPLICATION}")
    to_the_gate(pgseam, '-- pgseam: version "V-2"\nALTER TABLE t RENAME a TO z; ALTER TABLE t ALTER b SET DEFAULT \'new\';\n')
    conn, before, t = through(db, way, cluster)
    with conn:
        conn.execute(before)
        for number in (100, 200):
            row = conn.execute(f"INSERT INTO {t} (id, z) VALUES ({number}, 1) ON CONFLICT (z) DO UPDATE SET b = excluded.b || 2 RETURNING b")
            assert row.fetchone() == ("new2",)
            row = conn.execute(f"INSERT INTO {t} (id, z) VALUES ({number}, {number}) RETURNING *").fetchone()
            assert row == (number, number, "new", 7)
            assert conn.execute(f"UPDATE {t} SET z = z + 1 WHERE id = {number} RETURNING z").fetchone() == (number + 1,)
            if number == 100:
                assert db.query("SELECT a, b FROM t WHERE id IN (1, 100) ORDER BY 1") == [(1, "new2"), (101, "new")]
                pgseam.run("complete")


@pytest.mark.parametrize("language", ["sql", "plpgsql"])
def test_functions_that_set_their_path_use_their_version(cluster, db, pgseam, language):
    def function(name, path, column):
        body = f"UPDATE t SET {column} = {column} + 1000 WHERE id = key RETURNING {column}"
        if language == "plpgsql":
            body = f"DECLARE found int; BEGIN {body} INTO found; RETURN found; END"
        return f"CREATE FUNCTION public.{name}(key int) RETURNS int LANGUAGE {language} SET search_path = {path} AS '{body}'"

    db.execute(T)
    db.execute(function("old_does", "public", "a"))
    with session(db, "public") as old:
        assert old.execute("SELECT old_does(1)").fetchone() == (1001,)
        to_the_gate(pgseam, '-- pgseam: version "V-2"\nALTER TABLE t RENAME a TO z;\n')
        db.execute(function("new_does", '"V-2", public', "z"))
        # Each is called from the other's session, and by turns.
        with session(db, '"V-2", public') as new:
            for key in (2, 3):
                assert new.execute("SELECT old_does(%s), z FROM t WHERE id = %s", [key, key]).fetchone()[0] == 1000 + key
                assert old.execute("SELECT new_does(%s), a FROM t WHERE id = %s", [key, key]).fetchone()[0] == 2000 + key
            pgseam.run("complete")
            assert new.execute("SELECT new_does(4)").fetchone() == (1004,)


# ---- prepared statements


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_prepared_statements_are_kept(any_cluster, db, pgseam, mode):
    db.execute(T)
    numbers = iter(range(1, 50))

    def prepare(conn, statements, t, a):
        conn.prepare_threshold = None
        conn.execute(f"SET plan_cache_mode = {mode}")
        for name, text in statements.items():
            conn.execute(f"PREPARE {name} AS {text.format(t=t, a=a)}")

    def execute(conn, statements):
        number = next(numbers)
        for name in statements:
            assert conn.execute(f"EXECUTE {name} ({number})").fetchall() != [], name

    with session(db, "public") as old, session(db, "v2, public") as new:
        prepare(old, PREPARED, "t", "a")
        execute(old, PREPARED)
        to_the_gate(pgseam, "-- pgseam: version v2\nALTER TABLE t ADD COLUMN d int DEFAULT 3; ALTER TABLE t RENAME a TO z;"
                    " ALTER TABLE t ALTER b SET DEFAULT 'new'; ALTER TABLE t RENAME TO u;\n")
        execute(old, PREPARED)
        both = {**PREPARED, **WHOLE}
        prepare(new, both, "u", "z")
        execute(new, both)
        execute(old, PREPARED)
        pgseam.run("complete")
        execute(new, both)
        # The table takes the view's place; it has the same columns.
        pgseam.run("version", "drop", "v2")
        execute(new, both)
        assert new.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (len(both),)


# ---- the least work


def test_rows_and_files_of_the_table_are_left_alone(cluster, db, pgseam):
    db.execute(T + "COMMENT ON TABLE t IS 'old'")

    def heap():
        return db.query("SELECT pg_relation_filenode('t'), n_tup_upd, n_dead_tup, pg_relation_size('t') FROM pg_stat_user_tables"
                        " WHERE relname = 't' AND schemaname = 'public'")

    before = heap()
    to_the_gate(pgseam, RENAME + "ALTER TABLE t ALTER b SET DEFAULT 'new'; COMMENT ON COLUMN t.c IS 'c'; ALTER TABLE t ALTER b SET NOT NULL;"
                " ALTER TABLE t ADD CHECK (c > 0); ALTER TABLE t DROP COLUMN c;")
    assert heap() == before
    pgseam.run("complete")
    assert heap() == before


# ---- plan


def test_plan_shows_the_view_and_what_it_cannot_do(any_cluster, db, pgseam):
    db.execute(T + "ALTER TABLE t ADD COLUMN gone text; CREATE TABLE aside (id int)")
    before = db.dump_schema()
    file = pgseam.file("m.sql", RENAME + "ALTER TABLE t DROP COLUMN gone; ALTER TABLE t RENAME TO u; CREATE INDEX i ON aside (id);\n")
    for arguments in ([], ["--format", "json"]):
        shown = pgseam.run("plan", *arguments, file).out.replace('\\"', '"')
        assert re.search(r'CREATE VIEW "?v2"?\."?u"? ', shown), shown
        assert re.search(r'\ba AS "?z\b', shown), shown
        assert not re.search(r'VIEW "?v2"?\."?aside', shown)
        assert ("security_invoker" in shown) == (any_cluster.major >= 15), shown
        for what in ("COPY", "TRUNCATE", "ON CONFLICT ON CONSTRAINT"):
            assert what in shown, f"{what}\n{shown}"
    assert_same(before, db.dump_schema(), "plan has changed something")


# ---- refused


def refused(db, pgseam, text, says):
    """plan and start refuse it, say why and where, and change nothing."""
    before = db.dump_schema()
    file = pgseam.file("bad.sql", text)
    for command in ("plan", "start"):
        result = pgseam.run(command, file, expect=3)
        assert re.search(says, result.err, re.IGNORECASE), result
    assert_same(before, db.dump_schema(), "something was changed")
    assert db.scalar("SELECT to_regclass('pgseam.migration')") is None or db.scalar("SELECT count(*) FROM pgseam.migration") == 0


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_happens(cluster, db, pgseam, name):
    setup, text, says = REFUSED[name]
    db.execute(T + setup)
    refused(db, pgseam, text, says)


def test_role_that_may_not_make_schemas_is_told_before_anything_happens(cluster, db):
    cluster.role("v_owner")
    db.execute(T + "ALTER TABLE t OWNER TO v_owner; GRANT CREATE ON SCHEMA public TO v_owner; CREATE SCHEMA pgseam AUTHORIZATION v_owner")
    with Pgseam(db, "v_owner") as tool:
        refused(db, tool, RENAME, r"CREATE")


# ---- pgseam version


def arrives(db, options):
    """The schemas that a session of this connection URL searches."""
    words = conninfo.conninfo_to_dict(db.dsn)
    with connect(f"postgresql://{words['user']}@/{words['dbname']}?host={words['host']}&port={words['port']}&{options}") as conn:
        return conn.execute("SELECT current_schemas(false)").fetchone()[0]


@pytest.mark.parametrize("name", ["v2", "Release 2", "V-2", "it's 100% \"it\" \\ &=+,", LONG[0]])
def test_version_tells_what_the_application_must_set(cluster, db, pgseam, name):
    db.execute(T)
    assert versions(pgseam) == []
    to_the_gate(pgseam, file_of(quote_identifier(name)), "0007_z.sql")

    for expected in ("gated", "complete"):
        (version,) = versions(pgseam)
        assert {"name", "migration", "state", "schema", "search_path", "url_options"} <= version.keys()
        assert (version["name"], version["migration"], version["state"], version["schema"]) == (name, "0007_z", expected, name)
        with session(db, version["search_path"]) as conn:
            assert conn.execute("SELECT current_schemas(false)").fetchone()[0] == [name, "public"]
        url = pgseam.run("version", "--format", "url").out
        assert url.startswith("options=") and url.endswith("\n") and url.count("\n") == 1
        assert version["url_options"].startswith("options=")
        assert arrives(db, url.strip()) == arrives(db, version["url_options"]) == [name, "public"]
        text = pgseam.run("version").out
        assert name in text.replace('""', '"') and "0007_z" in text and expected in text
        if expected == "gated":
            pgseam.run("complete")


def test_url_of_a_plain_name_is_plain(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, RENAME)
    assert pgseam.run("version", "--format", "url").out == "options=-csearch_path%3Dv2%2Cpublic\n"
    assert versions(pgseam)[0]["search_path"] == "v2, public"


def test_rolled_back_version_is_no_longer_offered(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, RENAME)
    pgseam.run("rollback")
    assert [one for one in versions(pgseam) if one["state"] != "rolled_back"] == []
    assert "v2" not in pgseam.run("version", "--format", "url", expect=None).out
    # Its name is free.
    to_the_gate(pgseam, RENAME, "again.sql")
    assert versions(pgseam)[0]["migration"] == "again"


def test_newest_version_is_first_and_each_is_dropped_by_itself(cluster, db, pgseam):
    db.execute(T)
    to_the_gate(pgseam, RENAME)
    pgseam.run("complete")
    to_the_gate(pgseam, '-- pgseam: version "V 3"\nALTER TABLE t RENAME z TO zz;\n', "n.sql")
    assert [one["name"] for one in versions(pgseam)] == ["V 3", "v2"]
    assert arrives(db, pgseam.run("version", "--format", "url").out.strip()) == ["V 3", "public"]

    pgseam.run("version", "drop", "V 3", expect=3)
    pgseam.run("version", "drop", "v2")
    assert (views_of(db, "v2"), views_of(db, "V 3")) == (None, ["t"])
    pgseam.run("complete")
    pgseam.run("version", "drop", "V 3")
    assert views_of(db, "V 3") is None and versions(pgseam) == []
    assert pgseam.run("version", "drop", "V 3", expect=None).rc != 0
