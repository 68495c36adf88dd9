"""examples/: migrations as people have them run unchanged under load, and what must be refused is refused before it happens."""

import os
import re
from pathlib import Path

import pytest
from harness import Clients, Load, Pgseam, Traffic, init_shop
from harness.twin import assert_same, psql

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OK = sorted((EXAMPLES / "ok").glob("*.sql"))
REFUSED = sorted((EXAMPLES / "refused").glob("*.sql"))

# All belongs to it, and it is no superuser: to own the tables is all that pgseam may need.
OWNER = "shop_owner"

TRAFFIC = [
    Traffic("customers", {"name": "'client ' || %(n)s", "email": "'client' || %(n)s", "region_id": "1"},
            "name = 'client ' || %(n)s", touch="phone", reads=("name", "email", "phone", "score")),
    Traffic("invoices", {"number": "'C-' || %(n)s", "amount": "1"}, "number = 'C-' || %(n)s", touch="due_on",
            reads=("number", "amount", "status", "due_on")),
    Traffic("payments", {"reference": "'client ' || %(n)s", "amount": "2"}, "reference = 'client ' || %(n)s", touch="reference",
            reads=("amount", "reference")),
    Traffic("stock", {"warehouse_id": "3", "sku": "'client ' || %(n)s"}, "warehouse_id = 3 AND sku = 'client ' || %(n)s",
            key=("warehouse_id", "sku"), touch="qty", reads=("qty",)),
    Traffic("audit_log", {"actor": "'client ' || %(n)s", "action": "'call'"}, "actor = 'client ' || %(n)s", key=("actor", "at"),
            touch="actor", reads=("action",)),
    Traffic("sessions", {"token": "'client ' || %(n)s", "expires_at": "timestamp '2030-01-01'"}, "token = 'client ' || %(n)s",
            key=("token",), touch="data", reads=("user_ref", "expires_at")),
    Traffic("measurements", {"id": "%(n)s", "taken_on": "date '2026-02-02'", "sensor_id": "1", "value": "1"},
            "id = %(n)s AND taken_on = date '2026-02-02'", key=("id", "taken_on"), touch="sensor_id", reads=("value",)),
    Traffic("tickets", {"id": "%(n)s", "queue": "'sales'", "title": "'client'"}, "id = %(n)s AND queue = 'sales'",
            key=("id", "queue"), touch="state", reads=("title",)),
    Traffic("articles", {"title": "'client ' || %(n)s", "views": "100"}, "title = 'client ' || %(n)s", touch="title",
            reads=("title", "status")),
    Traffic("comments", {"body": "'client ' || %(n)s"}, "body = 'client ' || %(n)s", touch="body", reads=("article_id", "body")),
    Traffic('"catalog_product"', {"sku": "'C' || %(n)s", "name": "'client'", "price": "1"}, "sku = 'C' || %(n)s", touch="price",
            reads=("sku", "price")),
    Traffic('"Post"', {'"id"': "'client ' || %(n)s", '"title"': "'client'"}, '"id" = \'client \' || %(n)s', key=('"id"',),
            touch='"title"', reads=('"title"', '"authorId"')),
    Traffic('"Author"', {'"id"': "'client ' || %(n)s", '"email"': "'client ' || %(n)s"}, '"id" = \'client \' || %(n)s',
            key=('"id"',), touch='"email"', reads=('"email"',)),
    Traffic('"device"', {'"label"': "'client ' || %(n)s"}, '"label" = \'client \' || %(n)s', touch='"firmware"',
            reads=('"label"', '"firmware"')),
    Traffic("billing.entries", {"account_id": "1", "booked_on": "date '2025-01-01'", "memo": "'client ' || %(n)s"},
            "memo = 'client ' || %(n)s", touch="booked_on", reads=("cents", "booked_on")),
    Traffic("legacy_imports", {"id": "%(n)s", "raw": "'client'"}, "id = %(n)s", touch="raw", reads=("raw",)),
]

# Makes a gate where a file has none: without one `start` completes the migration, and there is nothing left to roll back.
GATE = "\n;DROP INDEX gatekeeper_idx;\n"
GATEKEEPER = "CREATE TABLE gatekeeper (id int); CREATE INDEX gatekeeper_idx ON gatekeeper (id)"


