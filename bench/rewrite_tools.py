"""The ways to write a table anew that are compared: what a user would run, and what it needs."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import Pgseam

ALTER = "ALTER TABLE items ALTER COLUMN id TYPE bigint;"
# The whole of a rewrite but the comparison: what tools without one are to be compared with.
STEPS = """SELECT kind, extract(epoch FROM sum(ended_at - began_at))::float FROM pgseam.step
            WHERE kind LIKE 'rewrite.%' AND ended_at IS NOT NULL GROUP BY 1"""


class Skip(Exception):
    """Why something cannot be measured here."""


@dataclass
class Outcome:
    """What a tool says of itself: seconds of each of its steps; `wal` is where the WAL was when the new table was in place."""

    steps: dict
    wal: str | None = None


def psql(db, sql):
    program = db.cluster.bin / "psql"
    words = [str(program) if program.exists() else shutil.which("psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", db.dsn, "-c", sql]
    done = subprocess.run(words, text=True, check=False, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"psql: {done.stderr.strip()}")


def alter(db, _options):
    psql(db, ALTER)


def vacuum_full(db, _options):
    psql(db, "VACUUM FULL items")


def repack_concurrently(db, _options):
    if db.cluster.major < 19:
        raise Skip(f"PostgreSQL {db.cluster.major} has no REPACK (CONCURRENTLY): give a server 19 or newer with --server-dir")
    psql(db, "REPACK (CONCURRENTLY) items")


def pg_repack(db, options):
    program = db.cluster.bin / "pg_repack"
    if not program.exists():
        raise Skip(f"no pg_repack for PostgreSQL {db.cluster.major}: tools/setup bench installs Debian's for 15")
    db.execute("CREATE EXTENSION IF NOT EXISTS pg_repack")
    done = subprocess.run([program, "-j", str(options.jobs), "-n", "-D", "-t", "public.items", "-h", db.cluster.folder,
                           "-U", db.cluster.superuser, "-d", db.name], text=True, check=False, capture_output=True)
    # It ends with 0, too, when it has skipped the table.
    if done.returncode or "ERROR" in done.stderr or "WARNING" in done.stderr:
        raise RuntimeError(f"pg_repack: {done.stderr.strip()}")


def pgseam(db, command, options, capture):
    """One command up to the cut-over, then the old table away."""
    with Pgseam(db) as tool:
        file = tool.file("bench.sql", ALTER)
        words = ["start", file] if command == "start" else ["repack", "items"]
        found = tool.run(*words, "-q", "--capture", capture, "--copy-jobs", options.jobs, *options.pgseam_options, expect=None,
                         timeout=7200)
        if found.rc and "unknown command" in found.err:
            raise Skip(f"this pgseam has no {command}")
        if "cannot work here" in found.err:
            raise Skip(found.err.splitlines()[0])
        if found.rc:
            raise RuntimeError(f"pgseam: {found.err.strip()}")
        wal = db.scalar("SELECT pg_current_wal_insert_lsn()")
        steps = dict(db.query(STEPS))
        # The caller goes on when it has looked.
        yield Outcome(steps, wal)
        if db.scalar("SELECT state FROM pgseam.migration ORDER BY id DESC LIMIT 1") == "gated":
            over = tool.run("complete", "-q", expect=None, timeout=7200)
            if over.rc:
                raise RuntimeError(f"pgseam complete: {over.err.strip()}")


def of_pgseam(command, capture):
    return lambda db, options: pgseam(db, command, options, capture)


@dataclass
class Tool:
    name: str
    run: object
    is_altering: bool  # whether it changes the type, or only writes the rows anew
    is_ours: bool = False


TOOLS = [
    Tool("ALTER TABLE", alter, True),
    Tool("pgseam start, logical", of_pgseam("start", "logical"), True, True),
    Tool("pgseam start, trigger", of_pgseam("start", "trigger"), True, True),
    Tool("VACUUM FULL", vacuum_full, False),
    Tool("pg_repack", pg_repack, False),
    Tool("REPACK (CONCURRENTLY)", repack_concurrently, False),
    Tool("pgseam repack, logical", of_pgseam("repack", "logical"), False, True),
    Tool("pgseam repack, trigger", of_pgseam("repack", "trigger"), False, True),
]


def server_of(folder):
    """The major version of a server that is installed in a folder, which the harness then finds."""
    postgres = Path(folder).resolve() / "bin" / "postgres"
    if not postgres.exists():
        raise SystemExit(f"{folder}: there is no bin/postgres in it")
    version = subprocess.run([postgres, "--version"], text=True, check=True, capture_output=True).stdout.split()[-1]
    major = int("".join(ch if ch.isdigit() else " " for ch in version).split()[0])
    return major, postgres.parent.parent


def pgbench_of(cluster):
    """A pgbench that speaks with the server, whichever version it is of."""
    places = [cluster.bin / "pgbench", *sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)]
    for place in places:
        if os.access(place, os.X_OK):
            return str(place)
    raise SystemExit("there is no pgbench: tools/setup bench")
