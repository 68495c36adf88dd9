"""What went wrong, where, and what to do now; and that nothing was changed."""

import json
import os
import re
import subprocess
import unicodedata

import pytest
from harness import init_shop
from harness.binaries import built


@pytest.fixture
def tiny(db):
    init_shop(db, users=500, orders_per_user=1, items_per_order=0)
    return db


def everything(db):
    return db.dump_schema(), db.data_digest("users"), db.data_digest("orders")


def journal(db):
    """The names in the journal; none if there is no journal."""
    if db.scalar("SELECT to_regclass('pgseam.migration')") is None:
        return []
    return [name for (name,) in db.query("SELECT name FROM pgseam.migration ORDER BY 1")]


def refused(db, pgseam, text, expect=3, name="bad.sql", command="start"):
    """Runs a file that must be refused, sees that nothing was changed or noted, and returns what was said."""
    before = everything(db)
    file = pgseam.folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = pgseam.run(command, str(file), expect=expect)
    assert everything(db) == before
    assert journal(db) == []
    assert result.out == ""
    return result.err


def role(cluster, name):
    with cluster.connect() as admin:
        if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
            admin.execute(f"CREATE ROLE {name} LOGIN")


def caret(text):
    """The source line above the caret, and what the caret stands under."""
    lines = text.split("\n")
    at = next(number for number, line in enumerate(lines) if line.strip() == "^")
    above, left = lines[at - 1], lines[at].index("^")
    for number, letter in enumerate(above):
        if left <= 0:
            return above, above[number:]
        # On a terminal an ideograph is two columns wide. A tab is one here, if it is a tab below it too.
        left -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
    return above, ""


# ---- where

# The file, its place line:column, and what the caret stands under. Columns count characters, tabs as one.
PLACES = {
    "first line": ("ALTER TABEL users ADD a int;", "1:7", "TABEL"),
    "later line": ("ALTER TABLE users ADD COLUMN a int;\n\n  SELEC 1;\n", "3:3", "SELEC"),
    "after tabs": ("ALTER TABLE users ADD COLUMN a int;\n\t\tALTER\tTABEL x;", "2:9", "TABEL"),
    "carriage returns": ("ALTER TABLE users ADD COLUMN a int;\r\nALTER TABEL x;\r\n", "2:7", "TABEL"),
    "non-ASCII before it on the line": ("/* größer — 桁 */ ALTER TABEL x;", "1:24", "TABEL"),
    "non-ASCII on lines before": ("-- größer 桁\n/* é\né */ ALTER TABEL x;", "3:12", "TABEL"),
    "dollar quotes before": (
        "-- pgseam: allow opaque because it is a test\nDO $x$ BEGIN; a; b 'c; $$ \n $x$;\nALTER TABEL x;", "4:7", "TABEL"
    ),
    "quotes and semicolons before": ("UPDATE users SET name = 'a;''b\n;c' WHERE id = 0; ALTER TABEL x;", "2:25", "TABEL"),
    "nested comment before": ("/* a /* b; */ ; */ ALTER TABEL x;", "1:26", "TABEL"),
    "byte order mark": ("\ufeffALTER TABEL x;", "1:7", "TABEL"),
    "inside a statement": ("ALTER TABLE users\n    ADD COLUMN a int,\n    ADD COLUMN COLUMN int;", "3:16", "COLUMN int"),
    "end of file": ("ALTER TABLE users ADD COLUMN", None, None),
    "unfinished string": ("ALTER TABLE users ADD COLUMN a int;\nUPDATE users SET name = 'x;\n", "2:25", "'x;"),
    "unfinished comment": ("ALTER TABLE users ADD COLUMN a int;\n/* oh", "2:1", "/* oh"),
    "unfinished dollar quote": ("DO $a$ begin $b$;", "1:4", "$a$ begin"),
}


