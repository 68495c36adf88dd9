"""The catalog part of a cut-over: everything that hangs on a table comes with it, and comes back; what cannot is refused."""

import re
import subprocess
import threading

import psycopg
import pytest
from harness import rich
from harness.fingerprint import fingerprint
from harness.tried import tried

WIDE = "ALTER COLUMN id TYPE bigint"
UNPROVEN = "SELECT unnest(unproven) FROM pgseam.rewrite"


def swap(db, what, *more, schema="shop", table="orders", role=None):
    """What pgseam-try printed, as a text, and its status."""
    lines, status = tried("swap", db.dsn_for(role), what, schema, table, "pgseam_x", *more)
    return "\n".join(lines), status


def exchange(db, what, *more, **keywords):
    text, status = swap(db, what, *more, **keywords)
    assert status == 0, text
    return text


def prove(db):
    """What the plan does after a cut-over."""
    for (statement,) in db.query(UNPROVEN):
        db.execute("SET session_replication_role = replica; " + statement)


def seen(db):
    """Catalog and, where there is one, pg_dump, without what is the rewrite's."""
    lines = [line for line in fingerprint(db).splitlines() if "pgseam_x" not in line]
    if db.cluster.major == 15:
        dump = subprocess.run(["pg_dump", "-s", "-N", "pgseam", "-N", "pgseam_x", "-d", db.dsn], capture_output=True, text=True, check=True)
        lines += [line for line in dump.stdout.splitlines() if line and not re.match(r"\\(un)?restrict |--", line)]
    return lines


def different(before, after):
    """Lines that went and came."""
    gone, new = list(before), []
    for line in after:
        if line in gone:
            gone.remove(line)
        else:
            new.append(line)
    return gone, new


def widened(lines):
    """Without what differs where id is bigint: its type, its sequence's, and casts to it."""
    lines = (line.replace("integer", "bigint").replace("2147483647", "9223372036854775807") for line in lines)
    return sorted(re.sub(r"::bigint|[()]", "", line) for line in lines)


@pytest.fixture
def rich_db(db):
    rich.make(db)
    rich.journal(db)
    return db


def ready(db, alter=WIDE):
    rich.shadow(db, alter)
    exchange(db, "shape", "widen=shop.orders_id_seq")
    return seen(db)


def test_nothing_is_lost(any_cluster, rich_db):
    """The same table again (repack): not one line differs, there and back."""
    before = ready(rich_db, None)
    values = rich_db.query('SELECT (SELECT last_value FROM shop.orders_id_seq), (SELECT last_value FROM shop."Order Numbers")')[0]
    was = rich_db.scalar("SELECT 'shop.orders'::regclass::oid")
    for way in ("forward", "back"):
        exchange(rich_db, way)
        prove(rich_db)
        assert different(before, seen(rich_db)) == ([], []), way
        assert (rich_db.scalar("SELECT 'shop.orders'::regclass::oid") == was) == (way == "back")
        now = rich_db.query('SELECT (SELECT last_value FROM shop.orders_id_seq), (SELECT last_value FROM shop."Order Numbers")')[0]
        # An identity's sequence is another one now, and goes on behind what others may still take from the old one.
        assert now[0] == values[0] and now[1] > values[1]


def test_the_old_table_does_nothing_by_itself(any_cluster, rich_db):
    """It is fed by pgseam: no trigger, rule, cascade or policy of the application may act on it."""
    ready(rich_db)
    exchange(rich_db, "forward")
    assert rich_db.query("""
        SELECT c.relrowsecurity, c.relforcerowsecurity, (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgconstrindid = 0),
               (SELECT count(*) FROM pg_rewrite r WHERE r.ev_class = c.oid), (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
               (SELECT count(*) FROM pg_constraint k WHERE c.oid IN (k.conrelid, k.confrelid) AND k.contype = 'f'),
               (SELECT count(*) FROM pg_publication_rel r WHERE r.prrelid = c.oid)
        FROM pg_class c WHERE c.oid = 'pgseam_x.orders'::regclass""") == [(False, False, 0, 0, 0, 0, 0)]


