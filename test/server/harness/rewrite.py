"""What tests of online rewrites share: a table with everything on it, a copy that is held in the middle, what may not be left."""

import contextlib
import os
import time

from .load import Load, init_orders
from .tool import Pgseam

TABLES = ["orders", "order_lines", "order_remarks", "order_holds"]

# Some of so many rows are copied when the copy is held, and some are not.
ROWS = 60000

WIDEN = "ALTER TABLE orders ALTER COLUMN id TYPE bigint;"

# The issue says 100 ms, and the margin is for a machine that does other things as well, as elsewhere (Report.faults). Where more wants
# to run than there are cores, everything takes so many times as long, and the margin with it.
BLOCK_MS, MARGIN_MS = 100, 100

# A copy that takes long enough to be met in the middle: one session, and a nap of some seconds behind its first chunk of 8 MB.
SLOWLY = ["--copy-jobs", "1", "--load", "8", "--batch-ms", "20"]

# What hangs on the table beside what pgseam-load makes: as much as one table may have.
DRESS = """
CREATE ROLE {db}_reader;
CREATE ROLE {db}_writer;
CREATE TABLE customers (id int PRIMARY KEY, name text);
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 100) n;
ALTER TABLE orders ADD customer int DEFAULT 7;
UPDATE orders SET customer = code % 100 + 1;
ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers ON DELETE SET DEFAULT
  DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE orders ADD parent int;
ALTER TABLE orders ADD CONSTRAINT orders_parent FOREIGN KEY (parent) REFERENCES orders ON DELETE SET NULL ON UPDATE CASCADE;
UPDATE orders SET parent = 10 WHERE code BETWEEN 20 AND 30;
ALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount > -1000000);
ALTER TABLE orders ADD CONSTRAINT orders_later CHECK (code < 100000000000) NOT VALID;
ALTER TABLE order_lines DROP CONSTRAINT order_lines_order;
ALTER TABLE order_lines ADD CONSTRAINT order_lines_order FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE
  NOT VALID;
CREATE INDEX orders_expression ON orders (lower(note) text_pattern_ops DESC NULLS LAST) INCLUDE (code) WITH (fillfactor = 70);
ALTER INDEX orders_expression ALTER COLUMN 1 SET STATISTICS 333;
CREATE UNIQUE INDEX orders_identity ON orders (code);
ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_identity;
ALTER TABLE orders CLUSTER ON orders_code;
ALTER TABLE orders SET (fillfactor = 91, autovacuum_vacuum_scale_factor = 0.11, toast.autovacuum_enabled = true);
ALTER TABLE orders ALTER note SET STATISTICS 555, ALTER note SET (n_distinct = -0.5), ALTER note SET STORAGE MAIN;
ALTER TABLE orders ALTER amount SET STATISTICS 0;
CREATE STATISTICS orders_statistics (dependencies, ndistinct) ON status, amount FROM orders;
ALTER STATISTICS orders_statistics SET STATISTICS 77;
CREATE FUNCTION orders_note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER orders_before BEFORE UPDATE ON orders FOR EACH ROW WHEN (old.note IS DISTINCT FROM new.note) EXECUTE FUNCTION orders_note();
CREATE TRIGGER orders_off AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION orders_note();
CREATE TRIGGER orders_always AFTER DELETE ON orders FOR EACH STATEMENT EXECUTE FUNCTION orders_note();
CREATE TRIGGER orders_replica AFTER UPDATE OF code ON orders FOR EACH STATEMENT EXECUTE FUNCTION orders_note();
ALTER TABLE orders DISABLE TRIGGER orders_off;
ALTER TABLE orders ENABLE ALWAYS TRIGGER orders_always;
ALTER TABLE orders ENABLE REPLICA TRIGGER orders_replica;
CREATE RULE orders_rule AS ON UPDATE TO orders WHERE new.code = -999999 DO ALSO NOTHING;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY orders_all ON orders TO PUBLIC USING (true) WITH CHECK (code > -1000000);
CREATE POLICY orders_paid ON orders AS RESTRICTIVE FOR SELECT TO {db}_reader USING (status <> 'theirs');
CREATE VIEW order_view_2 WITH (security_barrier = true) AS SELECT v.id, v.amount FROM order_view v WHERE v.amount > 5;
ALTER VIEW order_view ALTER amount SET DEFAULT 3;
CREATE PUBLICATION {db}_some FOR TABLE orders, order_lines;
GRANT SELECT ON orders TO {db}_reader WITH GRANT OPTION;
GRANT SELECT, INSERT, UPDATE (note, amount) ON orders TO {db}_writer;
GRANT SELECT (code) ON orders TO PUBLIC;
GRANT SELECT ON order_view TO {db}_reader;
GRANT USAGE ON SEQUENCE orders_id_seq TO {db}_writer;
ALTER SEQUENCE orders_id_seq CACHE 1 MAXVALUE 2147483647;
COMMENT ON TABLE orders IS 'all of them';
COMMENT ON COLUMN orders.note IS 'what was said';
COMMENT ON COLUMN order_view.amount IS 'in cents';
COMMENT ON VIEW order_view IS 'those that count';
COMMENT ON INDEX orders_status IS 'not done';
COMMENT ON CONSTRAINT orders_seat ON orders IS 'one each';
COMMENT ON CONSTRAINT orders_customer ON orders IS 'whose';
COMMENT ON CONSTRAINT order_lines_order ON order_lines IS 'what of';
COMMENT ON TRIGGER orders_before ON orders IS 'notes';
COMMENT ON RULE orders_rule ON orders IS 'none';
COMMENT ON POLICY orders_paid ON orders IS 'not theirs';
COMMENT ON STATISTICS orders_statistics IS 'of two';
COMMENT ON SEQUENCE orders_id_seq IS 'numbers';
COMMENT ON TYPE orders IS 'one of them';
ALTER TABLE orders OWNER TO {db}_writer;
ANALYZE orders;
"""


