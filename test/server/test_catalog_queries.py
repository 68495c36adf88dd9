"""Each query of src/ is one the server understands, on each version; and the facts are what the catalog says."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

SRC = Path(__file__).resolve().parents[2] / "src"
QUERIES = sorted(SRC.glob("*/queries/*.sql"))
# What cannot be PREPAREd: it ran when the journal was made.
DDL = re.compile(r"\A(?:--[^\n]*\n)*\s*CREATE\b")


def is_ddl(text):
    return DDL.match(text) is not None


def with_journal(db, pgseam):
    db.execute("CREATE TABLE tiny (id bigint PRIMARY KEY)")
    pgseam.run("start", pgseam.file("tiny.sql", "ALTER TABLE tiny ADD a int;"))
    # Its functions come with the first one.
    pgseam.run("rollout", "set", "r", "off")


def refusals(db, queries):
    """Those of the (name, text) which the server does not take, with its reason."""
    found = []
    with db.connect() as conn:
        # As our sessions have it: every name must be qualified.
        conn.execute("SET search_path = ''")
        for number, (name, text) in enumerate(queries):
            try:
                conn.execute(f"PREPARE q{number} AS {text}", prepare=False)
            except psycopg.Error as error:
                found.append(f"{name}: {error.diag.message_primary}")
    return found


def test_each_query_is_prepared(any_cluster, db, pgseam):
    with_journal(db, pgseam)
    assert len(QUERIES) > 30
    queries = [(path.relative_to(SRC).as_posix(), path.read_text()) for path in QUERIES]
    assert refusals(db, [(name, text) for name, text in queries if not is_ddl(text)]) == []


def test_each_ddl_file_has_run(db, pgseam):
    with_journal(db, pgseam)
    for path in QUERIES:
        made = re.search(r"CREATE (?:TABLE|UNIQUE INDEX)(?: IF NOT EXISTS)? (?:pgseam\.)?(\w+)", path.read_text())
        if is_ddl(path.read_text()) and made:
            assert db.scalar("SELECT to_regclass('pgseam.' || %s) IS NOT NULL", [made.group(1)]), path.name


def test_ddl_may_run_again(db, pgseam):
    """Another pgseam may have been first. The schema itself is made only where it is missing."""
    with_journal(db, pgseam)
    before = db.query("SELECT oid, relname FROM pg_class WHERE relnamespace = 'pgseam'::regnamespace ORDER BY 1")
    for path in QUERIES:
        if is_ddl(path.read_text()) and path.stem != "create_schema":
            db.execute(path.read_text())
    assert db.query("SELECT oid, relname FROM pg_class WHERE relnamespace = 'pgseam'::regnamespace ORDER BY 1") == before


def test_a_query_that_fails_is_found(db):
    assert refusals(db, [("a.sql", "SELECT oid FROM pg_catalog.pg_class WHERE oid = $1::oid")]) == []
    assert len(refusals(db, [("a.sql", "SELECT nothing FROM pg_catalog.pg_class")])) == 1
    # Without its schema a name is whatever the search_path makes of it.
    assert len(refusals(db, [("a.sql", "SELECT 1 FROM tiny")])) == 1


NAME = re.compile(r"\b(?:FROM|JOIN)\s+(?:LATERAL\s+)?(?!pg_catalog\.|pgseam\.|\()([a-z_]+)\b(?!\s*\()", re.IGNORECASE)


def unqualified(text):
    """Relations named without a schema that are no WITH queries of the text."""
    text = re.sub(r"--[^\n]*|'[^']*'|\bIS (?:NOT )?DISTINCT FROM\b", "", text)
    known = {name.lower() for name in re.findall(r"(\w+)\s*(?:\([^)]*\))?\s+AS\s+(?:MATERIALIZED\s+)?\(", text)}
    return sorted({name for name in NAME.findall(text) if name.lower() not in known | {"rows", "lateral"}})


def test_each_relation_is_qualified():
    assert {path.name: names for path in QUERIES if (names := unqualified(path.read_text()))} == {}


def test_a_relation_without_its_schema_is_found():
    assert unqualified("SELECT 1 FROM tiny AS t JOIN pg_class ON a IS DISTINCT FROM b") == ["pg_class", "tiny"]
    assert unqualified("WITH w AS (SELECT 1 FROM pgseam.step) SELECT 1 FROM w -- FROM tiny") == []


ZOO = '''
CREATE SCHEMA zoo;
SET search_path = zoo;
CREATE DOMAIN zoo.code AS text CHECK (value <> '');
CREATE TYPE zoo.mood AS ENUM ('sad', 'glad');
CREATE TABLE zoo.keeper (a int, "B b" text, PRIMARY KEY ("B b", a));
CREATE TABLE zoo.animal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(40) NOT NULL,
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
    code zoo.code,
    mood zoo.mood DEFAULT 'sad',
    born timestamptz DEFAULT now(),
    data json,
    ka int, kb text,
    "Odd ""one""" numeric(10,2)[],
    dropped int,
    CONSTRAINT animal_keeper FOREIGN KEY (kb, ka) REFERENCES zoo.keeper,
    CONSTRAINT animal_name UNIQUE (name) DEFERRABLE,
    CONSTRAINT positive CHECK (id > 0)) WITH (autovacuum_enabled = off);