def test_only_the_type_changes(any_cluster, rich_db):
    before = ready(rich_db)
    exchange(rich_db, "forward", "widen=shop.orders_id_seq")
    prove(rich_db)
    gone, new = different(before, seen(rich_db))
    assert widened(line for line in gone if line.strip() != "AS integer") == widened(new)
    assert len(gone) >= 7
    rich_db.execute("SELECT setval('shop.orders_id_seq', 3000000000)")
    rich_db.execute("SET session_replication_role = replica; INSERT INTO shop.orders (user_id, note) VALUES (1, 'wide')")
    assert rich_db.scalar("SELECT max(id) FROM shop.orders") == 3000000001
    assert rich_db.scalar("SELECT max(id) FROM shop.inserting") == 3000000001
    rich_db.execute("SELECT setval('shop.orders_id_seq', 60)")
    exchange(rich_db, "back", "widen=shop.orders_id_seq")
    prove(rich_db)
    assert different(before, seen(rich_db)) == ([], [])


def test_back_after_many_forwards(rich_db):
    before = ready(rich_db)
    for _ in range(3):
        exchange(rich_db, "forward", "widen=shop.orders_id_seq")
        exchange(rich_db, "back", "widen=shop.orders_id_seq")
    prove(rich_db)
    assert different(before, seen(rich_db)) == ([], [])


def test_expressions_follow_the_type(any_cluster, rich_db):
    """varchar to text: casts that the server prints change, and come back."""
    before = ready(rich_db, "ALTER COLUMN status TYPE text")
    exchange(rich_db, "forward")
    assert rich_db.scalar("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'shop.plain'::regclass AND attname = 'status'") == "text"
    exchange(rich_db, "back")
    prove(rich_db)
    assert different(before, seen(rich_db)) == ([], [])


def test_what_others_changed_meanwhile_is_carried_over(rich_db):
    ready(rich_db)
    rich_db.execute("""
        GRANT DELETE ON shop.orders TO rich_other; REVOKE ALL ON shop.orders FROM "Rich Clerk";
        COMMENT ON TABLE shop.orders IS 'another'; COMMENT ON COLUMN shop.orders.note IS 'noted'; COMMENT ON INDEX shop.orders_tags IS NULL;
        DROP TRIGGER off ON shop.orders; ALTER TABLE shop.orders DISABLE TRIGGER stamp;
        DROP POLICY hard ON shop.orders; CREATE POLICY newer ON shop.orders FOR DELETE USING (false);
        CREATE VIEW shop.fresh AS SELECT id, tags FROM shop.orders;
        CREATE TABLE shop.late (o int REFERENCES shop.orders ON DELETE CASCADE);
        ALTER PUBLICATION pub_plain SET TABLE shop.items; CREATE PUBLICATION newer FOR TABLE shop.orders;
        CREATE STATISTICS shop.fresh_stat ON parent, note FROM shop.orders; ALTER STATISTICS shop.fresh_stat SET STATISTICS 33; DROP STATISTICS shop.orders_stat;
        ALTER TABLE shop.orders SET (autovacuum_enabled = false);
        ALTER SEQUENCE shop."Order Numbers" INCREMENT 7; SELECT setval('shop."Order Numbers"', 990)""")
    before = seen(rich_db)
    exchange(rich_db, "forward")
    prove(rich_db)
    gone, new = different(before, seen(rich_db))
    assert widened(gone) == widened(new)
    assert rich_db.scalar("SELECT nextval('shop.\"Order Numbers\"')") >= 997


@pytest.mark.parametrize("change", [
    "CREATE INDEX newer ON shop.orders (note)",
    "DROP INDEX shop.orders_tags",
    "ALTER TABLE shop.orders ADD newer int",
    "ALTER TABLE shop.orders ALTER note SET DEFAULT 'x'",
    "ALTER TABLE shop.orders ALTER user_id SET NOT NULL",
    "ALTER TABLE shop.orders DROP CONSTRAINT status_known",
    "ALTER TABLE shop.orders VALIDATE CONSTRAINT total_positive",
    "ALTER TABLE shop.orders SET (fillfactor = 50)",
    "ALTER TABLE shop.orders SET WITHOUT CLUSTER",
    "ALTER TABLE shop.orders REPLICA IDENTITY FULL",
    "ALTER TABLE shop.orders ALTER note SET STATISTICS 5",
])
def test_another_shape_stops_it(rich_db, change):
    ready(rich_db)
    rich_db.execute("SET session_replication_role = replica; UPDATE shop.orders SET user_id = 1 WHERE user_id IS NULL")
    rich_db.execute(change)
    before = seen(rich_db)
    text, status = swap(rich_db, "forward")
    assert status == 1 and text.startswith("error 8: table shop.orders is not what it was"), text
    assert seen(rich_db) == before


