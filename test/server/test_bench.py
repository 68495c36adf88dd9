"""The benches run: small, once, and with figures in every column. What they measure is not judged here."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench" / "rewrite"
VERSION = ROOT / "bench" / "version"


def run(*options, expect=0):
    done = subprocess.run([BENCH, "--size", "30MB", "--rounds", "1", "--before", "1", *options], text=True, capture_output=True,
                          check=False, timeout=300)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("scenarios", ["idle", "flat"])
def test_rewrite_measures_and_prints_a_table(tmp_path, scenarios):
    page = tmp_path / "table.md"
    done = run("--scenarios", scenarios, "--tools", "ALTER TABLE,VACUUM FULL,REPACK", "--markdown", page)
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
            for line in page.read_text().splitlines() if line.startswith("| ")}
    assert set(rows) == {"", "ALTER TABLE", "VACUUM FULL"}
    head, plain = rows[""], rows["ALTER TABLE"]
    assert len(plain) == len(head) == (9 if scenarios == "idle" else 19)
    figures = dict(zip(head, plain, strict=True))
    assert float(figures["s"]) > 0 and figures["x ALTER"] == "1.00" and int(figures["WAL MB"]) > 5
    assert int(figures["disk MB"]) > 5
    if scenarios == "flat":
        # A blocking ALTER TABLE is felt, or the clients were not there.
        assert float(figures["max ms"]) > 20 and float(figures["/s before"]) > 100 and figures["errors"] == "0"
    assert re.search(r"skipped REPACK \(CONCURRENTLY\): .*--server-dir", done.stdout)


def test_rewrite_says_what_it_takes():
    assert "a size as 100MB" in run("--size", "many", expect=2).stderr
    assert "no bin/postgres" in run("--server-dir", "/nowhere", expect=1).stderr


def test_version_measures_each_side(tmp_path):
    page = tmp_path / "table.md"
    done = subprocess.run([VERSION, "--rows", "1000", "--seconds", "1", "--rounds", "1", "--clients", "1", "--protocols", "prepared",
                           "--markdown", page], text=True, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    sides = [f"{kind}, {side}" for kind in ("views only", "sync trigger", "quarantine") for side in ("old", "new")]
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.read_text().splitlines() if line.startswith("|")]
    assert head == ["times as long as on the plain table", "plain /s", *sides]
    assert [row[0] for row in rows] == [f"{name}, prepared" for name in ("INSERT", "UPDATE, shared column", "UPDATE, synced column",
                                                                          "SELECT by key")]
    # How fast is not judged; that statements were run and compared is.
    assert all(float(figure) > 0 for row in rows for figure in row[1:])
    figures = re.findall(r"^(INSERT|UPDATE|SELECT).* prepared +(.+?)  +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)$", done.stdout, re.MULTILINE)
    assert {side for _, side, *_ in figures} == {"plain table", *sides} and len(figures) == 28
    assert all(0 < float(p50) <= float(p99) for *_, p50, p99 in figures)
    assert {ratio for _, side, _, ratio, *_ in figures if side == "plain table"} == {"1.00"}


def test_version_says_what_it_takes():
    done = subprocess.run([VERSION, "--commit", "maybe"], text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2 and "--commit" in done.stderr
