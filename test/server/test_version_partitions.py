"""Columns kept in step on a partitioned table: rows move between partitions, and partitions are laid out in their own way."""

import random
import threading

import psycopg
import pytest
from harness.storm import storm

TABLE = """CREATE TABLE users (id int, region text NOT NULL, full_name text, price int NOT NULL DEFAULT 500, n int DEFAULT 3,
    PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE users_eu PARTITION OF users FOR VALUES IN ('de', 'fr');
CREATE TABLE users_us PARTITION OF users FOR VALUES IN ('us');
CREATE TABLE users_rest PARTITION OF users DEFAULT PARTITION BY HASH (id);
CREATE TABLE users_rest_0 PARTITION OF users_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE users_rest_1 (n int DEFAULT 3, gone int, id int NOT NULL, price int NOT NULL DEFAULT 500, full_name text, region text NOT NULL);
ALTER TABLE users_rest_1 DROP gone; ALTER TABLE users_rest ATTACH PARTITION users_rest_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO users
    SELECT g, (ARRAY['de','fr','us','jp','br'])[1 + g % 5], 'first' || g || ' last' || g, g * 100 FROM generate_series(1, 2000) g;
"""
CHANGE = """-- pgseam: version v2
-- pgseam: up first = split_part(full_name, ' ', 1)
ALTER TABLE users ADD COLUMN first text;
-- pgseam: up last = split_part(full_name, ' ', 2)
ALTER TABLE users ADD COLUMN last text;
-- pgseam: down full_name = first || ' ' || last
ALTER TABLE users DROP COLUMN full_name;
-- pgseam: down price = (price * 100)::int
ALTER TABLE users ALTER COLUMN price TYPE numeric(12,2) USING price / 100.0;
"""
REGIONS = ["de", "fr", "us", "jp", "br"]
NEW_SIDE = "SELECT id, region, first || ' ' || last, (price * 100)::int FROM {} ORDER BY 1, 2"


class Clients:
    """Sessions of one version: they change rows, move them and add some. What PostgreSQL itself refuses to two who move one row is no fault."""

    def __init__(self, db, path, seeds):
        self.db, self.path, self.errors, self.served, self.halt = db, path, [], 0, threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(seed,), daemon=True) for seed in seeds]
        for thread in self.threads:
            thread.start()

    def statements(self, seed):
        dice, number = random.Random(seed), 10_000_000 * seed
        while True:
            number += 1
            key, region, cents = dice.randint(1, 2000), dice.choice(REGIONS), dice.randint(1, 999)
            yield "UPDATE users SET region = %s WHERE id = %s", [region, key]
            if "v2" in self.path:
                yield "UPDATE users SET first = %s, last = %s, price = %s, region = %s WHERE id = %s", [f"f{number}", f"l{seed}", cents, region, key]
                yield "INSERT INTO users (id, region, first, last) VALUES (%s, %s, 'a', 'b')", [number, region]
            else:
                yield "UPDATE users SET full_name = %s, price = %s, region = %s WHERE id = %s", [f"f{number} l{seed}", cents * 100, region, key]
                yield "INSERT INTO users (id, region, full_name) VALUES (%s, %s, 'a b')", [number, region]

    def work(self, seed):
        with psycopg.connect(self.db.dsn, autocommit=True) as conn:
            conn.execute(f"SET search_path = {self.path}")
            for statement in self.statements(seed):
                if self.halt.is_set():
                    return
                try:
                    conn.execute(*statement)
                    self.served += 1
                except (psycopg.errors.UniqueViolation, psycopg.errors.SerializationFailure):
                    pass
                except psycopg.Error as error:
                    self.errors.append(str(error))

    def stop(self):
        self.halt.set()
        for thread in self.threads:
            thread.join()
        assert not self.errors and self.served > 30, (self.errors[:3], self.served)


