import os
import sys
import zlib
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


# How many of a test's cases run unless PGSEAM_TESTS=all asks for each: one of so many, by turns of their names. The tables of
# these tests are long; on the versions beside 15 every fourth case of any test runs.
ONE_OF = {
    "test_refused_or_exactly_right": 8, "test_killed_recipe": 18, "test_killed_it_still_does": 9, "test_recipe": 5,
    "test_complete_is_psql_and_rollback_is_nothing": 4, "test_no_lock_beyond_the_declared": 2, "test_an_index_killed_anywhere": 5,
    "test_attach_killed_anywhere": 3, "test_attach_is_as_plain_sql": 2, "test_constraints_killed": 2, "test_locks_of_constraints_are_declared": 2,
    "test_a_changed_value_is_found": 3,
    "test_killed_rewrite_resumed": 12, "test_killed_rewrite_rolled_back": 12, "test_lost_session_is_got_back": 9,
    "test_failed_rewrite_resumed": 9, "test_killed_at_a_random_moment_under_load": 10, "test_rewrite_is_psql_and_rollback_is_nothing": 3,
    "test_somebody_else_changes_the_table_in_mid_copy": 5, "test_the_table_gets_another_file_in_mid_copy": 4,
    "test_rows_are_found_again_by_any_key": 4, "test_killed_on_the_way_back_after_the_cut_over": 3, "test_killed_while_it_completes": 4,
    "test_clean_finds_what_a_crash_left_though_the_journal_is_gone": 2, "test_the_server_restarts_in_mid_copy": 2,
    "test_as_psql": 2, "test_complete_gives_what_psql_gives": 2, "test_rollback_leaves_nothing": 2, "test_it_does_what_psql_does": 2,
    "test_hit_in_every_step_it_ends_as_plain_sql_does": 3, "test_each_change_arrives": 2,
    "test_new_version_answers_as_after_psql_at_the_gate_and_after": 2, "test_rollback_leaves_nothing_of_a_version": 3,
    "test_tricky_file_is_refused_or_exactly_right": 2, "test_killed_version_goes_on": 2, "test_killed_version_goes_back": 2,
    "test_both_applications_until_it_is_complete": 2, "test_both_applications_until_it_is_rolled_back": 2, "test_killed_change_goes_on": 3,
    "test_killed_change_goes_back": 3, "test_killed_in_complete_it_goes_back_or_on": 2, "test_what_hangs_on_a_retyped_column_is_refused": 3,
    "test_expressions_that_cannot_be": 4, "test_what_one_side_writes_the_other_reads": 2,
    "test_killed_move_goes_on": 4, "test_killed_move_goes_back": 6,
    "test_what_hangs_on_it_survives": 3, "test_killed_anywhere_the_twins_come_out_right": 2, "test_hit_at_start_it_can_be_rolled_back": 3, "test_lost_session_is_got_back_and_it_ends_as_plain_sql_does": 3,
}
ONE_OF_OTHER_VERSIONS = 4
# Where the version is the point.
ON_EACH_VERSION = {"test_lock_table.py", "test_catalog_queries.py", "test_type_changes.py", "test_harness.py",
                   "test_serial_key_becomes_bigint_under_load", "test_the_same_keys_on_each_version"}


def is_chosen(item):
    """Whether a test runs without being asked for by PGSEAM_TESTS=all."""
    version = getattr(item, "callspec", None) and item.callspec.params.get("any_cluster")
    of = ONE_OF.get(getattr(item, "originalname", item.name), 1)
    if version and version != 15 and ON_EACH_VERSION.isdisjoint({item.path.name, item.originalname}):
        of *= ONE_OF_OTHER_VERSIONS
    return zlib.crc32(item.nodeid.rpartition("/")[2].encode()) % of == 0


def pytest_collection_modifyitems(config, items):
    named = [word for word in config.args if "::" in word] or config.option.keyword or os.environ.get("PGSEAM_MAJORS")
    if os.environ.get("PGSEAM_TESTS") == "all" or named:
        return
    left_out = [item for item in items if not is_chosen(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if is_chosen(item)]


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
