"""The sync trigger: what one version writes the other reads, in the same transaction, whatever the statement is."""

from dataclasses import dataclass, field

import psycopg
import pytest
from harness.synced import Synced, column, names_pair, pair, quote

LONG = "ä" * 28 + "longest"


@dataclass
class Shape:
    """A change, and rows that say the same: (as the old version has it, as the new one has it)."""

    ddl: str
    groups: list
    hidden: dict
    old: list
    new: dict
    rows: list
    options: dict = field(default_factory=dict)
    before: str = ""
    # Rows that each side alone can say, with what the other reads.
    old_only: list = field(default_factory=list)
    new_only: list = field(default_factory=list)

    def build(self, db):
        shown = {"id": "id", **self.new}
        if self.before:
            db.execute(self.before)
        return Synced(db, self.ddl, self.groups, hidden=self.hidden, shown=shown, **self.options)


MERGE_DOWN = "nullif(split_part(address, ', ', {}), '')"
SHAPES = {
    "split": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, full_name text)",
        [pair([column("full_name", "first || ' ' || last", "first", "last")],
              [column("first", "split_part(full_name, ' ', 1)", "full_name"),
               column("last", "split_part(full_name, ' ', 2)", "full_name")])],
        {"first": "text", "last": "text"}, ["full_name"], {"first": "first", "last": "last"},
        [(("Ada Byron",), ("Ada", "Byron")), (("Max Ernst",), ("Max", "Ernst")), ((None,), (None, None))],
        new_only=[((None,), ("only", None))], old_only=[(("a b c",), ("a", "b"))]),
    "merge three": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, street text, zip varchar(10), city text)",
        [pair([column("street", MERGE_DOWN.format(1), "address"), column("zip", MERGE_DOWN.format(2), "address"),
               column("city", MERGE_DOWN.format(3), "address")],
              [column("address", "nullif(concat_ws(', ', street, zip, city), '')", "street", "zip", "city")])],
        {"address": "text"}, ["street", "zip", "city"], {"address": "address"},
        [(("A 1", "10115", "Berlin"), ("A 1, 10115, Berlin",)), (("B", "2", "C"), ("B, 2, C",)), ((None, None, None), (None,))]),
    "type": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, price int)",
        [pair([column("price", "round(pgseam_new_price * 100)", "pgseam_new_price")],
              [column("pgseam_new_price", "price / 100.0", "price")])],
        {"pgseam_new_price": "numeric(12,2)"}, ["price"], {"price": "pgseam_new_price"},
        [(("1250",), ("12.50",)), (("0",), ("0.00",)), (("-1",), ("-0.01",)), ((None,), (None,))],
        new_only=[(("1",), ("0.01",))]),
    "enum": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, state old_state)",
        [pair([column("state", "CASE pgseam_new_state WHEN 'open' THEN 'new' WHEN 'gone' THEN 'done' END::old_state", "pgseam_new_state")],
              [column("pgseam_new_state", "CASE state WHEN 'new' THEN 'open' WHEN 'done' THEN 'gone' END::new_state", "state")])],
        {"pgseam_new_state": "new_state"}, ["state"], {"state": "pgseam_new_state"},
        [(("new",), ("open",)), (("done",), ("gone",)), ((None,), (None,))],
        before="CREATE TYPE old_state AS ENUM ('new', 'done'); CREATE TYPE new_state AS ENUM ('open', 'gone')"),
    "two groups": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, first text, last text, price int)",
        [names_pair(), pair([column("price", "amount * 100", "amount")], [column("amount", "price / 100.0", "price")])],
        {"full_name": "text", "amount": "numeric(8,2)"}, ["first", "last", "price"], {"full_name": "full_name", "amount": "amount"},
        [(("Ada", "Byron", "5"), ("Ada Byron", "0.05")), (("B", "C", None), ("B C", None)), ((None, None, "1"), (None, "0.01"))]),
    "json": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, doc json)",
        [pair([column("doc", "new_doc::json", "new_doc")], [column("new_doc", "doc::jsonb", "doc")])],
        {"new_doc": "jsonb"}, ["doc"], {"doc": "new_doc"},
        [(('{"a": 1}',), ('{"a": 1}',)), (("[]",), ("[]",)), ((None,), (None,))],
        old_only=[(('{"b":2,  "a":1}',), ('{"a": 1, "b": 2}',))]),
    "scale": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, a numeric)",
        [pair([column("a", "b::numeric", "b")], [column("b", "a::text", "a")])], {"b": "text"}, ["a"], {"b": "b"},
        [(("1.0",), ("1.0",)), (("1.00",), ("1.00",)), (("1",), ("1",))]),
    "collation": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, a text COLLATE folded)",
        [pair([column("a", "CASE WHEN b THEN 'yes' WHEN NOT b THEN 'no' END", "b")],
              [column("b", "CASE WHEN a = 'YES' THEN true WHEN a = 'NO' THEN false END", "a")])],
        {"b": "boolean"}, ["a"], {"b": "b"}, [(("yes",), ("true",)), (("no",), ("false",))], old_only=[(("Yes",), ("true",))],
        before="CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"),
    "domain": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, a percent)",
        [pair([column("a", "b * 100", "b")], [column("b", "a / 100.0", "a")])], {"b": "fraction"}, ["a"], {"b": "b"},
        [(("50",), ("0.50",)), (("100",), ("1.00",)), ((None,), (None,))],
        before="CREATE DOMAIN percent AS int CHECK (VALUE <= 100); CREATE DOMAIN fraction AS numeric(5,2) CHECK (VALUE <= 1)"),
    "not null": Shape(
        "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, CHECK (a > 0))",
        [pair([column("a", "b::int", "b")], [column("b", "a::text", "a")])], {"b": "text, ADD CHECK (b IS NOT NULL)"}, ["a"], {"b": "b"},
        [(("5",), ("5",)), (("6",), ("6",))]),
    "quoted": Shape(
        'CREATE SCHEMA "My ""S"""; CREATE TABLE "My ""S"""."T.x" (id int PRIMARY KEY, "loop" text, "NEW" text)',
        [pair([column("loop", "split_part(\"If\", '?', 1)", "If"), column("NEW", "split_part(\"If\", '?', 2)", "If")],
              [column("If", '"loop" || \'?\' || "NEW"', "loop", "NEW")])],
        {"If": "text"}, ["loop", "NEW"], {"want": "If"}, [(("a", "b"), ("a?b",)), (("'", '"'), ("'?\"",))],
        {"schema": 'My "S"', "table": "T.x", "view": "T.x", "new_schema": "V-2 , public"}),
    "63 bytes": Shape(
        f'CREATE TABLE "{LONG}" (id int PRIMARY KEY, "{LONG}" text, "{LONG[:-1]}2" text)',
        [pair([column(LONG, "o", "o")], [column("o", f'"{LONG}"', LONG)]),
         pair([column(LONG[:-1] + "2", "p", "p")], [column("p", f'"{LONG[:-1]}2"', LONG[:-1] + "2")])],
        {"o": "text", "p": "text"}, [LONG, LONG[:-1] + "2"], {"x": "o", "y": "p"}, [(("a", "b"), ("a", "b")), (("c", None), ("c", None))],
        {"table": LONG, "view": LONG}),
}