def test_the_new_table_changed_by_others_keeps_its_place(rich_db):
    """A rollback would lose their index."""
    ready(rich_db)
    exchange(rich_db, "forward")
    rich_db.execute("CREATE INDEX newer ON shop.orders (note)")
    text, status = swap(rich_db, "back")
    assert status == 1 and "newer" in text, text


# Setup, what the refusal names.
REFUSED = {
    "child": ("CREATE TABLE shop.kid () INHERITS (shop.orders)", "it has the child shop.kid"),
    "parent": ("CREATE TABLE shop.mother (id int NOT NULL); ALTER TABLE shop.orders INHERIT shop.mother", "it is a child of shop.mother"),
    "matview": ("CREATE MATERIALIZED VIEW shop.mat AS SELECT id FROM shop.orders", "materialized view shop.mat depends"),
    "matview on a view": ("CREATE MATERIALIZED VIEW shop.mat AS SELECT id FROM shop.of_id", "materialized view shop.mat, which needs view shop.of_id"),
    "column of row type": ("CREATE TABLE shop.rows (r shop.orders)", "column r of table shop.rows"),
    "array of rows": ("CREATE TABLE shop.rows (r shop.orders[])", "column r of table shop.rows"),
    "domain": ("CREATE DOMAIN shop.rowdom AS shop.orders", "type shop.rowdom"),
    "function on a changed view": ("CREATE FUNCTION shop.f(shop.of_id) RETURNS int LANGUAGE sql AS 'SELECT 1'", "function shop.f(shop.of_id)"),
    "function in use": ("""CREATE FUNCTION shop.f(shop.orders) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW shop.vf AS SELECT shop.f(o) FROM shop.orders o""",
                        "function shop.f(shop.orders), which uses the row type and is used itself"),
    "rule on a changed view": ("CREATE RULE r AS ON INSERT TO shop.audit DO ALSO SELECT id FROM shop.of_id", "rule r on table shop.audit"),
    "trigger from": ("CREATE CONSTRAINT TRIGGER t AFTER INSERT ON shop.items FROM shop.orders FOR EACH ROW EXECUTE FUNCTION shop.stamp()",
                     "trigger t on table shop.items"),
    "partitioned child": ("CREATE TABLE shop.pk (o int REFERENCES shop.orders) PARTITION BY LIST (o)", "constraint pk_o_fkey on table shop.pk"),
    "all tables": ("CREATE PUBLICATION everything FOR ALL TABLES", "publication everything is FOR ALL TABLES"),
    "prepared": ("BEGIN; SELECT count(*) FROM shop.orders; PREPARE TRANSACTION 'x'", "a prepared transaction has locked it"),
    "triggers off": ("ALTER TABLE shop.items DISABLE TRIGGER ALL", "the triggers of constraint items_order"),
    "event trigger's extension": ("CREATE EXTENSION plpgsql_x", None),
    "extension": ("ALTER EXTENSION plpgsql ADD TABLE shop.orders", "belongs to extension plpgsql"),
    "depends on extension": ("ALTER INDEX shop.orders_tags DEPENDS ON EXTENSION plpgsql", "index shop.orders_tags belongs to extension plpgsql"),
    "identity's sequence": ("""CREATE TABLE shop.other (n int DEFAULT nextval('shop."Order Numbers"'))""", "default value for column n of table shop.other"),
    "temporary view": ("CREATE TEMP VIEW tv AS SELECT id FROM shop.orders", "another session's"),
}
del REFUSED["event trigger's extension"]


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_made(rich_db, case):
    setup, message = REFUSED[case]
    text, status = swap(rich_db, "check", "column=id")
    assert status == 0, text
    with rich_db.connect() as kept:
        kept.execute("SET search_path = ''")
        kept.execute(setup)
        text, status = swap(rich_db, "check", "column=id")
    assert status == 1 and text.startswith("error 5: ") and message in text, text


