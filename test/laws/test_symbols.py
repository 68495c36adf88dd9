"""libpg_query exports PostgreSQL's internal names (palloc, lappend, ...): none of our functions may have such a name, or it
silently takes the place of the library's."""

import pytest
from tree import library_exports, objects, output, write


def collisions(made):
    findings = []
    for source, path in made.items():
        defined = {line.split()[-1] for line in output("nm", "-g", "--defined-only", str(path)).splitlines() if line.strip()}
        findings += [f"{source} defines {name}" for name in sorted(defined & library_exports("libpg_query.so"))]
    return findings


def test_no_symbol_of_ours_is_one_of_libpg_query():
    if not objects():
        pytest.skip("nothing is built: `make build` first")
    assert collisions(objects()) == []


def test_a_collision_is_found(tmp_path):
    source = write(tmp_path, "list.c", "void *lappend(void) { return 0; }\n")
    output("gcc", "-c", "-fvisibility=hidden", str(source), "-o", str(tmp_path / "list.o"))
    assert collisions({"list.c": tmp_path / "list.o"}) == ["list.c defines lappend"]