@pytest.mark.parametrize("end", ["complete", "rollback"])
def test_both_applications_on_a_partitioned_table(any_cluster, db, pgseam, end):
    db.execute(TABLE)
    old = Clients(db, "public", (1, 2))
    pgseam.run("start", pgseam.file("m.sql", CHANGE))
    new = Clients(db, "v2, public", (3, 4))
    old.halt.wait(0.7)
    old.stop()
    new.stop()
    before = db.query("SELECT id, region, full_name, price FROM users ORDER BY 1, 2")
    assert db.query(NEW_SIDE.format("v2.users")) == before
    pgseam.run(end)
    if end == "complete":
        assert db.query(NEW_SIDE.format("v2.users")) == db.query(NEW_SIDE.format("users")) == before
    else:
        assert db.query("SELECT id, region, full_name, price FROM users ORDER BY 1, 2") == before
        assert db.query("SELECT FROM pg_attribute WHERE attname ~ '^(pgseam|first$|last$)'") == []


@pytest.mark.parametrize("point", ["step.begin", "guard.locked", "guard.committed"])
def test_killed_anywhere_it_ends_the_same(cluster, db, pgseam, point):
    db.execute(TABLE)
    before = db.query("SELECT id, region, full_name, price FROM users ORDER BY 1, 2")

    def works():
        db.execute("UPDATE users SET n = n + 1, region = CASE region WHEN 'de' THEN 'us' ELSE region END WHERE id < 20")
        db.execute("UPDATE users SET region = 'de' WHERE region = 'us' AND id IN (5, 10, 15)")

    for command in (["start", pgseam.file("m.sql", CHANGE)], ["complete"]):
        assert storm(pgseam, command, point, works) > 0
    moved = sorted((key, "us" if region == "de" and key < 20 and key % 5 else region, *rest) for key, region, *rest in before)
    found = [(key, region, *rest) for key, region, *rest in db.query(NEW_SIDE.format("users"))]
    assert [(key, *rest) for key, _, *rest in found] == [(key, *rest) for key, _, *rest in moved]


def test_a_new_partition_at_the_gate(cluster, db, pgseam):
    db.execute(TABLE + "DELETE FROM users WHERE region = 'jp'")
    pgseam.run("start", pgseam.file("m.sql", CHANGE))
    db.execute("CREATE TABLE users_jp PARTITION OF users FOR VALUES IN ('jp')")
    db.execute("INSERT INTO users (id, region, full_name) VALUES (1, 'jp', 'a b'); INSERT INTO v2.users (id, region, first, last) VALUES (2, 'jp', 'c', 'd')")
    assert db.query("SELECT full_name FROM users_jp ORDER BY id") == [("a b",), ("c d",)]
    pgseam.run("complete")
    assert db.query("SELECT first, last FROM users_jp ORDER BY id") == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize("change", ["CREATE INDEX ON users_us (price)", "ALTER TABLE users_us ALTER price SET DEFAULT 7",
                                    "COMMENT ON COLUMN users_us.price IS 'mine'", "GRANT SELECT (price) ON users_us TO pg_monitor",
                                    "ALTER TABLE users_us ADD CHECK (price > 0)", "CREATE VIEW w AS SELECT price FROM users_us"], ids=lambda text: text[:24])
def test_what_a_partition_has_for_itself(cluster, db, pgseam, change):
    """It would go with the old column: told at plan, and what comes later at complete."""
    db.execute(TABLE + change)
    refused = pgseam.run("plan", pgseam.file("m.sql", CHANGE), expect=3)
    assert "would go with the old column" in refused.err and ("users_us" in refused.err or "view" in refused.err), refused


