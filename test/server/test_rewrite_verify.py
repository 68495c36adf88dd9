"""The comparison of two tables: each kind of difference is found and named, and what changes meanwhile is none."""

import threading
import time

import pytest
from harness.tried import tried

ROWS = 3000
HIT = 1234


def compare(db, *expressions, mode="sync", jobs=2, keys="id"):
    """(first line, differences, numbers) of a comparison of public.src with public.tgt."""
    lines, status = tried("verify", db.dsn, mode, jobs, "src", "tgt", "dirty", keys, *expressions)
    assert status == 0, lines
    numbers = dict(word.split("=") for word in lines[-1].split())
    return lines[0], lines[1:-1], numbers


def is_equal(db, *expressions, **options):
    said, differences, _ = compare(db, *expressions, **options)
    assert (said == "public.src and public.tgt are equal") == (differences == [])
    return differences == []


def make(db, kind, value, prelude="", target_kind=None):
    """Both tables with ROWS equal rows; `value` is SQL over g."""
    db.execute(f"""{prelude};
        CREATE TABLE src (id int PRIMARY KEY, v {kind}, other text);
        CREATE TABLE tgt (id bigint PRIMARY KEY, v {target_kind or kind}, other text);
        CREATE TABLE dirty (id int);
        INSERT INTO src SELECT g, {value}, 'row ' || g FROM generate_series(1, {ROWS}) AS g;
        INSERT INTO tgt SELECT * FROM src;
    """)


BLIND = "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"