def wait_until(condition, timeout=60, what="it"):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come about within {timeout} s"
        time.sleep(0.02)
    return value


def migration_of(pgseam):
    found = pgseam.run("status", "--format", "json").json()["migrations"]
    return found[0] if found else {"rewrites": [], "state": None, "reason": None}


def rewrite_of(pgseam):
    """The rewrite of the newest migration as `status` shows it, {} if there is none yet."""
    found = migration_of(pgseam)["rewrites"]
    return found[0] if found else {}


def journal(db, columns, where="true"):
    """Rows of pgseam.rewrite; none before it is there."""
    if db.scalar("SELECT to_regclass('pgseam.rewrite')") is None:
        return []
    return db.query(f"SELECT {columns} FROM pgseam.rewrite WHERE {where} ORDER BY migration_id DESC")


def copied_chunks(db):
    """The first blocks of the chunks that are noted as done, of all rewrites."""
    if db.scalar("SELECT to_regclass('pgseam.rewrite_chunk')") is None:
        return []
    return [row[0] for row in db.query("SELECT first_block FROM pgseam.rewrite_chunk ORDER BY 1")]


def has_cut_over(db):
    return bool(journal(db, "1", "is_swapped"))


def dress(db):
    """Hangs all there is on the table."""
    with db.connect() as conn:
        for statement in DRESS.format(db=db.name).split(";\n"):
            conn.execute(statement)


def undress(db):
    """Takes back what belongs to no database."""
    for role in (f"{db.name}_reader", f"{db.name}_writer"):
        db.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def leftovers(db):
    """What a rewrite could leave behind beside the journal: named, so that it can be compared with what was there before."""
    found = db.query("""
        SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' AND nspname <> 'pgseam'
        UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()
        UNION ALL SELECT 'publication ' || pubname FROM pg_publication
        UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname NOT IN ('pgseam', 'pg_catalog', 'information_schema')
        UNION ALL SELECT 'relation ' || c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname NOT IN ('pgseam', 'pg_catalog', 'information_schema', 'pg_toast')
        UNION ALL SELECT 'type ' || t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
            WHERE n.nspname NOT IN ('pgseam', 'pg_catalog', 'information_schema', 'pg_toast')
        UNION ALL SELECT 'origin ' || roname FROM pg_replication_origin""")
    return sorted(row[0] for row in found)


