"""A migration may have several files: where a statement stands is printed as Stmt.place or Step.place, and set
with its file, never as its line alone."""

import re

import pytest
from tree import ROOT, c_files, line_of, without_comments, write

BARE = re.compile(r"\blines? %d|->line = ")
PLACE_ITSELF = ("src/sql/stmt.c", "src/plan/step.c")


def place_findings(root):
    findings = []
    for name in c_files(root):
        text = without_comments((root / name).read_text())
        if name.as_posix() not in PLACE_ITSELF and name.parts[1] in ("plan", "steps", "sql", "run", "cli"):
            findings += [f"{name}:{line_of(text, match.start())}: use the place, which has the file, too" for match in BARE.finditer(text)]
    return findings


def test_places_are_printed_with_their_file():
    assert place_findings(ROOT) == []


@pytest.mark.parametrize("name, text, count", [
    ("src/plan/x.c", 'plan_note(plan, "line %d: nothing to do", stmt->line);', 1),
    ("src/plan/x.c", 'plan_note(plan, "%s: nothing to do", stmt->place);', 0),
    ("src/plan/x.c", "step->line = stmt->line;", 1),
    ("src/plan/x.c", "step_set_place(step, stmt->file, stmt->line);", 0),
    ("src/sql/stmt.c", 'g_strdup_printf("line %d", line);', 0),
])
def test_a_bare_line_is_found(tmp_path, name, text, count):
    write(tmp_path, name, text + "\n")
    assert len(place_findings(tmp_path)) == count