# name, type, a value by g, the value of one row in the source, what the target has instead, something to make first.
# Most of these are equal to PostgreSQL's = or its hash functions: nothing that compares by them can tell them apart.
DIFFERENCES = [
    ("boolean", "boolean", "g % 2 = 0", "true", "false", ""),
    ("int", "int", "g", "7", "8", ""),
    ("int8 of one hash", "bigint", "g", "-1", "4294967295", ""),
    ("int8 of one hash, zero", "bigint", "g", "0", "4294967297", ""),
    ("text", "text", "'x' || g", "'abc'", "'abd'", ""),
    ("NULL and empty", "text", "'x' || g", "NULL", "''", ""),
    ("letter case under a collation that does not see it", "text COLLATE blind", "'x' || g", "'abc'", "'ABC'", BLIND),
    ("trailing blanks of bpchar", "bpchar", "'x' || g", "'a'", "'a  '", ""),
    ("trailing blanks of varchar", "varchar(20)", "'x' || g", "'a'", "'a '", ""),
    ("numeric", "numeric", "g / 7.0", "1.5", "1.6", ""),
    ("numeric of another scale", "numeric", "g / 7.0", "1.0", "1.00", ""),
    ("numeric of another sign", "numeric", "g / 7.0", "5", "-5", ""),
    ("numeric of another sign in (10,2)", "numeric(10,2)", "g", "5", "-5", ""),
    ("minus zero", "float8", "g / 3.0", "'0'", "'-0'", ""),
    ("minus zero of float4", "float4", "g / 3.0", "'0'", "'-0'", ""),
    ("NaN", "float8", "g / 3.0", "'NaN'", "'Infinity'", ""),
    ("interval", "interval", "g * interval '1 s'", "'1 mon'", "'30 days'", ""),
    ("interval in hours", "interval", "g * interval '1 s'", "'1 day'", "'24:00:00'", ""),
    ("timestamptz", "timestamptz", "now() + g * interval '1 s'", "'2020-01-01'", "'2020-01-01 00:00:00.000001'", ""),
    ("timestamp of one hash", "timestamp", "now() + g * interval '1 s'", "'2000-01-01'",
     "timestamp '2000-01-01' + 4294967297 * interval '1 us'", ""),
    ("timetz", "timetz", "'12:00+00'", "'12:00+01'", "'11:00+00'", ""),
    ("jsonb numbers", "jsonb", "jsonb_build_object('a', g)", "'{\"a\": 1.0}'", "'{\"a\": 1.00}'", ""),
    ("json", "json", "json_build_object('a', g)", "'{\"a\":1}'", "'{\"a\": 1}'", ""),
    ("bytea", "bytea", "decode(lpad(g::text, 8, '0'), 'hex')", r"'\x00'", r"'\x0000'", ""),
    ("uuid", "uuid", "lpad(g::text, 32, '0')::uuid", "'00000000000000000000000000000001'", "'10000000000000000000000000000000'", ""),
    ("array", "int[]", "ARRAY[g, g + 1]", "'{1,2}'", "'{2,1}'", ""),
    ("array of other dimensions", "int[]", "ARRAY[g, g + 1, 3, 4]", "'{{1,2},{3,4}}'", "'{1,2,3,4}'", ""),
    ("array of other bounds", "int[]", "ARRAY[g, g + 1]", "'{1,2}'", "'[0:1]={1,2}'", ""),
    ("array with NULL", "text[]", "ARRAY['x' || g]", "'{NULL}'", "'{\"NULL\"}'", ""),
    ("array of numeric", "numeric[]", "ARRAY[g / 7.0]", "'{1.0}'", "'{1.00}'", ""),
    ("range", "int4range", "int4range(g, g + 5)", "'[1,5)'", "'[1,6)'", ""),
    ("range of numeric", "numrange", "numrange(g, g + 5)", "'[1.0,2]'", "'[1.00,2]'", ""),
    ("multirange", "nummultirange", "nummultirange(numrange(g, g + 5))", "'{[1.0,2]}'", "'{[1.00,2]}'", ""),
    ("composite", "pair", "ROW(g, g::numeric)::pair", "ROW(1, 1.0)::pair", "ROW(1, 1.00)::pair", "CREATE TYPE pair AS (a int, b numeric)"),
    ("composite with an array", "pair", "ROW(g, ARRAY[1])::pair", "ROW(1, '{1,2}')::pair", "ROW(1, '[0:1]={1,2}')::pair",
     "CREATE TYPE pair AS (a int, b int[])"),
    ("enum", "mood", "'sad'", "'happy'", "'sad'", "CREATE TYPE mood AS ENUM ('sad', 'happy')"),
    ("domain over a domain", "price", "g", "1.0", "1.00", "CREATE DOMAIN money_ AS numeric; CREATE DOMAIN price AS money_"),
    ("bits", "varbit", "g::bit(16)", "B'01'", "B'010'", ""),
    ("inet", "inet", "'10.0.0.0'::inet + g", "'10.0.0.1'", "'10.0.0.1/8'", ""),
    ("money", "money", "g", "5", "-5", ""),
    ("tsvector", "tsvector", "to_tsvector('simple', 'x' || g)", "'a:1'", "'a:2'", ""),
    ("point", "point", "point(g, g)", "'(0,0)'", "'(-0,0)'", ""),
    ("xml", "xml", "xmlelement(name a, g)", "'<a/>'", "'<a></a>'", ""),
    ("no send function", "aclitem", "'=r/postgres'", "'=r/postgres'", "'=w/postgres'", ""),
    ("array without send function", "aclitem[]", "ARRAY['=r/postgres'::aclitem]", "'{=r/postgres}'", "'{=w/postgres}'", ""),
    ("a long value out of line", "text", "(SELECT string_agg(md5(g || ' ' || n), '') FROM generate_series(1, 200) AS n)",
     "repeat(md5('a'), 500) || 'a'", "repeat(md5('a'), 500) || 'b'", ""),
]


@pytest.mark.parametrize("kind, value, source, target, prelude", [case[1:] for case in DIFFERENCES],
                         ids=[case[0].replace(" ", "-") for case in DIFFERENCES])
def test_a_changed_value_is_found(any_cluster, db, kind, value, source, target, prelude):
    make(db, kind, value, prelude)
    db.execute(f"UPDATE src SET v = {source} WHERE id = {HIT}; UPDATE tgt SET v = {source} WHERE id = {HIT}")
    assert is_equal(db)
    db.execute(f"UPDATE tgt SET v = {target} WHERE id = {HIT}")
    said, differences, _ = compare(db)
    assert said == "public.src and public.tgt differ in 1 key"
    assert differences == [f"(id)=({HIT}): v"]
    # In the dirty set it is explained.
    db.execute(f"INSERT INTO dirty VALUES ({HIT})")
    assert is_equal(db)