OTHERS = {
    "partitioned": ("CREATE TABLE shop.t (id int) PARTITION BY LIST (id)", "it is a partitioned table"),
    "partition": ("CREATE TABLE shop.p (id int) PARTITION BY LIST (id); CREATE TABLE shop.t PARTITION OF shop.p DEFAULT", "it is a partition"),
    "view": ("CREATE VIEW shop.t AS SELECT 1 AS id", "it is a view"),
    "typed": ("CREATE TYPE shop.ty AS (id int); CREATE TABLE shop.t OF shop.ty", "it is a typed table"),
    "not ours": ("CREATE TABLE shop.t (id int)", "whose rights role rich_login does not have"),
    "schema closed": ("CREATE TABLE shop.t (id int); ALTER TABLE shop.t OWNER TO rich_login", "may not CREATE in its schema shop"),
    "row security": ("CREATE TABLE shop.t (id int); ALTER TABLE shop.t OWNER TO rich_login; GRANT ALL ON SCHEMA shop TO rich_login;"
                     "ALTER TABLE shop.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", "row security is forced"),
    "another's view": ("CREATE TABLE shop.t (id int); CREATE VIEW shop.v AS SELECT id FROM shop.t; ALTER TABLE shop.t OWNER TO rich_login;"
                       "GRANT ALL ON SCHEMA shop TO rich_login", "view shop.v depends on table shop.t, belongs to postgres"),
    "another's child": ("CREATE TABLE shop.t (id int PRIMARY KEY); CREATE TABLE shop.c (o int REFERENCES shop.t); ALTER TABLE shop.t OWNER TO"
                        " rich_login; GRANT ALL ON SCHEMA shop TO rich_login", "belongs to postgres"),
    "another's publication": ("CREATE TABLE shop.t (id int); CREATE PUBLICATION p FOR TABLE shop.t; ALTER TABLE shop.t OWNER TO rich_login;"
                              "GRANT ALL ON SCHEMA shop TO rich_login", "publication p has it, and belongs to postgres"),
    "another's grant": ("CREATE TABLE shop.t (id int); GRANT SELECT ON shop.t TO rich_reader WITH GRANT OPTION; GRANT USAGE ON SCHEMA shop TO rich_reader;"
                        "SET ROLE rich_reader; GRANT SELECT ON shop.t TO PUBLIC; RESET ROLE; ALTER TABLE shop.t OWNER TO rich_login;"
                        "GRANT ALL ON SCHEMA shop TO rich_login", "were granted by rich_reader"),
    "trigger function": ("CREATE TABLE shop.t (id int); CREATE FUNCTION shop.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
                         "CREATE TRIGGER tr BEFORE INSERT ON shop.t FOR EACH ROW EXECUTE FUNCTION shop.f(); REVOKE ALL ON FUNCTION shop.f FROM PUBLIC;"
                         "ALTER TABLE shop.t OWNER TO rich_login; GRANT ALL ON SCHEMA shop TO rich_login", "may not EXECUTE shop.f()"),
    "parent closed": ("CREATE TABLE shop.p (id int PRIMARY KEY); CREATE TABLE shop.t (id int REFERENCES shop.p); ALTER TABLE shop.t OWNER TO rich_login;"
                      "GRANT ALL ON SCHEMA shop TO rich_login", "needs the right REFERENCES on shop.p"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_tables_of_other_kinds_and_others_are_refused(db, case):
    setup, message = OTHERS[case]
    db.cluster.role("rich_login")
    db.cluster.role("rich_reader", "")
    db.execute("CREATE SCHEMA shop; " + setup)
    text, status = swap(db, "check", table="t", role="rich_login")
    assert status == 1 and text.startswith("error 5: ") and message in text, text
    db.execute("DROP SCHEMA shop CASCADE; DROP PUBLICATION IF EXISTS p")


def test_a_subscribed_table_is_refused(db):
    db.execute("CREATE SCHEMA shop; CREATE TABLE shop.t (id int)")
    db.execute("CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)")
    db.execute("INSERT INTO pg_subscription_rel SELECT oid, 'shop.t'::regclass, 'r', NULL FROM pg_subscription WHERE subname = 'sub'")
    text, status = swap(db, "check", table="t")
    db.execute("DELETE FROM pg_subscription_rel; ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub")
    assert status == 1 and "subscription sub fills it" in text, text


def test_a_key_that_others_need_is_missing(rich_db):
    rich.shadow(rich_db)
    rich_db.execute('ALTER TABLE pgseam_x.orders REPLICA IDENTITY DEFAULT; ALTER TABLE pgseam_x.orders DROP CONSTRAINT "Orders PK"')
    text, status = swap(rich_db, "shape")
    assert status == 1 and text.startswith("error 5: foreign key ") and "no unique index" in text, text


MODES = {"AccessExclusiveLock": "ACCESS EXCLUSIVE", "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE", "ExclusiveLock": "EXCLUSIVE",
         "ShareLock": "SHARE"}
STRENGTH = ["SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"]


def test_no_lock_beyond_the_declared(any_cluster, rich_db):
    ready(rich_db)
    declared = {}
    for line in exchange(rich_db, "locks").splitlines():
        name, mode = re.match(r"(.*?) ([A-Z ]+)( \(itself\))?$", line).group(1, 2)
        declared[name] = mode.strip()
    held = [re.match(r"held (.*) (\w+)$", line).group(1, 2) for line in exchange(rich_db, "forward").splitlines() if line.startswith("held")]
    # The table itself is the step's own.
    too_strong = [(name, mode) for name, mode in held if name != "shop.orders"
                  and (name not in declared or STRENGTH.index(declared[name]) < STRENGTH.index(MODES[mode]))]
    assert too_strong == []
    assert len(held) > 10


def test_the_owner_alone_can_do_it(any_cluster, db):
    """No superuser: what a table's owner may."""
    db.cluster.role("rich_login")
    db.cluster.role("rich_reader", "")
    rich.journal(db)
    db.execute(f"""
        CREATE SCHEMA shop AUTHORIZATION rich_login; CREATE SCHEMA pgseam_x AUTHORIZATION rich_login;
        GRANT CREATE ON DATABASE {db.name} TO rich_login; GRANT USAGE ON SCHEMA pgseam TO rich_login; GRANT ALL ON ALL TABLES IN SCHEMA pgseam TO rich_login;
        SET ROLE rich_login; SET search_path = '';
        ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO rich_reader;
        ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO PUBLIC;
        CREATE TABLE shop.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int, up int REFERENCES shop.t);
        REVOKE ALL ON shop.t FROM PUBLIC, rich_reader; GRANT SELECT (n) ON shop.t TO PUBLIC;
        CREATE VIEW shop.v AS SELECT id FROM shop.t; REVOKE ALL ON shop.v FROM PUBLIC, rich_reader;
        CREATE STATISTICS shop.st ON id, n FROM shop.t;
        CREATE TABLE pgseam_x.t (LIKE shop.t INCLUDING ALL EXCLUDING STATISTICS);
        ALTER TABLE pgseam_x.t ALTER id TYPE bigint""")
    before = [line for line in fingerprint(db).splitlines() if "pgseam_x" not in line]
    for what in ("check", "shape", "forward"):
        exchange(db, what, table="t", role="rich_login")
    prove(db)
    gone, new = different(before, [line for line in fingerprint(db).splitlines() if "pgseam_x" not in line])
    assert [line.replace("integer", "bigint") for line in gone if line.startswith("column")] == [line for line in new if line.startswith("column")]
    assert [line for line in gone + new if not line.startswith(("column", "sequence"))] == []
    exchange(db, "back", table="t", role="rich_login")
    prove(db)
    assert different(before, [line for line in fingerprint(db).splitlines() if "pgseam_x" not in line]) == ([], [])
    db.execute("DROP OWNED BY rich_login CASCADE")


def test_names_that_need_care(any_cluster, db):
    rich.journal(db)
    schema, table = 'My "App"\'s', 'ta"ble\' %s $1'
    db.execute("""
        CREATE SCHEMA "My ""App""'s"; CREATE SCHEMA pgseam_x; SET search_path = '';
        CREATE TABLE "My ""App""'s"."ta""ble' %s $1" ("i""d" serial PRIMARY KEY, "Größe ' \\ x" text);
        COMMENT ON COLUMN "My ""App""'s"."ta""ble' %s $1"."Größe ' \\ x" IS '\\ '' " $$ ?';
        CREATE VIEW "My ""App""'s"."vi'ew" AS SELECT "i""d" AS "a""b" FROM "My ""App""'s"."ta""ble' %s $1";
        CREATE TABLE pgseam_x."ta""ble' %s $1" (LIKE "My ""App""'s"."ta""ble' %s $1" INCLUDING ALL EXCLUDING COMMENTS)""")
    before = [line for line in fingerprint(db).splitlines() if "pgseam_x" not in line]
    exchange(db, "shape", schema=schema, table=table)
    for way in ("forward", "back"):
        exchange(db, way, schema=schema, table=table)
        assert different(before, [line for line in fingerprint(db).splitlines() if "pgseam_x" not in line]) == ([], [])


def test_a_table_called_like_one_of_ours(db):
    """The outgoing table waits in the journal's schema, unless its name is taken there."""
    rich.journal(db)
    db.execute("CREATE SCHEMA shop; CREATE SCHEMA pgseam_x; CREATE TABLE shop.rewrite (id int PRIMARY KEY);"
               "CREATE TABLE pgseam_x.rewrite (LIKE shop.rewrite INCLUDING ALL)")
    was = db.scalar("SELECT 'shop.rewrite'::regclass::oid")
    exchange(db, "shape", table="rewrite")
    exchange(db, "forward", table="rewrite")
    assert db.scalar("SELECT 'pgseam_x.rewrite'::regclass::oid") == was
    assert db.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgseam%' ORDER BY 1") == [("pgseam",), ("pgseam_x",)]


def test_nextval_waits_for_the_swap(db):
    """A value handed out between reading the old sequence and the commit would be handed out again."""
    rich.journal(db)
    db.execute("CREATE SCHEMA shop; CREATE SCHEMA pgseam_x; CREATE TABLE shop.t (id int GENERATED ALWAYS AS IDENTITY);"
               "CREATE TABLE pgseam_x.t (LIKE shop.t INCLUDING ALL)")
    exchange(db, "shape", table="t")
    values, stop = [], threading.Event()

    def take():
        with db.connect() as conn:
            while not stop.is_set():
                values.append(conn.execute("SELECT nextval('shop.t_id_seq')").fetchone()[0])

    clients = [threading.Thread(target=take) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        ways = ["forward", "back"] * 6
        for way in ways:
            for _ in range(100):
                text, status = swap(db, way, table="t")
                if status == 0:
                    break
                assert "lock timeout" in text, text
            assert status == 0
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert len(values) > 100
    assert len(values) == len(set(values))


def test_waiting_is_bounded_and_leaves_nothing(rich_db):
    ready(rich_db)
    before = seen(rich_db)
    with rich_db.connect(autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM shop.items")
        text, status = swap(rich_db, "forward")
    assert status == 1 and "lock timeout" in text, text
    assert seen(rich_db) == before
    exchange(rich_db, "forward")


def test_statistics_are_filled_before_the_swap(rich_db):
    ready(rich_db)
    rich_db.execute("ANALYZE pgseam_x.orders")
    exchange(rich_db, "forward")
    assert rich_db.scalar("SELECT count(*) FROM pg_stats_ext WHERE statistics_name IN ('orders_stat', 'Expr Stat')") >= 1


def test_a_function_that_a_session_has_compiled_sees_the_new_rows(rich_db):
    """A variable of the table's row type; ALTER TABLE would change it, too."""
    rich_db.execute("""CREATE FUNCTION shop.newest() RETURNS bigint LANGUAGE plpgsql AS
        'DECLARE r shop.orders%ROWTYPE; BEGIN SELECT * INTO r FROM shop.orders ORDER BY id DESC LIMIT 1; RETURN r.id; END'""")
    ready(rich_db)
    with rich_db.connect() as session:
        assert session.execute("SELECT shop.newest()").fetchone() == (50,)
        exchange(rich_db, "forward", "widen=shop.orders_id_seq")
        rich_db.execute("SET session_replication_role = replica; INSERT INTO shop.orders (id, note) VALUES (3000000000, 'wide')")
        assert session.execute("SELECT shop.newest()").fetchone() == (3000000000,)


def test_what_hangs_on_it_still_works(rich_db):
    ready(rich_db)
    exchange(rich_db, "forward", "widen=shop.orders_id_seq")
    prove(rich_db)
    rich_db.execute("SET session_replication_role = origin")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        rich_db.execute("INSERT INTO shop.items VALUES (999, 987654)")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        rich_db.execute("INSERT INTO shop.orders (user_id) VALUES (987654)")
    rich_db.execute("DELETE FROM shop.orders WHERE id = 7")
    assert rich_db.scalar("SELECT count(*) FROM shop.items WHERE order_id = 7") == 0
    assert rich_db.scalar("SELECT count(*) FROM pgseam_x.orders WHERE id = 7") == 1
    assert rich_db.scalar("SELECT shop.label(o) FROM shop.orders o WHERE id = 3") == "new3"
    assert rich_db.scalar("SELECT count(*) FROM shop.recent(2)") == rich_db.scalar("SELECT count(*) FROM shop.orders WHERE user_id = 2") > 0
    assert rich_db.scalar("SELECT shop.count_orders(2)") == rich_db.scalar("SELECT count(*) FROM shop.orders WHERE user_id = 2")
