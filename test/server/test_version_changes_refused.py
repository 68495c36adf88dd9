"""Changes of columns beside a version that are refused before anything happens, and expressions that come out right."""

import re

import pytest
from harness.twin import assert_same
from harness.versions import to_the_gate

HANGING = {
    "a key": ("id int, c int PRIMARY KEY", ""), "a deferrable key": ("id int, c int UNIQUE DEFERRABLE", ""),
    "an index on an expression": ("id int, c int", "CREATE INDEX ON t (abs(c))"), "a predicate": ("id int, c int", "CREATE INDEX ON t (id) WHERE c > 0"),
    "storage": ("id int, c text", "ALTER TABLE t ALTER c SET STORAGE PLAIN"),
    "a name with quotes": ('id int, "c""d" int', 'CREATE INDEX ON t (abs("c""d"))', 'c""d'),
    "a check": ("id int, c int CHECK (c > 0)", ""), "a foreign key": ("id int, c int REFERENCES o", ""),
    "one that points here": ("id int, c int UNIQUE", "CREATE TABLE p (c int REFERENCES t (c))"),
    "an exclusion": ("id int, c int, EXCLUDE USING btree (c WITH =)", ""), "identity": ("id int, c int GENERATED ALWAYS AS IDENTITY", ""),
    "serial": ("id int, c serial", ""), "a sequence": ("id int, c int", "CREATE SEQUENCE s OWNED BY t.c"),
    "generated": ("id int, c int GENERATED ALWAYS AS (id * 2) STORED", ""), "generated from it": ("id int, c int, g int GENERATED ALWAYS AS (c) STORED", ""),
    "a view": ("id int, c int", "CREATE VIEW v AS SELECT c FROM t"), "a policy": ("id int, c int", "CREATE POLICY p ON t USING (c > 1)"),
    "a trigger": ("id int, c int", "CREATE TRIGGER x BEFORE UPDATE OF c ON t FOR EACH ROW EXECUTE FUNCTION f()"),
    "its condition": ("id int, c int", "CREATE TRIGGER x BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.c > 1) EXECUTE FUNCTION f()"),
    "an option": ("id int, c int", "ALTER TABLE t ALTER c SET (n_distinct = 5)"), "a publication": ("id int, c int", "CREATE PUBLICATION p FOR TABLE t"),
    "one of all": ("id int, c int", "CREATE PUBLICATION p FOR ALL TABLES"), "a rule": ("id int, c int", "CREATE RULE r AS ON INSERT TO t DO ALSO NOTIFY x"),
    "children": ("id int, c int", "CREATE TABLE k () INHERITS (t)"), "a name of ours": ("id int, c int, pgseam_new_c int", ""),
}


@pytest.mark.parametrize("name", HANGING)
def test_what_hangs_on_a_retyped_column_is_refused(cluster, db, pgseam, name):
    columns, more, column = (*HANGING[name], "c")[:3]
    db.execute("CREATE TABLE o (id int PRIMARY KEY); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
               f"CREATE TABLE t ({columns}); {more}")
    before = db.dump_schema()
    text = f'-- pgseam: version v2\n-- pgseam: down "{column}" = 7\nALTER TABLE t ALTER COLUMN "{column}" TYPE text;\n'
    result = pgseam.run("start", pgseam.file("m.sql", text), expect=3)
    assert "m.sql:3:" in result.err, result
    assert_same(before, db.dump_schema(), "something was changed")


def test_no_more_changes_than_the_marker_has_bits(cluster, db, pgseam):
    names = [f"c{number}" for number in range(16)]
    db.execute(f"CREATE TABLE t (id int PRIMARY KEY, {', '.join(f'{name} int' for name in names)}); INSERT INTO t (id, c0, c14) VALUES (1, 2, 3)")
    text = ["-- pgseam: version v2\n"] + [f"-- pgseam: down {name} = {name}::int\nALTER TABLE t ALTER {name} TYPE text;\n" for name in names]
    assert "15 changes" in pgseam.run("start", pgseam.file("m.sql", "".join(text)), expect=3).err
    to_the_gate(pgseam, "".join(text[:-1]))
    db.execute("INSERT INTO v2.t (id, c0, c14) VALUES (2, '8', '9'); UPDATE v2.t SET c14 = '4' WHERE id = 1; UPDATE t SET c0 = 5 WHERE id = 1")
    assert db.query("SELECT c0, c14 FROM t ORDER BY id") == [(5, 4), (8, 9)]
    assert db.query("SELECT c0, c14 FROM v2.t ORDER BY id") == [("5", "4"), ("8", "9")]


WRONG = ["(SELECT max({c}) FROM t)", "random()::text", "now()::text", "max({c})", "count(*)::text", "t.{c}", "public.t.{c}", "nope", "{c} +",
         "{c}; DROP TABLE t", "{c})", "$1", "t::text", "(t).{c}", "ctid::text", "nextval('s')::text", "current_setting('x')", "{other}"]


@pytest.mark.parametrize("expression", WRONG)
@pytest.mark.parametrize("way", ["up", "down"])
def test_expressions_that_cannot_be(cluster, db, pgseam, way, expression):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x'); CREATE SEQUENCE s")
    before = db.dump_schema()
    up, down = ("a", expression.format(c="b", other="a")) if way == "down" else (expression.format(c="a", other="b"), "b")
    result = pgseam.run("start", pgseam.file("m.sql", f"-- pgseam: version v2\n-- pgseam: up b = {up}\nALTER TABLE t ADD COLUMN b text;\n"
                                             f"-- pgseam: down a = {down}\nALTER TABLE t DROP COLUMN a;\n"), expect=3)
    assert re.search(r"m\.sql:[23]:" if way == "up" else r"m\.sql:[45]:", result.err), result
    assert_same(before, db.dump_schema(), "something was changed")


RIGHT = ["a -- c", "'x' -- )", r"a || E'\n--' || ''''", "concat_ws('/', id, a)", "(a)", 'upper(a) COLLATE "C"', "CASE WHEN a = 'x' THEN a END"]


@pytest.mark.parametrize("expression", RIGHT)
def test_expressions_that_can_be(cluster, db, pgseam, expression):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x')")
    expected = db.scalar(f"SELECT {expression}\n FROM t")
    to_the_gate(pgseam, f"-- pgseam: version v2\n-- pgseam: up b = {expression}\nALTER TABLE t ADD COLUMN b text;\n"
                "-- pgseam: down a = b\nALTER TABLE t DROP COLUMN a;\n")
    assert db.scalar("SELECT b FROM v2.t") == expected
    pgseam.run("complete")
    assert db.scalar("SELECT b FROM t") == expected


def test_a_default_that_is_dropped_and_given_anew(cluster, db, pgseam):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, c int DEFAULT 5)")
    to_the_gate(pgseam, "-- pgseam: version v2\nALTER TABLE t ALTER c DROP DEFAULT;\n-- pgseam: down c = (c * 100)::int\n"
                "ALTER TABLE t ALTER c TYPE numeric(5,2) USING c / 100.0;\nALTER TABLE t ALTER c SET DEFAULT 7.5;\n")
    db.execute("INSERT INTO v2.t (id) VALUES (1)")
    assert db.scalar("SELECT c::text FROM v2.t") == "7.50"
    pgseam.run("complete")
    db.execute("INSERT INTO t (id) VALUES (3)")
    assert db.scalar("SELECT c::text FROM t WHERE id = 3") == "7.50"
