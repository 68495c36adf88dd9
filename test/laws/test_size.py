"""One screen, one thought: how long files, functions and parameter lists may be, and a README in each folder."""

import re
from pathlib import Path

from tree import ROOT, c_files, output, project_files, without_comments, write

FILE_LINES = 600
HEADER_LINES = 250
FUNCTION_LINES = 60
PARAMETERS = 6

# Pure data tables: no limit on lines.
DATA_TABLES = frozenset()

CODE = (".c", ".h", ".py", ".sh", ".build")
README_IN = re.compile(r"(src/[^/]+|test|test/[^/]+|docs|demo|bench|tools)")


def is_code(root, name):
    if name.suffix in CODE or name.name == "Makefile":
        return True
    return name.suffix == "" and (root / name).open("rb").read(2) == b"#!"


def file_findings(root, names, data_tables=DATA_TABLES):
    findings = []
    for name in names:
        if name.as_posix() in data_tables or not is_code(root, name):
            continue
        limit = HEADER_LINES if name.suffix == ".h" else FILE_LINES
        lines = len((root / name).read_text().splitlines())
        if lines > limit:
            findings.append(f"{name}: {lines} lines, at most {limit}")
    return findings


def functions(root, name):
    """(function, first line, lines) of a C file, as pmccabe counts them."""
    for row in output("pmccabe", str(root / name)).splitlines():
        _, _, _, first, lines, place = row.split("\t")
        yield place.split(": ")[-1], int(first), int(lines)


def count_parameters(text):
    """Of a parameter list, from its opening bracket on."""
    depth, commas = 0, 0
    for at, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        commas += depth == 1 and char == ","
        if depth == 0:
            inside = text[1:at].strip()
            return 0 if inside in ("", "void") else commas + (not inside.endswith("..."))
    return 0


def function_findings(root, names):
    findings = []
    for name in names:
        text = without_comments((root / name).read_text()).split("\n")
        for function, first, lines in functions(root, name):
            if lines > FUNCTION_LINES:
                findings.append(f"{name}:{first}: {function} has {lines} lines, at most {FUNCTION_LINES}")
            head = re.search(rf"\b{re.escape(function)}\s*(\(.*)", "\n".join(text[first - 1:]), re.DOTALL)
            parameters = count_parameters(head.group(1)) if head else 0
            if parameters > PARAMETERS:
                findings.append(f"{name}:{first}: {function} has {parameters} parameters, at most {PARAMETERS}")
    return findings


def readme_findings(names):
    folders = {parent.as_posix() for name in names for parent in name.parents}
    have = {name.parent.as_posix() for name in names if name.name == "README.md"}
    return [f"{folder}: no README.md" for folder in sorted(folders - have) if README_IN.fullmatch(folder)]


def our_c_files(root):
    return c_files(root, "src") + c_files(root, "test")


def test_files_are_short():
    assert file_findings(ROOT, project_files()) == []


def test_functions_are_short():
    assert function_findings(ROOT, our_c_files(ROOT)) == []


def test_each_folder_says_what_it_is():
    assert readme_findings(project_files()) == []


def test_a_long_file_is_found(tmp_path):
    write(tmp_path, "long.c", "int x;\n" * (FILE_LINES + 1))
    write(tmp_path, "long.h", "int x;\n" * (HEADER_LINES + 1))
    write(tmp_path, "script", "#!/bin/sh\n" * (FILE_LINES + 1))
    write(tmp_path, "fits.c", "int x;\n" * FILE_LINES)
    write(tmp_path, "words.txt", "word\n" * (FILE_LINES + 1))
    names = [path.relative_to(tmp_path) for path in sorted(tmp_path.iterdir())]
    assert [finding.split(":")[0] for finding in file_findings(tmp_path, names)] == ["long.c", "long.h", "script"]
    assert len(file_findings(tmp_path, names, {"long.c"})) == 2


def test_a_long_function_is_found(tmp_path):
    body = "    x++;\n" * FUNCTION_LINES
    write(tmp_path, "f.c", f"static int\nlong_one(int x)\n{{\n{body}    return x;\n}}\n\nint\nshort_one(void)\n{{\n    return 1;\n}}\n")
    findings = function_findings(tmp_path, [Path("f.c")])
    assert len(findings) == 1 and "long_one has" in findings[0]


def test_a_long_parameter_list_is_found(tmp_path):
    write(tmp_path, "f.c", "int\nseven(int a, int b, int (*c)(int, int), int d,\n      int e, int f, int g)\n{\n    return a;\n}\n\n"
                           "int\nsix(int a, int b, int c, int d, int e, int f, ...)\n{\n    return seven(a, b, 0, d, e, f, 7);\n}\n")
    findings = function_findings(tmp_path, [Path("f.c")])
    assert len(findings) == 1 and "seven has 7 parameters" in findings[0]


def test_a_folder_without_readme_is_found():
    names = [Path(name) for name in ("src/a/x.c", "src/a/queries/q.sql", "src/b/README.md", "docs/x.md", "meson.build")]
    assert readme_findings(names) == ["docs: no README.md", "src/a: no README.md"]
