"""What no file of the project may hold: names of package hosts, paths of one machine, binary or generated text, and in C
tabs and blanks at the end of a line."""

import re
from pathlib import Path

import pytest
from tree import ROOT, project_files, write

# The bracketed letters keep these patterns from finding themselves.
FORBIDDEN = {
    "a package host": re.compile(r"\b(?:registry\.[\w.-]+\.(?:com|org|io)|npm[j]s\.(?:com|org)|py[p]i\.org|pythonhoste[d]\.org|deb\.debia[n]\.org"
                                 r"|security\.debia[n]\.org|archive\.ubunt[u]\.com|apt\.postgresq[l]\.org|crates\.i[o])\b"),
    "a path of one machine": re.compile(r"(?<![\w.$}/-])/(?:wor[k]|hom[e]/\w+|roo[t])/"),
}
MADE = re.compile(r"\.(?:o|a|so|pyc|gcda|gcno|gcov|log|tgz|orig|rej)$")
MADE_TEXT = re.compile(r"\A/\* Made by tools/")


def words_findings(name, text):
    return [f"{name}:{number}: {what}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1)
            for what, pattern in FORBIDDEN.items() if pattern.search(line)]


def c_findings(name, text):
    findings = [f"{name}:{number}: tab" for number, line in enumerate(text.split("\n"), 1) if "\t" in line]
    findings += [f"{name}:{number}: blank at the end" for number, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
    if text and not text.endswith("\n"):
        findings.append(f"{name}: no newline at the end")
    return findings


def text_findings(root, names):
    findings = []
    for name in names:
        content = (root / name).read_bytes()
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            findings.append(f"{name}: binary")
            continue
        if MADE.search(name.name) or MADE_TEXT.search(text):
            findings.append(f"{name}: a made file")
        findings += words_findings(name, text)
        if name.suffix in (".c", ".h"):
            findings += c_findings(name, text)
    return findings


def test_files_hold_only_what_belongs_in_them():
    assert text_findings(ROOT, project_files()) == []


@pytest.mark.parametrize("name, text", [
    ("a.md", "see registry" + ".example.org"),
    ("a.sh", "fetch https://npm" + "js.org/x"),
    ("a.py", "open('/wor" + "k/main/x')"),
    ("a.md", "cd /hom" + "e/someone/pgseam"),
    ("a.c", "int\tx;\n"),
    ("a.c", "int x; \n"),
    ("a.h", "int x;"),
    ("a.o", "text"),
    ("a.c", "/* Made by tools/" + "embed_sql; do not edit. */\n"),
    ("a.bin", "\0\1"),
])
def test_what_does_not_belong_is_found(tmp_path, name, text):
    write(tmp_path, name, text)
    assert len(text_findings(tmp_path, [Path(name)])) == 1


@pytest.mark.parametrize("name, text", [
    ("Makefile", "x:\n\ttrue\n"),
    ("a.sh", "cd \"$root/work/x\"; rm -rf build/work/y ~/home"),
    ("a.c", "int x; /* ä */\n"),
])
def test_what_belongs_is_left_alone(tmp_path, name, text):
    write(tmp_path, name, text)
    assert text_findings(tmp_path, [Path(name)]) == []