ALTER TABLE zoo.animal DROP COLUMN dropped;
ALTER TABLE zoo.animal ADD CONSTRAINT later CHECK (ka > 0) NOT VALID;
CREATE INDEX animal_lower ON zoo.animal (lower(name), born);
CREATE UNIQUE INDEX animal_part ON zoo.animal (ka) WHERE ka > 5;
CREATE INDEX animal_born ON zoo.animal (born) INCLUDE (mood);
CREATE TABLE zoo.meal (id bigint, animal_id bigint NOT NULL REFERENCES zoo.animal);
CREATE VIEW zoo.names AS SELECT name FROM zoo.animal;
CREATE VIEW zoo.names_of_names AS SELECT name FROM zoo.names;
CREATE POLICY mine ON zoo.animal USING (ka = 1);
CREATE FUNCTION zoo.stop() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER animal_stop BEFORE UPDATE ON zoo.animal FOR EACH ROW EXECUTE FUNCTION zoo.stop();
'''


@pytest.fixture
def zoo(db):
    db.execute(ZOO)
    return db


def facts_of(pgseam, text, name="zoo.sql"):
    return pgseam.run("plan", "--format", "json", pgseam.file(name, text)).json()["facts"]


def test_facts_of_the_zoo(any_cluster, zoo, pgseam):
    facts = facts_of(pgseam, "ALTER TABLE zoo.animal ADD x int;")
    expected = [
        f"server: major version {any_cluster.major}",
        "zoo.animal: relkind r, persistence p, owner postgres",
        "zoo.animal: column 1 id bigint not null identity",
        "zoo.animal: column 2 name character varying(40) not null",
        "zoo.animal: column 3 upper_name text default upper((name)::text) generated",
        "zoo.animal: column 4 code zoo.code",
        "zoo.animal: column 5 mood zoo.mood default 'sad'::zoo.mood",
        "zoo.animal: column 6 born timestamp with time zone default now()",
        "zoo.animal: column 7 data json",
        'zoo.animal: column 10 Odd "one" numeric(10,2)[]',
        "zoo.animal: index CREATE UNIQUE INDEX animal_pkey ON zoo.animal USING btree (id)",
        "zoo.animal: index CREATE UNIQUE INDEX animal_name ON zoo.animal USING btree (name)",
        "zoo.animal: index CREATE INDEX animal_lower ON zoo.animal USING btree (lower((name)::text), born)",
        "zoo.animal: index CREATE UNIQUE INDEX animal_part ON zoo.animal USING btree (ka) WHERE (ka > 5)",
        "zoo.animal: index CREATE INDEX animal_born ON zoo.animal USING btree (born) INCLUDE (mood)",
        'zoo.animal: constraint animal_keeper FOREIGN KEY (kb, ka) REFERENCES zoo.keeper("B b", a)',
        "zoo.animal: constraint animal_name UNIQUE (name) DEFERRABLE",
        "zoo.animal: constraint positive CHECK ((id > 0))",
        "zoo.animal: constraint animal_pkey PRIMARY KEY (id)",
        "zoo.animal: inbound constraint meal_animal_id_fkey FOREIGN KEY (animal_id) REFERENCES zoo.animal(id)",
        "zoo.animal: column name is used by view zoo.names",
        "zoo.animal: column ka is used by policy mine on table zoo.animal",
        "zoo.animal: column id is used by constraint meal_animal_id_fkey on table zoo.meal",
        "zoo.animal: trigger animal_stop",
    ]
    assert [line for line in expected if line not in facts] == []
    assert [line for line in facts if "dropped" in line or "not_null" in line] == []
    assert any(line.startswith("zoo.animal: constraint later CHECK ((ka > 0))") and line.endswith("not valid") for line in facts)
    assert facts == sorted(facts) and len(set(facts)) == len(facts)


def test_facts_do_not_depend_on_the_search_path(zoo, pgseam):
    """Only names of the file are resolved with it."""
    role = sql.SQL("ALTER ROLE postgres IN DATABASE {} SET search_path = {}")
    seen = []
    for path in ("zoo, public", '"$user", public, zoo', "zoo, pg_catalog"):
        with zoo.connect() as conn:
            parts = sql.SQL(", ").join(sql.Identifier(part.strip(' "')) for part in path.split(","))
            conn.execute(role.format(sql.Identifier(zoo.name), parts))
        facts = facts_of(pgseam, "ALTER TABLE animal ADD x int;")
        seen.append([line for line in facts if not line.startswith("session:")])
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("change, expected", [
    ("ALTER TABLE zoo.animal ALTER code SET NOT NULL", "column 4 code zoo.code not null"),
    ("DROP INDEX zoo.animal_born", "- was zoo.animal: index CREATE INDEX animal_born"),
    ("CREATE VIEW zoo.codes AS SELECT code FROM zoo.animal", "column code is used by view zoo.codes"),
    ("ALTER TABLE zoo.animal VALIDATE CONSTRAINT later", "constraint later"),
    ("CREATE TRIGGER two AFTER INSERT ON zoo.animal EXECUTE FUNCTION zoo.stop()", "trigger two"),
    ("CREATE TABLE zoo.animal_ka_idx (a int)", "relation zoo.animal_ka_idx exists"),
])
def test_a_change_is_drift(zoo, pgseam, change, expected):
    text = "ALTER TABLE zoo.animal ADD x int; CREATE INDEX ON zoo.animal (ka);"
    plan = pgseam.run("plan", "--format", "json", pgseam.file("zoo.sql", text)).out
    zoo.execute(change)
    result = pgseam.run("start", pgseam.file("zoo.plan", plan), expect=5)
    assert expected in result.err


def test_sizes_are_no_drift(zoo, pgseam):
    plan = pgseam.run("plan", "--format", "json", pgseam.file("zoo.sql", "ALTER TABLE zoo.animal ADD x int;")).out
    zoo.execute("INSERT INTO zoo.animal (name) SELECT 'n' || g FROM generate_series(1, 5000) g; ANALYZE zoo.animal;")
    pgseam.run("start", pgseam.file("zoo.plan", plan))


def key_of(pgseam, db, definition):
    db.execute(f"DROP TABLE IF EXISTS k; CREATE TABLE k ({definition}, v int)")
    result = pgseam.run("plan", "--format", "json", pgseam.file("k.sql", "UPDATE k SET v = 1;"), expect=None)
    return result.json()["steps"][0]["key"] if result.rc == 0 else result.err


def test_keys(any_cluster, db, pgseam):
    db.execute("CREATE DOMAIN d AS int; CREATE TYPE mood AS ENUM ('a', 'b');")
    usable = {
        "a bigint PRIMARY KEY": ["a"], "a uuid PRIMARY KEY": ["a"], "a varchar(5) PRIMARY KEY": ["a"], "a d PRIMARY KEY": ["a"],
        "a mood PRIMARY KEY": ["a"], "a int[] PRIMARY KEY": ["a"], "a cidr PRIMARY KEY": ["a"], "a char(3) PRIMARY KEY": ["a"],
        "a int4range PRIMARY KEY": ["a"], "a name PRIMARY KEY": ["a"], "a timestamptz, b int, PRIMARY KEY (b, a)": ["b", "a"],
        "a int NOT NULL UNIQUE, b int NOT NULL, c int NOT NULL, UNIQUE (b, c)": ["a"],
        "a int UNIQUE, b int NOT NULL, c int NOT NULL, UNIQUE (b, c)": ["b", "c"],
        'a int NOT NULL, UNIQUE (a) INCLUDE (b), b int': ["a"],
    }
    assert {definition: key_of(pgseam, db, definition) for definition in usable} == usable
    for definition in ("a int", "a int UNIQUE", "a int NOT NULL UNIQUE DEFERRABLE", "a int NOT NULL, EXCLUDE (a WITH =)"):
        assert key_of(pgseam, db, definition) == [], definition


def test_predicates_of_the_usual_kind_are_accepted(any_cluster, db, pgseam):
    # Too many rows for one statement, so that it must be split.
    db.execute("CREATE TABLE k (id bigint PRIMARY KEY, v int, t text, w timestamptz, b boolean);"
               "INSERT INTO k SELECT g FROM generate_series(1, 20000) g; ANALYZE k")
    for where in (
        "v BETWEEN 1 AND 5", "v NOT BETWEEN SYMMETRIC 5 AND 1", "v IN (1, 2)", "t LIKE 'x%'", "t ILIKE 'x%'", "t ~ '^x'",
        "t SIMILAR TO 'x'", "v IS DISTINCT FROM 5", "nullif(v, 1) = 2", "v = ANY ('{1,2}')", "b IS NOT TRUE", "v % 2 = 0",
        "w < now() - interval '1 day'", "extract(year FROM w) = 2020", "substring(t FROM 1 FOR 2) = 'ab'", "-v > 1",
        "trim(t) = ''", "coalesce(v, 0) = 0", "(v, id) > (1, 2)", "t COLLATE \"C\" < 'x'",
        "CASE WHEN b THEN v ELSE 1 END = 1", "v::text = '1'", "NOT b", "greatest(v, 1) > 2", "t || 'x' = 'yx'",
        "position('x' in t) > 0", "w < CURRENT_TIMESTAMP", "w < CURRENT_DATE",
    ):
        pgseam.run("plan", pgseam.file("k.sql", f"UPDATE k SET v = 1 WHERE {where};"))
    # On 14 one of the overloads, timezone(text, timetz), is volatile, and the worst one counts.
    expected = 3 if any_cluster.major == 14 else 0
    pgseam.run("plan", pgseam.file("k.sql", "UPDATE k SET v = 1 WHERE w AT TIME ZONE 'UTC' < '2020-01-01';"), expect=expected)


def test_keywords_are_those_of_the_server(any_cluster, db):
    """A name that is a keyword must be quoted: src/base/sqltext.c knows all that are not unreserved."""
    text = (SRC / "base/sqltext.c").read_text()
    ours = set(re.findall(r'^    "([a-z_]+)",$', text, re.MULTILINE))
    theirs = {word for (word,) in db.query("SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'")}
    assert len(ours) > 100 and theirs - ours == set()
