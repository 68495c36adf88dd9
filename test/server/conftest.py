import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import Cluster, Load, Pgseam, init_shop, installed_majors, server_bin  # noqa: E402


def majors():
    """The server versions tests run on."""
    if os.environ.get("PGSEAM_MAJORS"):
        return [int(word) for word in os.environ["PGSEAM_MAJORS"].replace(",", " ").split()]
    others = [major for major in installed_majors() if major != 15]
    return sorted({15, min([14, *others]), max([18, *others])})


class Clusters:
    """Servers of this worker, each started when it is first asked for."""

    def __init__(self):
        self.started = {}

    def get(self, major):
        if server_bin(major) is None:
            pytest.skip(f"PostgreSQL {major} is not installed: tools/setup servers")
        if major not in self.started:
            self.started[major] = Cluster(major)
        # A test may have stopped or killed the server.
        return self.started[major].start()

    def destroy(self):
        for cluster in self.started.values():
            cluster.destroy()


@pytest.fixture(scope="session")
def clusters():
    found = Clusters()
    yield found
    found.destroy()


@pytest.fixture
def cluster(clusters):
    """The server most tests run on: 15, or the first of PGSEAM_MAJORS if 15 is not among them."""
    return clusters.get(15 if 15 in majors() else majors()[0])


@pytest.fixture(params=majors(), ids=lambda major: f"pg{major}")
def any_cluster(request, clusters):
    """Each server version in turn."""
    return clusters.get(request.param)


@pytest.fixture
def db(request, clusters):
    """A fresh database: on any_cluster if the test asks for that too, else on cluster."""
    name = "any_cluster" if "any_cluster" in request.fixturenames else "cluster"
    server = request.getfixturevalue(name)
    database = server.database()
    yield database
    # The server may be down because that was the test.
    server.start()
    database.drop()


@pytest.fixture
def shop(db):
    """The database with a small shop in it."""
    init_shop(db, users=20000)
    return db


@pytest.fixture
def pgseam(db):
    with Pgseam(db) as tool:
        yield tool


@pytest.fixture
def load(db):
    """Starts clients: load(old=2, new=0, rate=2000, disturb=False)."""
    started = []

    def start(**keywords):
        started.append(Load(db, **keywords).start())
        return started[-1]

    yield start
    for one in started:
        one.abandon()