def test_rows_that_are_not_the_same(any_cluster, db):
    make(db, "int", "g")
    db.execute("""ALTER TABLE tgt DROP CONSTRAINT tgt_pkey;
        DELETE FROM tgt WHERE id IN (10, 11);
        INSERT INTO tgt VALUES (5000, 1, 'surplus');
        INSERT INTO tgt SELECT * FROM tgt WHERE id = 20;
        UPDATE tgt AS a SET v = b.v FROM tgt AS b WHERE a.id IN (30, 31) AND b.id IN (30, 31) AND a.id <> b.id;
        UPDATE tgt SET v = 0, other = NULL WHERE id = 40;
        UPDATE tgt SET id = 6000 WHERE id = 50;
    """)
    said, differences, numbers = compare(db)
    assert said == "public.src and public.tgt differ in 9 keys"
    assert sorted(differences) == sorted([
        "(id)=(10): missing in public.tgt", "(id)=(11): missing in public.tgt", "(id)=(5000): surplus in public.tgt",
        "(id)=(20): 1 times in public.src, 2 times in public.tgt", "(id)=(30): v", "(id)=(31): v", "(id)=(40): v, other",
        "(id)=(50): missing in public.tgt", "(id)=(6000): surplus in public.tgt",
    ])
    assert numbers["rows"] == f"{ROWS},{ROWS}"


def test_a_row_three_times_is_not_once(db):
    """XOR alone would not tell them apart."""
    make(db, "int", "g")
    db.execute("ALTER TABLE tgt DROP CONSTRAINT tgt_pkey; INSERT INTO tgt SELECT t.* FROM tgt AS t, generate_series(1, 2) WHERE id = 20")
    _, differences, _ = compare(db)
    assert differences == ["(id)=(20): 1 times in public.src, 3 times in public.tgt"]


def test_many_differences_are_counted_and_some_named(db):
    make(db, "int", "g")
    db.execute("UPDATE tgt SET v = -v")
    said, differences, _ = compare(db)
    assert said == f"public.src and public.tgt differ in {ROWS} keys"
    assert len(differences) == 20
    assert all(one.endswith(": v") for one in differences)


def test_expressions_and_types_of_the_target(db):
    """The source's values become those of the target, modifier included, before they are compared."""
    make(db, "float8", "g / 3.0", target_kind="numeric(10,2)")
    assert is_equal(db)
    db.execute("UPDATE tgt SET v = v * 2, other = upper(other)")
    assert not is_equal(db)
    assert is_equal(db, "v=v * 2", "other=upper(other)") is False, "twice the rounded value is not the rounded double"
    db.execute("UPDATE tgt SET v = src.v * 2 FROM src WHERE src.id = tgt.id")
    assert is_equal(db, "v=v * 2", "other=upper(other)")


def test_array_that_had_a_null_once(db):
    """The bitmap of NULLs that stays behind when the last one is replaced is no difference."""
    make(db, "int[]", "ARRAY[g, NULL]")
    db.execute("UPDATE src SET v[2] = 5; UPDATE tgt SET v = string_to_array(array_to_string(src.v, ','), ',')::int[]"
               " FROM src WHERE src.id = tgt.id")
    assert is_equal(db)


def test_keys_of_several_columns_and_any_type(db):
    db.execute("""CREATE TABLE src (a text, b numeric, c timestamptz, v int, PRIMARY KEY (a, b, c));
        CREATE TABLE tgt (LIKE src INCLUDING ALL);
        CREATE TABLE dirty (a text, b numeric, c timestamptz);
        INSERT INTO src SELECT 'k' || g % 10, g / 7.0, timestamptz '2020-01-01 UTC' + g * interval '1 s', g
          FROM generate_series(1, 3000) AS g;
        INSERT INTO tgt SELECT * FROM src;
        UPDATE tgt SET v = 0 WHERE v = 7""")
    _, differences, _ = compare(db, keys="a,b,c")
    assert differences == ["(a, b, c)=(k7, 1.00000000000000000000, 2020-01-01 00:00:07+00): v"]
    db.execute("INSERT INTO dirty SELECT a, b, c FROM src WHERE v = 7")
    assert is_equal(db, keys="a,b,c")


def test_empty_tables(db):
    make(db, "int", "g")
    db.execute("TRUNCATE src, tgt")
    assert is_equal(db)
    db.execute("INSERT INTO src VALUES (1, 1, '')")
    assert compare(db)[1] == ["(id)=(1): missing in public.tgt"]


def test_an_expression_that_fails_says_so(db):
    make(db, "int", "g")
    lines, status = tried("verify", db.dsn, "sync", 2, "src", "tgt", "dirty", "id", "v=10 / (v - 5)")
    assert status == 1
    assert lines[0].endswith("division by zero")