@pytest.mark.parametrize("setup, text, why", [
    ("CREATE INDEX ON users (price)", CHANGE, "partitions"),
    ("SELECT 1", "-- pgseam: version v2\n-- pgseam: down region = region\nALTER TABLE users ALTER region TYPE varchar(20);\n", "partition key"),
    ("SELECT 1", "-- pgseam: version v2\n-- pgseam: down region = 'de'\nALTER TABLE users DROP COLUMN region;\n", "partition key"),
    ("CREATE PUBLICATION p{db} FOR TABLE users_us", CHANGE, "published"),
    ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
     'CREATE TRIGGER "~~" BEFORE UPDATE ON users_us FOR EACH ROW EXECUTE FUNCTION f()', CHANGE, "would run outside"),
], ids=["index", "retyped key", "dropped key", "publication", "trigger"])
def test_what_is_refused_of_a_partitioned_table(cluster, db, pgseam, setup, text, why):
    db.execute(TABLE + setup.format(db=db.name))
    refused = pgseam.run("plan", pgseam.file("m.sql", text), expect=3)
    assert why in refused.err, refused


def test_something_comes_to_a_partition_at_the_gate(cluster, db, pgseam):
    db.execute(TABLE)
    pgseam.run("start", pgseam.file("m.sql", CHANGE))
    db.execute("CREATE INDEX mine ON users_rest_1 (price)")
    stopped = pgseam.run("complete", expect=5)
    assert "column whose type changes" in stopped.err, stopped
    db.execute("DROP INDEX mine")
    pgseam.run("complete")


QUARANTINE = """-- pgseam: version v2
-- pgseam: on-error quarantine
-- pgseam: down code = CASE WHEN code = 13 THEN (1 / (code - code))::text ELSE code::text END
ALTER TABLE users ALTER COLUMN code TYPE int USING code::int;
"""


@pytest.mark.parametrize("triggers", [False, True], ids=["", "triggers"])
@pytest.mark.parametrize("command", ["complete", "rollback"])
def test_rows_in_quarantine_move_between_partitions(cluster, db, pgseam, command, triggers):
    db.execute(TABLE)
    db.execute("DELETE FROM users; ALTER TABLE users ADD COLUMN code text;"
               " INSERT INTO users (id, region, code) VALUES (1, 'de', '1'), (2, 'de', 'two'), (3, 'us', '3'), (4, 'jp', 'four')")
    if triggers:
        db.execute("CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 1; RETURN NEW; END $$;"
                   " CREATE TRIGGER up BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION count_up()")
    pgseam.run("start", pgseam.file("m.sql", QUARANTINE))

    def rows():
        lists = pgseam.run("version", "quarantine", "m", "--format", "json").json()["rows"]
        return sorted((row["key"]["id"], row["key"]["region"], row["side"], row["written"]) for row in lists)

    db.execute("UPDATE v2.users SET code = 13 WHERE id = 3")
    for schema, region in (("public", "us"), ("v2", "br"), ("public", "fr")):
        db.execute(f"UPDATE {schema}.users SET region = '{region}'")
        assert db.query("SELECT id, code FROM users ORDER BY id") == [(1, "1"), (2, "two"), (3, None), (4, "four")]
        assert db.query("SELECT id, code FROM v2.users ORDER BY id") == [(1, 1), (2, None), (3, 13), (4, None)]
        assert [row[:3] for row in rows()] == [(2, region, "new"), (3, region, "old"), (4, region, "new")] or region == "us"
    if command == "rollback":
        pgseam.run("rollback")
        assert rows() == [(3, "fr", "old", {"pgseam_new_code": "13"})]
        assert db.query("SELECT id, code FROM users ORDER BY id") == [(1, "1"), (2, "two"), (3, None), (4, "four")]
        return
    pgseam.run("complete", "--look", "0", expect=3)
    db.execute("UPDATE users SET region = 'jp', code = '22' WHERE id = 2; DELETE FROM users WHERE id = 4")
    pgseam.run("complete", "--look", "0")
    assert db.query("SELECT id, region, code FROM users ORDER BY id") == [(1, "fr", 1), (2, "jp", 22), (3, "fr", 13)]