class Example:
    """A file and what its comments say to the tests, see examples/README.md."""

    def __init__(self, path):
        self.path = path
        text = self.text = path.read_bytes().decode()
        self.checks = re.findall(r"^-- check: (.*?)\r?$", text, re.MULTILINE)
        self.application = re.findall(r"^-- application: (.*?)\r?$", text, re.MULTILINE)
        self.kept = "".join(re.findall(r"^-- rollback keeps: (.*?)\r?$", text, re.MULTILINE))
        self.plain = "".join(re.findall(r"^-- plain: (.*?)\r?$", text, re.MULTILINE))
        refused = re.match(r"-- refused: (.*)\n", text)
        self.refused = refused and refused.group(1)
        code = re.sub(r"--.*", "", text)
        self.traffic = [one for one in TRAFFIC if re.search(rf"\b{one.table.strip(chr(34))}\b", code, re.IGNORECASE)]
        unknown = set(self.application) - {"stops at the gate", "new at the gate", "prepares nothing"}
        assert not unknown, f"{path.name}: {unknown}"


@pytest.fixture(scope="module")
def bases(clusters):
    """Databases with the shop and examples/schema.sql: base(cluster) makes one of each server, to be copied."""
    made = {}

    def base(cluster):
        if cluster not in made:
            name = f"examples_{os.getpid()}"
            cluster.role(OWNER)
            cluster.role("app_reader")
            made[cluster] = cluster.database(name, owner=OWNER)
            init_shop(made[cluster], users=20000, role=OWNER)
            psql(made[cluster], EXAMPLES / "schema.sql", OWNER)
            made[cluster].execute(GATEKEEPER, role=OWNER)
        return made[cluster]

    yield base
    for database in made.values():
        database.drop()


@pytest.fixture
def copies(bases, cluster):
    """copies() makes a fresh copy of the base."""
    made = []

    def copy():
        made.append(cluster.database(owner=OWNER, template=bases(cluster).name))
        return made[-1]

    yield copy
    for database in made:
        database.drop()


class Live:
    """A database with both applications at work on what the example touches."""

    def __init__(self, db, example):
        self.db, self.example = db, example
        self.shop = Load(db, old=2, rate=500, role=OWNER)
        self.clients = Clients(db, example.traffic, role=OWNER, prepared="prepares nothing" not in example.application)
        self.pgseam = Pgseam(db, OWNER)

    def __enter__(self):
        self.shop.start()
        self.clients.start()
        return self

    def __exit__(self, *_):
        self.clients.stop()
        self.shop.abandon()
        self.pgseam.close()

    def pass_the_gate(self):
        """What is deployed between start and complete."""
        if "stops at the gate" in self.example.application:
            self.clients.stop()
        if "new at the gate" in self.example.application:
            self.shop.new(2)
            self.shop.old(0)

    def assert_clean(self):
        self.clients.stop()
        found = self.clients.faults() + self.shop.stop().faults(at_least=50)
        assert not found, "\n".join(found)

    def state(self):
        return self.pgseam.run("status", "--format", "json").json()["migrations"][0]["state"]


def test_there_are_enough_examples():
    assert len(OK) >= 36 and len(REFUSED) >= 10


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_rollback_leaves_nothing(path, copies):
    example = Example(path)
    db = copies()
    before = db.dump_schema()
    if example.kept:
        twin = copies()
        twin.execute(example.kept, role=OWNER)
        before = twin.dump_schema()
    with Live(db, example) as live:
        live.pgseam.run("start", live.pgseam.file(path.name, example.text + GATE))
        live.pgseam.run("rollback")
        assert live.state() == "rolled_back"
        live.assert_clean()
    assert_same(before, db.dump_schema(), "after rollback the schema is not what it was")


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_complete_gives_what_psql_gives(path, copies):
    example = Example(path)
    twin = copies()
    if example.plain:
        twin.execute(example.plain, role=OWNER)
    else:
        psql(twin, path, OWNER)
    db = copies()
    with Live(db, example) as live:
        live.pgseam.run("start", path)
        live.pass_the_gate()
        if live.state() != "complete":
            live.pgseam.run("complete")
        assert live.state() == "complete"
        live.assert_clean()
    assert_same(twin.dump_schema(), db.dump_schema(), "complete and psql differ")
    for check in example.checks:
        assert db.query(check) == twin.query(check), check


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_is_refused_before_anything_happens(path, copies):
    example = Example(path)
    assert example.refused, "the first line shall say what the message must match"
    db = copies()
    before = db.dump_schema()
    digests = {one.table: db.data_digest(one.table) for one in example.traffic}
    with Pgseam(db, OWNER) as pgseam:
        result = pgseam.run("start", path, expect=3)
        assert re.search(example.refused, result.err), result
        assert re.search(rf"\b{path.name}:\d+\b|\bline \d+\b", result.err), f"the line is not named\n{result}"
        assert not db.scalar("SELECT to_regclass('pgseam.migration')") or db.scalar("SELECT count(*) FROM pgseam.migration") == 0
    assert_same(before, db.dump_schema(), "something was changed")
    assert digests == {one.table: db.data_digest(one.table) for one in example.traffic}