@pytest.mark.parametrize("case", PLACES)
def test_syntax_error_has_file_line_column_and_caret(tiny, pgseam, case):
    text, place, under = PLACES[case]

    said = refused(tiny, pgseam, text)

    assert "bad.sql:" in said
    # The grammar's own words.
    assert "syntax error" in said or "unterminated" in said
    if place is None:
        return
    assert f"bad.sql:{place}\n" in said
    # A caret below a line with tabs stands right only if its line has the same tabs.
    line, at = caret(said)
    assert at.startswith(under), said


def test_every_bad_statement_is_told_at_once(tiny, pgseam):
    said = refused(tiny, pgseam, "ALTER TABLE users ADD COLUMN a nosuch;\nALTER TABLE users ADD COLUMN b int;\n"
                   "ALTER TABLE nosuch ADD COLUMN a int;\nVACUUM users;\n")
    for place in ("bad.sql:1:", "bad.sql:3:", "bad.sql:4:"):
        assert place in said
    assert "bad.sql:2:" not in said


# ---- what: name in the message

WRONG = {
    "unknown table": ("ALTER TABLE nosuch ADD COLUMN a int;", "1:1", ["nosuch", "does not exist"]),
    "unknown schema": ("ALTER TABLE nosuch.users ADD COLUMN a int;", "1:1", ["nosuch", "does not exist"]),
    "unknown type": ("ALTER TABLE users ADD COLUMN a nosuch;", "1:19", ["nosuch", "does not exist"]),
    "unknown column to drop": ("ALTER TABLE users DROP COLUMN nosuch;", "1:19", ["nosuch", "does not exist"]),
    "unknown column to set": ("UPDATE users SET nosuch = 1;", "1:", ["nosuch", "does not exist"]),
    "unknown column in an expression": ("UPDATE users SET name = nosuch;", "1:", ["nosuch", "does not exist"]),
    "unknown column in a predicate": ("UPDATE users SET name = 'a' WHERE nosuch > 1;", "1:", ["nosuch", "does not exist"]),
    "unknown column of a delete": ("DELETE FROM users WHERE nosuch > 1;", "1:", ["nosuch", "does not exist"]),
    "unknown column of an index": ("CREATE INDEX i ON users (nosuch);", "1:", ["nosuch", "does not exist"]),
    "unknown function": ("UPDATE users SET name = nosuch(name);", "1:", ["nosuch", "does not exist"]),
    "unknown index": ("DROP INDEX nosuch;", "1:1", ["nosuch", "does not exist"]),
    "type mismatch": ("UPDATE users SET balance = 'abc'::text;", "1:", ["balance"]),
    "bad literal in a default": ("ALTER TABLE users ADD COLUMN a int DEFAULT 'abc';", "1:", ["abc"]),
    "column that exists": ("ALTER TABLE users ADD COLUMN name text;", "1:19", ["name", "exists"]),
    "column added twice": ("ALTER TABLE users ADD COLUMN a int; ALTER TABLE users ADD COLUMN a int;", "1:", ["a", "exists"]),
    "index that exists": ("CREATE INDEX orders_user_id_idx ON orders (user_id);", "1:1", ["orders_user_id_idx", "exists"]),
    "table that exists": ("CREATE TABLE users (id int);", "1:1", ["users", "exists"]),
    "dropped column used after": ("ALTER TABLE users DROP COLUMN old_column; UPDATE users SET name = old_column || nosuch;",
                                  "1:", ["nosuch"]),
    "rename of nothing": ("ALTER TABLE users RENAME COLUMN nosuch TO n;", "1:1", ["nosuch", "does not exist"]),
    "change of type": ("ALTER TABLE users ALTER COLUMN balance TYPE uuid;", "1:", ["cannot be cast automatically", "bigint", "USING"]),
    "change of type that cannot go back": ("ALTER TABLE users ALTER COLUMN balance TYPE numeric USING balance / 100.0;", "1:",
                                           ["no known way back", "pgseam: down balance = expression"]),
    "drop of a table": ("DROP TABLE orders;", "1:1", ["table public.orders cannot be dropped", "it is used by constraint"]),
    "truncate": ("TRUNCATE orders;", "1:1", ["TRUNCATE takes away all rows"]),
    "insert of an unknown table": ("INSERT INTO orders (user_id) SELECT id FROM nosuch;", "1:", ["nosuch", "does not exist"]),
    "insert of an unknown column": ("INSERT INTO orders (user_id) SELECT nosuch FROM users;", "1:", ["nosuch", "does not exist"]),
    "insert into an unknown column": ("INSERT INTO orders (nosuch) VALUES (1);", "1:", ["nosuch", "does not exist"]),
    "merge": ("MERGE INTO users USING orders ON user_id = users.id WHEN MATCHED THEN DELETE;", "1:1", ["MERGE", "not yet"]),
    "a change in WITH": ("WITH w AS (DELETE FROM orders RETURNING user_id) UPDATE users SET name = 'x' FROM w;", "1:1", ["WITH", "not yet"]),
    "create table as": ("CREATE TABLE orders AS SELECT * FROM users;", "1:1", ["table orders", "exists already"]),
    "constraint": ("ALTER TABLE users ADD EXCLUDE (balance WITH =);", "1:", ["exclusion constraint", "ADD CONSTRAINT name"]),
    "update from an unknown table": ("UPDATE users SET name = status FROM nosuch WHERE user_id = users.id;", "1:",
                                     ["nosuch", "does not exist"]),
    "update from an unknown column": ("UPDATE users SET name = nosuch FROM orders WHERE user_id = users.id;", "1:",
                                      ["nosuch", "does not exist"]),
    "grammar newer than ours": ("ALTER TABLE users ADD COLUMN a int;\nMERGE INTO users FLYING;", "2:", ["syntax error"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_statement_that_cannot_be_run_is_refused_before_anything_is_done(tiny, pgseam, case):
    text, place, words = WRONG[case]
    # A good statement before it must not be run either.
    said = refused(tiny, pgseam, text)
    assert f"bad.sql:{place}" in said
    for word in words:
        assert word in said


def test_good_statements_before_the_bad_one_are_not_run(tiny, pgseam):
    said = refused(tiny, pgseam, "ALTER TABLE users ADD COLUMN a int;\nCREATE TABLE t (id int);\nUPDATE users SET nosuch = 1;")
    assert "bad.sql:3:" in said


@pytest.mark.parametrize("statement, word", [
    ("UPDATE no_key SET a = 1;", "key"),
    ("DELETE FROM no_key;", "key"),
    ("ALTER TABLE no_key ALTER COLUMN a TYPE text;", "key"),
    ("INSERT INTO orders (user_id) SELECT a FROM no_key;", "key"),
    ("UPDATE some_view SET name = 'x';", "view"),
    ("ALTER TABLE some_view ADD COLUMN x int;", "view"),
    ("ALTER TABLE pg_catalog.pg_class ADD COLUMN x int;", "pg_class"),
    ("ALTER TABLE pgseam.migration ADD COLUMN x int;", "pgseam"),
])
def test_relations_that_cannot_be_walked_are_refused(tiny, pgseam, statement, word):
    tiny.execute("CREATE TABLE no_key (a int); UPDATE pg_class SET reltuples = 1e6 WHERE oid = 'no_key'::regclass;"
                 " CREATE VIEW some_view AS SELECT * FROM users")
    assert word in refused(tiny, pgseam, statement)


def test_column_that_a_view_uses_is_not_dropped(tiny, pgseam):
    # PostgreSQL would refuse it behind the gate, when the old application is gone already; so it is said at once.
    tiny.execute("CREATE VIEW looking AS SELECT old_column FROM users")
    said = refused(tiny, pgseam, "ALTER TABLE users ADD COLUMN a int; ALTER TABLE users DROP COLUMN old_column;")
    assert "looking" in said


# ---- directives

DIRECTIVES = {
    "meta-command": ("\\set x 1\nALTER TABLE users ADD COLUMN a int;", "1:1", "backslash"),
    "meta-command later": ("ALTER TABLE users ADD COLUMN a int;\n\\i other.sql\n", "2:1", "backslash"),
    "copy data": ("SELECT 1;\nCOPY users FROM stdin;\n1\tx\n2\ty\n\\.\nALTER TABLE users ADD COLUMN a int;", "2:1", "COPY ... FROM stdin"),
    "copy data that is no SQL": ("COPY users FROM stdin;\n1\tit's\n\\.\n", "1:1", "COPY ... FROM stdin"),
    "copy by psql": ("\\copy users from 'x'\n", "1:1", "load them before or after"),
    "another database": ("\\connect other\nALTER TABLE users ADD COLUMN a int;", "1:1", "-d"),
    "included": ("\\ir part.sql\n", "1:1", "a migration of its own"),
    "unknown directive": ("-- pgseam: frobnicate\nALTER TABLE users ADD COLUMN a int;", "1:", "frobnicate"),
    "misspelt directive": ("ALTER TABLE users ADD COLUMN a int;\n-- pgseam: alow opaque because x\nDROP TABLE orders;", "2:",
                           "alow"),
    "allow without a reason": ("-- pgseam: allow opaque\nDROP TABLE orders;", "1:", "because"),
    "allow with an empty reason": ("-- pgseam: allow opaque because   \nDROP TABLE orders;", "1:", "because"),
    "allow of an unknown rule": ("-- pgseam: allow murder because he asked\nDROP TABLE orders;", "1:", "murder"),
    "allow of the statement before": ("-- pgseam: allow opaque because x\nDO '';\nTRUNCATE orders;",
                                      "3:1", "takes away all rows"),
}


@pytest.mark.parametrize("case", DIRECTIVES)
def test_directive_or_meta_command_that_is_not_understood_is_refused(tiny, pgseam, case):
    text, place, word = DIRECTIVES[case]
    said = refused(tiny, pgseam, text)
    assert word in said
    assert f"bad.sql:{place or ''}" in said


def test_opaque_statement_runs_by_consent_and_the_plan_says_so(any_cluster, tiny, pgseam):
    file = pgseam.file("grant.sql", "-- pgseam: allow opaque because the reports need it\n"
                       "DO $$ BEGIN GRANT SELECT ON users TO public; END $$;\n")
    plan = pgseam.run("plan", file)
    assert "the reports need it" in plan.out
    assert "opaque" in plan.out

    pgseam.run("start", file)

    assert tiny.scalar("SELECT relacl::text FROM pg_class WHERE oid = 'users'::regclass").find("=r/") >= 0


def test_opaque_statement_that_fails_leaves_nothing_and_is_told(tiny, pgseam):
    before = everything(tiny)
    file = pgseam.file("fail.sql", "-- pgseam: allow opaque because it is a test\nDO $$ BEGIN CREATE TABLE t (); "
                       "RAISE 'on purpose' USING HINT = 'try harder'; END $$;\n")
    failed = pgseam.run("start", file, expect=1)
    assert "on purpose" in failed.err and "try harder" in failed.err
    assert everything(tiny) == before
    pgseam.run("rollback")


# ---- privileges and connections


def test_role_that_does_not_own_the_table_is_refused(any_cluster, tiny, pgseam):
    role(any_cluster, "clerk")
    tiny.execute("GRANT ALL ON users, orders TO clerk; GRANT CREATE ON SCHEMA public TO clerk;"
                 f" GRANT CREATE ON DATABASE {tiny.name} TO clerk")
    before = everything(tiny)
    for text in ("ALTER TABLE users ADD COLUMN a int;", "CREATE INDEX i ON users (name);", "DROP INDEX orders_user_id_idx;"):
        result = pgseam.run("start", pgseam.file("clerk.sql", text), role="clerk", expect=3)
        assert "own" in result.err and ("users" in result.err or "orders" in result.err)
        assert everything(tiny) == before
    assert journal(tiny) == []


def test_role_that_may_not_make_the_journal_is_told_what_an_administrator_runs(any_cluster, tiny, pgseam):
    role(any_cluster, "owner_only")
    tiny.execute("ALTER TABLE users OWNER TO owner_only")
    before = tiny.dump_schema()
    file = pgseam.file("a.sql", "ALTER TABLE users ADD COLUMN a int;")

    # Reading needs no journal.
    pgseam.run("plan", file, role="owner_only")
    result = pgseam.run("start", file, role="owner_only", expect=3)

    assert tiny.dump_schema() == before
    assert "CREATE SCHEMA" in result.err or "GRANT CREATE" in result.err
    assert "owner_only" in result.err
    # What it says is what helps.
    tiny.execute(re.search(r"(CREATE SCHEMA|GRANT CREATE) [^`;\n]+", result.err).group())
    pgseam.run("start", file, role="owner_only")
    assert tiny.scalar("SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'a'") == 1


def test_schema_pgseam_of_somebody_else_is_not_touched(tiny, pgseam):
    tiny.execute("CREATE SCHEMA pgseam; CREATE TABLE pgseam.migration (name text); INSERT INTO pgseam.migration VALUES ('x')")
    before = everything(tiny)
    result = pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE users ADD COLUMN a int;"), expect=None)
    assert result.rc in (1, 3), str(result)
    assert "schema pgseam" in result.err
    assert everything(tiny) == before
    assert tiny.query("SELECT * FROM pgseam.migration") == [("x",)]


def raw(*words, folder, env=None):
    """The program without the harness's -d."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run([built("PGSEAM_BIN", "src/pgseam"), *map(str, words)], capture_output=True, text=True, check=False,
                          cwd=folder, timeout=60, env={**kept, "LC_ALL": "C.UTF-8", **(env or {})})
    return done


def test_refused_connection_is_exit_1_with_the_reason(pgseam, tmp_path):
    file = pgseam.file("a.sql", "ALTER TABLE users ADD COLUMN a int;")
    for command in (["plan", file], ["start", file], ["status"], ["locks"], ["complete"]):
        done = raw(command[0], "-d", f"host={tmp_path} dbname=x", *command[1:], folder=tmp_path)
        assert done.returncode == 1, done
        assert str(tmp_path) in done.stderr
        assert "No such file or directory" in done.stderr or "refused" in done.stderr


def test_unknown_database_and_role_are_exit_1(tiny, cluster, tmp_path):
    done = raw("status", "-d", cluster.dsn("no_such_db"), folder=tmp_path)
    assert (done.returncode, "no_such_db" in done.stderr) == (1, True)
    done = raw("status", "-d", cluster.dsn(tiny.name, "no_such_role"), folder=tmp_path)
    assert (done.returncode, "no_such_role" in done.stderr) == (1, True)


def test_password_is_never_shown(tiny, pgseam, tmp_path):
    secret = "s3cr3t-w0rd"
    done = raw("status", "-d", f"host={tmp_path} dbname=x password={secret}", folder=tmp_path)
    assert done.returncode == 1
    assert secret not in done.stdout + done.stderr
    done = raw("status", "-d", f"postgresql://joe:{secret}@%2Fno%2Fwhere/x", folder=tmp_path)
    assert done.returncode == 1
    assert secret not in done.stdout + done.stderr


def test_connection_comes_from_pg_variables_name_uri_and_conninfo(tiny, cluster, tmp_path):
    folder = str(cluster.folder)
    variables = {"PGHOST": folder, "PGPORT": "5432", "PGUSER": "postgres"}
    uri = f"postgresql://postgres@{folder.replace('/', '%2F')}:5432/{tiny.name}"
    for words, env in (
        ([], {**variables, "PGDATABASE": tiny.name}),
        (["-d", tiny.name], variables),
        (["--dbname", tiny.dsn], {}),
        (["--dbname=" + uri], {}),
        (["-d", f"dbname={tiny.name}"], variables),
    ):
        done = raw("status", *words, "--format", "json", folder=tmp_path, env=env)
        assert done.returncode == 0, done
        assert json.loads(done.stdout) == {"migrations": []}


# ---- usage

USAGE = [
    ["frobnicate"], ["start", "--nosuch", "a.sql"], ["start"], ["start", "a.sql", "b.sql"], ["plan"],
    ["start", "/no/such/file.sql"], ["status", "--format", "xml"], ["start", "a.sql", "--deadline", "soon"],
    ["start", "a.sql", "--max-batch", "0"], ["start", "a.sql", "--load", "101"], ["start", "a.sql", "--lock-budget", "-1"],
    ["complete", "a", "b"], ["status", "-d"],
]


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_wrong_usage_is_exit_2_and_changes_nothing(tiny, pgseam, tmp_path, words):
    (tmp_path / "a.sql").write_text("ALTER TABLE users ADD COLUMN a int;")
    before = everything(tiny)
    words = [words[0], *([] if words == ["status", "-d"] else ["-d", tiny.dsn]), *words[1:]]

    done = raw(*words, folder=tmp_path)

    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("pgseam")
    assert everything(tiny) == before


def test_help_and_version_are_exit_0_on_stdout(tmp_path):
    for words in (["--help"], ["--version"], ["start", "--help"], ["plan", "--help"], ["status", "-h"]):
        done = raw(*words, folder=tmp_path)
        assert done.returncode == 0, done
        assert done.stdout and not done.stderr
    # No command at all is a question too, but one that was not asked.
    assert raw(folder=tmp_path).returncode == 2


def test_file_that_is_not_text_is_refused(tiny, pgseam):
    assert refused(tiny, pgseam, b"ALTER TABLE users ADD COLUMN \xff\xfe int;", expect=3)
    assert refused(tiny, pgseam, b"ALTER TABLE users ADD COLUMN a int;\x00DROP TABLE users;", expect=3)


# ---- plan, reviewed and drifted


def test_plan_that_was_reviewed_is_the_plan_that_runs(any_cluster, tiny, pgseam):
    file = pgseam.file("007_age.sql", "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 1 WHERE age IS NULL;")
    before = everything(tiny)
    planned = pgseam.folder / "f.plan"
    pgseam.run("plan", file, "-o", planned)
    # Planning changes nothing, and the file may be gone or other by then.
    assert everything(tiny) == before and journal(tiny) == []
    pgseam.file("007_age.sql", "DROP TABLE users;")

    pgseam.run("start", planned)

    assert pgseam.run("status", "007_age", "--format", "json").json()["migrations"][0]["state"] == "complete"
    assert tiny.scalar("SELECT count(*) FROM users WHERE age = 1") == 500


@pytest.mark.parametrize("change, word", [
    ("ALTER TABLE users ADD COLUMN sudden int", "sudden"),
    ("ALTER TABLE users ALTER COLUMN name TYPE varchar(100)", "name"),
    ("ALTER TABLE users ALTER COLUMN old_column SET NOT NULL", "old_column"),
    ("ALTER TABLE users DROP COLUMN created_at", "created_at"),
    ("CREATE INDEX sudden ON users (name)", "sudden"),
    ("ALTER TABLE users ADD CONSTRAINT sudden CHECK (balance > -1)", "sudden"),
    ("CREATE VIEW sudden AS SELECT old_column FROM users", "sudden"),
    ("ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey", "orders_user_id_fkey"),
    ("ALTER TABLE users RENAME TO customers", "users"),
])
def test_change_since_the_plan_is_exit_5_and_named(tiny, pgseam, change, word):
    file = pgseam.file("f.sql", "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 1 WHERE age IS NULL;"
                       " ALTER TABLE users DROP COLUMN old_column;")
    planned = pgseam.folder / "f.plan"
    pgseam.run("plan", file, "-o", planned)
    tiny.execute(change)
    schema = tiny.dump_schema()

    drifted = pgseam.run("start", planned, expect=5)

    assert word in drifted.err
    assert tiny.dump_schema() == schema
    assert journal(tiny) == []


def test_plan_that_was_tampered_with_is_not_run(tiny, pgseam):
    file = pgseam.file("f.sql", "ALTER TABLE users ADD COLUMN age int;")
    planned = pgseam.folder / "f.plan"
    pgseam.run("plan", file, "-o", planned)
    text = planned.read_text()
    before = everything(tiny)
    for damaged in (text[: len(text) // 2], text.replace("column.add", "column.explode"), "{}", "[]"):
        planned.write_text(damaged)
        result = pgseam.run("start", planned, expect=None)
        assert result.rc in (2, 3), str(result)
        assert everything(tiny) == before


# ---- JSON


def test_plan_as_json_has_the_documented_keys(any_cluster, tiny, pgseam):
    file = pgseam.file("008.sql", "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 1 WHERE age IS NULL;"
                       " ALTER TABLE users ALTER COLUMN age SET NOT NULL; CREATE INDEX i ON users (age);")
    plan = pgseam.run("plan", file, "--format", "json").json()
    assert plan["migration"] == "008"
    assert plan["server_version"] // 10000 == any_cluster.major
    assert [step["id"] for step in plan["steps"]] == list(range(1, len(plan["steps"]) + 1))
    for step in plan["steps"]:
        assert {"id", "phase", "kind", "sql", "why", "locks"} <= step.keys()
        assert step["phase"] in ("expand", "backfill", "contract")
        assert step["sql"] and step["why"]
        for lock in step["locks"]:
            assert {"relation", "mode", "hold"} <= lock.keys()
            assert lock["relation"] == "public.users"
    assert [step["kind"] for step in plan["steps"]][:2] == ["column.add", "backfill.update"]
    # The user's own text, not a printed one.
    assert plan["steps"][0]["sql"] == "ALTER TABLE users ADD COLUMN age int"


def test_status_as_json_has_the_documented_keys(tiny, pgseam):
    file = pgseam.file("009.sql", "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 1 WHERE age IS NULL;"
                       " ALTER TABLE users DROP COLUMN old_column;")
    pgseam.run("start", file)
    (migration,) = pgseam.run("status", "--format", "json").json()["migrations"]
    assert {"name", "state", "phase", "steps_done", "steps_total", "rows_done", "rows_total", "eta_s",
            "reason"} <= migration.keys()
    assert (migration["name"], migration["state"], migration["rows_done"]) == ("009", "gated", 500)
    assert 0 < migration["steps_done"] < migration["steps_total"]


def test_error_as_json_is_one_document_on_stdout(tiny, pgseam):
    failed = pgseam.run("start", pgseam.file("x.sql", "ALTER TABEL x;"), "--format", "json", expect=3)
    error = failed.json()["error"]
    assert "x.sql:1:7" in error["message"] + str(error["detail"])
    assert error["exit_status"] == 3
    failed = pgseam.run("complete", "no_such_migration", "--format", "json", expect=3)
    assert "no_such_migration" in failed.json()["error"]["message"]


def test_text_on_stdout_is_the_result_and_quiet_silences_progress(tiny, pgseam):
    result = pgseam.run("start", pgseam.file("q.sql", "ALTER TABLE users ADD COLUMN q int;"), "--quiet")
    assert result.err == ""
    assert "complete" in result.out


def test_statements_that_need_nothing_done_are_complete_at_once(tiny, pgseam):
    for name, text in {"empty.sql": "", "comment.sql": "-- nothing here\n/* at all */;;\n",
                       "exists.sql": "ALTER TABLE users ADD COLUMN IF NOT EXISTS name text;"}.items():
        pgseam.run("start", pgseam.file(name, text))
        state = pgseam.run("status", name[:-4], "--format", "json").json()["migrations"][0]["state"]
        assert state == "complete"
