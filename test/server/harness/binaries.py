"""Where the things we run are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# The build with sanitizers finds most, so it is taken first.
PREFERRED = ["asan", "gcc", "clang"]


def built(variable, inside):
    """Path of a binary of ours: from the environment variable, else the preferred one of build/*/<inside>."""
    if os.environ.get(variable):
        return os.environ[variable]
    found = [path for path in ROOT.glob(f"build/*/{inside}") if os.access(path, os.X_OK) and path.is_file()]
    if not found:
        raise FileNotFoundError(f"build/*/{inside} does not exist: build it or set {variable}")

    def order(path):
        name = path.relative_to(ROOT / "build").parts[0]
        return (PREFERRED.index(name) if name in PREFERRED else len(PREFERRED), name)

    return str(min(found, key=order))
