"""The files of the project as the laws see them."""

import json
import re
import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILDS = ("build/asan", "build/gcc")

C_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def project_files(root=ROOT):
    """Paths of the files that are, or would be, under version control, relative to the root."""
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(git, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(Path(name) for name in set(names) if name and (root / name).is_file())


def c_files(root, folder="src"):
    return sorted(path.relative_to(root) for path in (root / folder).rglob("*.[ch]"))


def without_comments(text):
    """C text with comments blanked, line numbers kept, string literals untouched."""

    def blank(match):
        token = match.group()
        return re.sub(r"[^\n]", " ", token) if token[:2] in ("//", "/*") else token

    return C_TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def write(root, name, text):
    """For counter-tests: a file in a made-up tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@lru_cache
def objects(root=ROOT):
    """{source relative to root: object file} of the first build there is."""
    for build in BUILDS:
        database = root / build / "compile_commands.json"
        if database.exists():
            entries = json.loads(database.read_text())
            pairs = ((Path(entry["directory"], entry["file"]).resolve(), Path(entry["directory"], entry["output"]))
                     for entry in entries)
            return {source.relative_to(root): made for source, made in pairs if made.exists()}
    return {}


@lru_cache
def library_exports(name):
    """Symbols that the shared library `name` (as "libpq.so") defines."""
    path = output("gcc", f"-print-file-name={name}").strip()
    return frozenset(line.split()[-1].split("@")[0] for line in output("nm", "-D", "--defined-only", path).splitlines())
