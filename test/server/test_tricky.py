"""Either refused before anything happens, or exactly what psql gives: nothing in between, for what is easy to get wrong."""

import os
import re
import subprocess

import pytest
from harness import Pgseam
from harness.recipes import BASE
from harness.tricky import LOOSE, MORE, TRICKY
from harness.twin import assert_same

# By consent a statement runs as it stands; what is asked here is what happens without.
SMALL_BATCHES = ["--max-batch", "700", "--deadline", "20"]


class Stock:
    """Databases as they are before a migration. One on which a migration was refused is as good as new."""

    def __init__(self, cluster):
        self.cluster = cluster
        cluster.role("app_reader")
        self.template = cluster.database(f"tricky_{os.getpid()}")
        self.template.execute(BASE)
        self.template.execute(MORE)
        self.schema, self.rows = self.template.dump_schema(), rows_of(self.template)
        self.unused = []

    def take(self):
        return self.unused.pop() if self.unused else self.cluster.database(template=self.template.name)

    def assert_untouched(self, db, why):
        assert_same(self.schema, db.dump_schema(), f"something was changed\n{why}")
        assert rows_of(db) == self.rows, why

    def close(self):
        for database in [self.template, *self.unused]:
            database.drop()


@pytest.fixture(scope="module")
def stocks(clusters):
    """stocks(cluster): the databases of that server."""
    made = {}

    def get(cluster):
        if cluster not in made:
            made[cluster] = Stock(cluster)
        return made[cluster]

    yield get
    for stock in made.values():
        stock.close()


def rows_of(db, loose=()):
    """{table: digest of its rows} without the loose columns."""
    columns = db.query(
        "SELECT a.attrelid::regclass::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a JOIN pg_class c"
        " ON c.oid = a.attrelid WHERE c.relkind IN ('r', 'm') AND a.attnum > 0 AND NOT a.attisdropped AND c.relpersistence <> 't'"
        " AND c.relnamespace::regnamespace::text !~ '^(pgseam|pg_catalog|pg_toast.*|information_schema)$' AND c.relispopulated GROUP BY 1"
    )
    return {table: db.data_digest("ONLY " + table, [name for name in names if name not in loose]) for table, names in columns}


def by_psql(db, text):
    """Error of psql, None if it went through."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(["psql", "-X", "-q", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", "-d", db.dsn], input=text, capture_output=True,
                          text=True, env=environment, check=False, timeout=120)
    return done.stderr if done.returncode else None


def run(pgseam, text):
    """The result of start and, if that stopped at the gate, of complete."""
    result = pgseam.run("start", *SMALL_BATCHES, pgseam.file("m.sql", text + ";\n"), expect=None)
    if result.rc == 0 and pgseam.run("status", "--format", "json").json()["migrations"][0]["state"] != "complete":
        result = pgseam.run("complete", *SMALL_BATCHES, expect=None)
    return result


@pytest.mark.parametrize("text", TRICKY)
def test_refused_or_exactly_right(cluster, stocks, text):
    stock = stocks(cluster)
    db = stock.take()
    with Pgseam(db) as pgseam:
        result = run(pgseam, text)
        if result.rc == 3 and "nothing has been changed" in result.err:
            assert re.search(r"m\.sql:\d+:\d+", result.err), f"no line\n{result}"
            if "hint:" not in result.err:
                with cluster.database(template=stock.template.name) as twin:
                    assert by_psql(twin, text + ";\n") is not None, f"psql can, and there is no way out\n{result}"
            stock.assert_untouched(db, result)
            return stock.unused.append(db)
        with db, cluster.database(template=stock.template.name) as twin:
            error = by_psql(twin, text + ";\n")
            if error is not None:
                # The data were to blame, which may come out late; then it must be possible to go back.
                assert result.rc in (1, 3), f"psql says {error}\n{result}"
                pgseam.run("rollback")
                return assert_same(stock.schema, db.dump_schema(), "not as before")
            assert result.rc == 0, result
            loose = LOOSE.get(text, ())
            assert_same(twin.dump_schema(), db.dump_schema(), "complete and psql differ")
            assert rows_of(db, loose) == rows_of(twin, loose)
