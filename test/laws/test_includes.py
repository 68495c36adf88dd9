"""Arrows point one way: nothing below includes anything above it (design: the way through the code)."""

import re

import pytest
from tree import ROOT, c_files, library_exports, line_of, objects, output, without_comments, write

# From low to high: a folder may include itself and what stands here, be it a folder or a single header. A row for a
# single file replaces its folder's row, itself included.
BELOW = {
    "base": (),
    "folder": ("base",),
    "sql": ("base",),
    "db": ("base",),
    "catalog": ("base", "db"),
    "catalog/facts.h": ("base", "catalog/fact_object.h"),
    "catalog/fact_object.h": ("base",),
    "rules": ("base", "sql", "catalog/facts.h"),
    "version": ("base",),
    "plan": ("base", "sql", "rules", "version", "catalog/facts.h"),
    "run": ("base", "folder", "sql", "db", "catalog", "rules", "plan"),
    "rewrite": ("base", "db", "catalog", "rules", "plan", "run"),
    "steps": ("base", "sql", "db", "catalog", "rules", "plan", "run", "rewrite"),
    "report": ("base", "folder", "plan", "run/journal.h", "run/quarantine.h", "run/version_list.h", "run/version_use.h"),
    "cli": ("base", "folder", "sql", "db", "catalog", "rules", "plan", "run", "rewrite", "steps", "report"),
}
# System headers that only one folder may see.
ONLY_IN = {"pg_query": "sql", "libpq-fe.h": "db", "libpq/": "db"}
# Folders that link without libpq.
PURE = ("base", "folder", "sql", "rules", "version", "plan")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def allowed(path, folder, target):
    """May the file `path` (as "plan/plan.c") include `target` (as "catalog/facts.h")?"""
    own_row = path in BELOW
    may = BELOW[path] if own_row else (folder, *BELOW[folder])
    return target in may or target.split("/")[0] in may


def folder_findings(path, folder, target):
    if ".." in target:
        return f'"{target}": write it from src/, as "folder/file.h"'
    if "/" not in target:
        target = f"{folder}/{target}"
    return None if allowed(path, folder, target) else f'{path} may not include "{target}"'


def system_findings(folder, target):
    for start, home in ONLY_IN.items():
        if target.startswith(start) and folder != home:
            return f"<{target}> belongs in src/{home} only"
    return None


def include_findings(root):
    findings = []
    for name in c_files(root):
        path = name.relative_to("src").as_posix()
        folder = path.split("/")[0] if "/" in path else ""
        if folder not in BELOW:
            findings.append(f"{name}: folder is not in the table of layers")
            continue
        text = without_comments((root / name).read_text())
        for match in INCLUDE.finditer(text):
            finding = system_findings(folder, match.group(2))
            if not finding and match.group(1) == '"' and not match.group(2).startswith(tuple(ONLY_IN)):
                finding = folder_findings(path, folder, match.group(2))
            if finding:
                findings.append(f"{name}:{line_of(text, match.start())}: {finding}")
    return findings


def libpq_users(made):
    """Those of the object files that need a symbol of libpq."""
    findings = []
    for source, path in made.items():
        needed = {line.split()[-1] for line in output("nm", "-u", str(path)).splitlines() if line.strip()}
        findings += [f"{source} uses {name}" for name in sorted(needed & library_exports("libpq.so"))]
    return findings


def test_includes_point_down():
    assert c_files(ROOT), "src/ has no C files"
    assert include_findings(ROOT) == []


def test_pure_folders_link_without_libpq():
    pure = {source: made for source, made in objects().items() if source.parts[0] == "src" and source.parts[1] in PURE}
    if not pure:
        pytest.skip("nothing is built: `make build` first")
    assert libpq_users(pure) == []


@pytest.mark.parametrize("path, text", [
    ("src/base/text.c", '#include "db/conn.h"'),
    ("src/catalog/facts.h", '#include "db/conn.h"'),
    ("src/catalog/facts.h", '#include "loader.h"'),
    ("src/catalog/load.c", '#include "plan/plan.h"'),
    ("src/rules/effects.c", '#include "catalog/load.h"'),
    ("src/plan/plan.c", "# include <libpq-fe.h>"),
    ("src/plan/plan.c", '#include "libpq-fe.h"'),
    ("src/plan/plan.c", '#include "../db/conn.h"'),
    ("src/cli/main.c", "#include <pg_query/pg_query.pb-c.h>"),
    ("src/report/html.c", '#include "run/runner.h"'),
    ("src/other/x.c", "int x;"),
])
def test_an_arrow_that_points_up_is_found(tmp_path, path, text):
    write(tmp_path, path, f"/* a comment */\n{text}\n")
    assert len(include_findings(tmp_path)) == 1


@pytest.mark.parametrize("path, text", [
    ("src/rules/effects.c", '#include "catalog/facts.h"\n#include "effects.h"\n#include <glib.h>'),
    ("src/sql/parse.c", "#include <pg_query.h>"),
    ("src/db/conn.h", "#include <libpq-fe.h>"),
    ("src/base/text.c", '// #include "db/conn.h"'),
    ("src/report/text.c", '#include "run/journal.h"'),
])
def test_an_arrow_that_points_down_is_allowed(tmp_path, path, text):
    write(tmp_path, path, text + "\n")
    assert include_findings(tmp_path) == []


def test_a_use_of_libpq_is_found_in_an_object(tmp_path):
    source = write(tmp_path, "plan.c", "int PQstatus(const void *); int f(void) { return PQstatus(0); }\n")
    output("gcc", "-c", str(source), "-o", str(tmp_path / "plan.o"))
    assert libpq_users({"plan.c": tmp_path / "plan.o"}) == ["plan.c uses PQstatus"]
