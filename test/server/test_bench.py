"""The benches run: small, once, and with figures in every column. What they measure is not judged here."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench" / "rewrite"


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
