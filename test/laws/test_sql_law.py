"""SQL goes to the server through src/db only, and no SQL text is put together with %s outside the one builder."""

import re

import pytest
from tree import C_TOKEN, ROOT, c_files, line_of, without_comments, write

BUILDER = ("src/base/sqltext.c",)

EXECUTES = re.compile(r"\bPQ(?:exec|sendQuery|prepare|sendPrepare|sendDescribe|describe|fn|putCopyData|getCopyData)\w*\s*\(")
LITERALS = re.compile(r'"(?:\\.|[^"\\\n])*"(?:\s*"(?:\\.|[^"\\\n])*")*')
SQL = re.compile(r"\s*(?:SELECT|ALTER|CREATE|DROP|UPDATE|DELETE|INSERT)\b")


def without_strings(text):
    return C_TOKEN.sub(lambda token: '""' + "\n" * token.group().count("\n"), text)


def literals(text):
    """(offset, content) of each string of the program, with neighbours joined as the compiler does."""
    for match in LITERALS.finditer(text):
        yield match.start(), re.sub(r'(?<!\\)"\s*"', "", match.group())[1:-1]


def sql_findings(root):
    findings = []
    for name in c_files(root):
        text = without_comments((root / name).read_text())
        if not name.as_posix().startswith("src/db/"):
            bare = without_strings(text)
            findings += [f"{name}:{line_of(bare, match.start())}: {match.group()}...) belongs in src/db"
                         for match in EXECUTES.finditer(bare)]
        if name.as_posix() not in BUILDER:
            findings += [f"{name}:{line_of(text, at)}: SQL made with %s: {content[:60]}"
                         for at, content in literals(text) if SQL.match(content) and "%s" in content]
    return findings


def test_sql_is_built_and_sent_in_one_place():
    assert sql_findings(ROOT) == []


@pytest.mark.parametrize("name, text", [
    ("src/run/journal.c", 'x = PQexec(conn, "begin");'),
    ("src/run/journal.c", 'x = PQexecParams (conn, "begin", 0);'),
    ("src/run/journal.c", "x = PQsendQueryPrepared(conn);"),
    ("src/db/conn.c", 'x = g_strdup_printf("ALTER TABLE %s", name);'),
    ("src/plan/x.c", 'x = g_strdup_printf("DROP INDEX "\n    "%s", name);'),
])
def test_sql_outside_its_place_is_found(tmp_path, name, text):
    write(tmp_path, name, text + "\n")
    assert len(sql_findings(tmp_path)) == 1


@pytest.mark.parametrize("name, text", [
    ("src/db/conn.c", 'x = PQexec(conn, "SELECT 1");'),
    ("src/run/x.c", '/* PQexec(conn) */ say("PQexec(x) failed: %s");'),
    ("src/base/sqltext.c", 'x = f("SELECT %s");'),
    ("src/plan/x.c", 'x = f("ALTER TABLE ?", "why: %s");'),
])
def test_sql_in_its_place_is_allowed(tmp_path, name, text):
    write(tmp_path, name, text + "\n")
    assert sql_findings(tmp_path) == []