class Side:
    """One version's statements."""

    def __init__(self, conn, name, columns):
        self.conn, self.name, self.columns = conn, name, [quote(one) for one in columns]

    @property
    def listed(self):
        return ", ".join(self.columns)

    def marks(self):
        return ", ".join(["%s"] * len(self.columns))

    def read(self, key):
        return self.conn.execute(f"SELECT {', '.join(f'{one}::text' for one in self.columns)} FROM {self.name} WHERE id = {key}").fetchone()

    def insert(self, key, row):
        self.conn.execute(f"INSERT INTO {self.name} (id, {self.listed}) VALUES ({key}, {self.marks()})", row)

    def insert_returning(self, key, row):
        statement = f"INSERT INTO {self.name} (id, {self.listed}) VALUES ({key}, {self.marks()}) RETURNING "
        assert self.conn.execute(statement + ", ".join(f"{one}::text" for one in self.columns), row).fetchone() == row

    def insert_many(self, key, row):
        self.conn.execute(f"INSERT INTO {self.name} (id, {self.listed}) VALUES ({key}, {self.marks()}), ({-key}, {self.marks()})", row * 2)

    def insert_select(self, key, row):
        # Through a table of the same types: parameters of a SELECT would be text.
        self.conn.execute(f"CREATE TEMP TABLE x AS SELECT {self.listed} FROM {self.name} WHERE false")
        self.conn.execute(f"INSERT INTO x VALUES ({self.marks()})", row)
        self.conn.execute(f"INSERT INTO {self.name} (id, {self.listed}) SELECT {key}, {self.listed} FROM x; DROP TABLE x")

    def upsert(self, key, row):
        self.conn.execute(f"INSERT INTO {self.name} (id, {self.listed}) VALUES ({key}, {self.marks()}) ON CONFLICT (id) DO UPDATE SET "
                          + ", ".join(f"{one} = EXCLUDED.{one}" for one in self.columns), row)

    def update(self, key, row):
        self.conn.execute(f"UPDATE {self.name} SET {', '.join(f'{one} = %s' for one in self.columns)} WHERE id = {key}", row)

    def merge(self, key, row):
        self.conn.execute(f"CREATE TEMP TABLE x AS SELECT id, {self.listed} FROM {self.name} WHERE false")
        self.conn.execute(f"INSERT INTO x VALUES ({key}, {self.marks()})", row)
        self.conn.execute(f"MERGE INTO {self.name} AS m USING x ON x.id = m.id WHEN MATCHED THEN UPDATE SET "
                          + ", ".join(f"{one} = x.{one}" for one in self.columns)
                          + f" WHEN NOT MATCHED THEN INSERT (id, {self.listed}) VALUES (x.id, "
                          + ", ".join(f"x.{one}" for one in self.columns) + ")")
        self.conn.execute("DROP TABLE x")


