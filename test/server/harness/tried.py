"""pgseam-try: parts of pgseam by themselves (test/try)."""

import subprocess

from .binaries import built


def tried(part, dsn, *arguments, timeout=60):
    """What it printed, as lines, and its exit status."""
    done = subprocess.run([built("PGSEAM_TRY", "test/try/pgseam-try"), part, dsn, *map(str, arguments)], capture_output=True,
                          text=True, timeout=timeout, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines(), done.returncode