class Writers:
    """Changes rows of src and notes their keys in the same transaction, as capture by triggers does."""

    CHANGES = [
        "UPDATE src SET v = v + 1 WHERE id = %(id)s",
        "UPDATE src SET other = repeat('x', (random() * 3000)::int) WHERE id = %(id)s",
        "DELETE FROM src WHERE id = %(id)s",
        "INSERT INTO src VALUES (%(id)s, 0, 'new') ON CONFLICT (id) DO UPDATE SET v = -src.v",
    ]

    def __init__(self, db, rows, applies=False):
        self.db, self.rows, self.stop, self.changes = db, rows, threading.Event(), 0
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in range(3)]
        if applies:
            self.threads.append(threading.Thread(target=self.apply))

    def write(self, seed):
        number = seed
        with self.db.connect() as conn:
            while not self.stop.is_set():
                number += 7
                with conn.transaction():
                    key = {"id": number * 7919 % (self.rows // 10) * 10 + 1}
                    conn.execute(self.CHANGES[number % 4], key)
                    conn.execute("INSERT INTO dirty VALUES (%(id)s)", key)
                self.changes += 1

    def apply(self):
        with self.db.connect() as conn:
            while not self.stop.is_set():
                with conn.transaction():
                    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    conn.execute("CREATE TEMP TABLE IF NOT EXISTS taken (id int)")
                    conn.execute("TRUNCATE taken")
                    conn.execute("WITH d AS (DELETE FROM dirty RETURNING id) INSERT INTO taken SELECT DISTINCT id FROM d")
                    conn.execute("DELETE FROM tgt WHERE id IN (SELECT id FROM taken)")
                    conn.execute("INSERT INTO tgt SELECT * FROM src WHERE id IN (SELECT id FROM taken)")
                time.sleep(0.05)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def big(db, rows):
    make(db, "int", "g")
    db.execute(f"""TRUNCATE src, tgt;
        INSERT INTO src SELECT g, g, 'row ' || g FROM generate_series(1, {rows}) AS g;
        INSERT INTO tgt SELECT * FROM src; ANALYZE src; ANALYZE tgt""")


@pytest.mark.parametrize("applies", [False, True], ids=["target-stands-still", "somebody-applies"])
def test_equal_under_load_and_one_difference_is_found(db, applies):
    big(db, 400000)
    mode = "wait" if applies else "sync"
    with Writers(db, 400000, applies) as writers:
        for _ in range(3):
            before = writers.changes
            said, differences, numbers = compare(db, mode=mode)
            assert differences == [], said
            assert writers.changes > before
        assert int(numbers["differing"]) > 0, "nothing changed while it was compared: the test proves nothing"
        # Keys that end with 1 are written to; this one is not.
        db.execute("UPDATE tgt SET v = 0 WHERE id = 250000")
        assert compare(db, mode=mode)[1] == ["(id)=(250000): v"]


def test_what_nobody_captures_is_found(db):
    """The same load without the dirty keys: the comparison must not take it for a change that is on its way."""
    big(db, 100000)
    db.execute("CREATE RULE none AS ON INSERT TO dirty DO INSTEAD NOTHING")
    with Writers(db, 100000):
        time.sleep(0.2)
    for mode in ("sync", "wait"):
        said, differences, _ = compare(db, mode=mode)
        assert "differ in" in said
        assert differences


def test_a_source_that_is_rewritten_meanwhile_is_compared_again(db):
    """VACUUM FULL brings a row into the block before, which was read already: what the target lacks is seen on neither side."""
    big(db, 40000)
    db.execute("DELETE FROM src WHERE id = 2; DELETE FROM tgt WHERE id = 2")
    with db.connect() as conn:
        # A third of the blocks is what one worker reads at a time.
        (moves,) = conn.execute("""SELECT min(id) FROM src WHERE ctid >= format('(%s,0)', pg_relation_size('src') / 8192 / 3)::tid
            """).fetchone()
    db.execute(f"DELETE FROM tgt WHERE id = {moves}")

    def rewrite():
        with db.connect() as conn:
            for _ in range(200):
                time.sleep(0.02)
                if conn.execute("SELECT FROM pg_stat_activity WHERE application_name LIKE 'pgseam/try/worker%' AND"
                                " wait_event = 'PgSleep'").fetchone() is not None:
                    conn.execute("VACUUM FULL src")
                    return

    thread = threading.Thread(target=rewrite)
    thread.start()
    # It waits for the range that sleeps, and is through before the next one.
    _, differences, _ = compare(db, "v=CASE WHEN id = 1 THEN (SELECT v FROM pg_sleep(2)) ELSE v END", jobs=1)
    thread.join()
    assert differences == [f"(id)=({moves}): missing in public.tgt"]