def written(synced, shape, conn):
    """Both sides of a connection in a transaction, old first."""
    return Side(conn, synced.old_name, shape.old), Side(conn, synced.new_name, shape.new)


def ways(major, is_new):
    found = ["insert", "insert_many", "insert_returning", "insert_select", "upsert"]
    return found + ["merge"] * (major >= (17 if is_new else 15))


@pytest.mark.parametrize("name", SHAPES)
def test_what_one_side_writes_the_other_reads(any_cluster, db, name):
    shape = SHAPES[name]
    synced = shape.build(db)
    key = 0
    for by_new in (False, True):
        rows = shape.rows + (shape.new_only if by_new else shape.old_only)
        for before, after in [(one, two) for one in rows for two in rows]:
            for first in ways(db.cluster.major, by_new):
                for then in ["update", "upsert"] + ["merge"] * (first == "merge"):
                    key += 1
                    with db.connect() as conn, conn.transaction():
                        sides = written(synced, shape, conn)
                        getattr(sides[by_new], first)(key, before[by_new])
                        assert sides[not by_new].read(key) == before[not by_new], (first, before)
                        getattr(sides[by_new], then)(key, after[by_new])
                        assert sides[not by_new].read(key) == after[not by_new], (then, before, after)
                        assert sides[by_new].read(key) == after[by_new]
    synced.assert_in_step()
    assert synced.verified() == (True, True)


@pytest.mark.parametrize("name", SHAPES)
def test_the_sides_write_by_turns(db, name):
    shape = SHAPES[name]
    synced = shape.build(db)
    with db.connect() as conn, conn.transaction():
        sides = written(synced, shape, conn)
        for turn, row in enumerate(shape.rows * 3):
            by_new = turn % 2 == 1
            if turn == 0:
                sides[0].insert(1, row[0])
            sides[by_new].update(1, row[by_new])
            assert (sides[0].read(1), sides[1].read(1)) == row
        conn.execute(f"DELETE FROM {synced.new_name} WHERE id = 1")
        assert sides[0].read(1) is None
        sides[1].insert(1, shape.rows[0][1])
        conn.execute(f"DELETE FROM {synced.old_name} WHERE id = 1")
        assert sides[1].read(1) is None
    synced.assert_in_step()


def test_names_of_functions_are_never_one(db):
    synced = SHAPES["63 bytes"].build(db)
    names = [row[0] for row in db.query("SELECT proname FROM pg_proc WHERE pronamespace = 'pgseam_version_7'::regnamespace")]
    assert len(names) == len(set(names)) == 5 and synced.verified() == (True, True)


@pytest.mark.parametrize("name", SHAPES)
def test_dropped_nothing_is_left(db, name):
    synced = SHAPES[name].build(db)
    for _ in range(2):
        for statement in synced.made["drop_triggers"] + synced.made["drop_functions"]:
            db.execute(statement)
    assert db.scalar("SELECT count(*) FROM pg_proc WHERE pronamespace = 'pgseam_version_7'::regnamespace") == 0
    assert db.scalar("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 0
    assert synced.verified() == (False, False)


def test_a_row_that_does_not_fit_is_refused_whole(db):
    synced = SHAPES["domain"].build(db)
    for statement, message in [
        (f"INSERT INTO {synced.new_name} VALUES (1, 0.5), (2, 3)", "domain fraction"),
        (f"INSERT INTO {synced.old_name} (id, a) VALUES (1, 50), (2, 300)", "domain percent"),
    ]:
        with pytest.raises(psycopg.errors.CheckViolation, match=message):
            db.execute(statement)
    assert db.scalar("SELECT count(*) FROM t") == 0