def assert_nothing_left(db, before):
    after = leftovers(db)
    assert after == sorted(before), f"more: {sorted(set(after) - set(before))}, less: {sorted(set(before) - set(after))}"


def assert_calm(report, at_least=1000):
    """No error, every row what it must be, nobody blocked for long."""
    crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    report.assert_clean(budget_ms=BLOCK_MS, margin_ms=MARGIN_MS * crowd, at_least=at_least)


def sql_file(pgseam, sql=WIDEN, name="wide"):
    return pgseam.file(f"{name}.sql", sql)


class Held:
    """A migration whose copy stands in the middle: `with Held(db, pgseam, capture="trigger") as held: ...; held.finish()`.

    `release()` lets it go on at full speed, `finish()` also waits for its end. `before` is true while nothing is copied yet.
    """

    def __init__(self, db, pgseam, *options, sql=WIDEN, capture=None, name="wide", first=False, env=None):
        self.db, self.pgseam, self.name = db, pgseam, name
        self.stop_file = pgseam.folder / f"{name}.pause"
        self.first = first
        chosen = ["--capture", capture] if capture else []
        self.arguments = [sql_file(pgseam, sql, name), *SLOWLY, "--pause-file", str(self.stop_file), *chosen, *options]
        self.env = env
        self.running = None

    def __enter__(self):
        if self.first:
            self.stop_file.touch()
        self.running = self.pgseam.spawn("start", *self.arguments, env=self.env)
        wait_until(self._is_there, what=f"the copy ({self.running.err[-2000:]})")
        self.stop_file.touch()
        # A chunk that is on its way still comes in.
        time.sleep(0.3)
        count = self.copied()
        assert self.first or 0 < count < self.db.scalar("SELECT count(*) FROM orders"), "the copy is not in the middle"
        return self

    def _is_there(self):
        assert self.running.running(), f"it ended before its copy began:\n{self.running.out}\n{self.running.err}"
        return journal(self.db, "1", "is_capturing" if self.first else "rows_copied > 0")

    def copied(self):
        found = journal(self.db, "rows_copied")
        return found[0][0] if found else 0

    def release(self):
        self.pgseam.run("throttle", self.name, "--load", "100", "--batch-ms", "default")
        self.stop_file.unlink(missing_ok=True)

    def finish(self, expect=0, timeout=120):
        self.release()
        return self.running.wait(timeout, expect=expect)

    def __exit__(self, *_):
        if self.running.running():
            self.running.kill9()


def digests(db):
    return {table: db.data_digest(table) for table in TABLES}


def type_of_key(db):
    return db.scalar("SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'public.orders'::regclass AND attname = 'id'")


def assert_cut_over_with(db, expected):
    assert type_of_key(db) == "bigint"
    assert digests(db) == expected


@contextlib.contextmanager
def postponed(db, pgseam, capture, *options):
    """All is copied, compared and caught up; the cut-over waits."""
    running = pgseam.spawn("start", sql_file(pgseam), "--capture", capture, "--postpone-cut-over=on", *options)
    wait_until(lambda: rewrite_of(pgseam).get("verified"), what=f"the comparison {running.err[-1000:]}")
    yield running
    if running.running():
        running.kill9()


def cut_over(pgseam, running, expect=0, timeout=90):
    pgseam.run("cut-over")
    return running.wait(timeout, expect=expect)


__all__ = [
    "BLOCK_MS", "DRESS", "Held", "Load", "MARGIN_MS", "Pgseam", "ROWS", "SLOWLY", "TABLES", "WIDEN", "assert_calm",
    "assert_cut_over_with", "assert_nothing_left", "copied_chunks", "cut_over", "digests", "dress", "has_cut_over", "init_orders",
    "journal", "leftovers", "migration_of", "postponed", "rewrite_of", "sql_file", "type_of_key", "undress", "wait_until",
]
