"""The oracle: the same file through plain psql on a twin, and how two dumps are compared."""

import difflib
import os
import re
import subprocess

# Differences between pgseam's end state and plain psql's that are none to a user, each with its reason. Short on purpose.
ACCEPTED = []


def normalised(dump):
    """The dump without the accepted differences."""
    for pattern, replacement in ACCEPTED:
        dump = re.sub(pattern, replacement, dump, flags=re.MULTILINE)
    return dump


def psql(db, file, role=None):
    """Runs the file as a user would on a database at rest."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", db.dsn_for(role), "-f", str(file)],
        capture_output=True, text=True, env={**environment, "LC_ALL": "C.UTF-8"}, check=False, timeout=120,
    )
    assert done.returncode == 0, f"psql on the twin: {done.stderr}"


def difference(expected, actual, names=("expected", "actual")):
    """Both dumps' differences as a text, "" if there are none that matter."""
    lines = difflib.unified_diff(normalised(expected).splitlines(), normalised(actual).splitlines(), *names, lineterm="", n=1)
    return "\n".join(lines)


def assert_same(expected, actual, what):
    found = difference(expected, actual)
    assert not found, f"{what}:\n{found}"
