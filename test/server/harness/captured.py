"""A rewrite of one table by logical capture, and clients that change the table in many ways."""

import contextlib
import random
import threading
import time

import psycopg

ROWS = 20000
WIDEN = "ALTER TABLE t ALTER COLUMN n TYPE bigint;"
# What the rows of the new table must be, of the old one's.
DIGEST = ("SELECT count(*)::text || ':' || coalesce(sum(hashtextextended(ROW(id, k, v, n::bigint, big)::text, 0)::numeric), 0)::text"
          " FROM t")


def wait_until(condition, timeout=30):
    """Waits for something to become true and returns it."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.02)
    return value


def create(db, rows=ROWS, key="id int PRIMARY KEY"):
    db.execute(f"CREATE TABLE t ({key}, k int NOT NULL, v text, n int, big text);"
               "CREATE UNIQUE INDEX t_k ON t (k);"
               f"INSERT INTO t SELECT g, g, 'row ' || g, g, repeat(md5(g::text), 10 * (g % 20)) FROM generate_series(1, {rows}) g;"
               "ANALYZE t")


def left(db):
    """Slots and publications of ours."""
    return db.query("SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'pgseam%'"
                    " UNION ALL SELECT pubname FROM pg_publication WHERE pubname LIKE 'pgseam%'")


def slot(db):
    found = db.query("SELECT slot_name, active_pid, confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name LIKE 'pgseam%'")
    return found[0] if found else None


class Rewrite:
    """A rewrite of t by logical capture that stops before the copy and before the cut-over."""

    def __init__(self, db, pgseam, *options, sql=WIDEN, env=None):
        self.db, self.pgseam = db, pgseam
        self.gate = pgseam.folder / "wait"
        self.gate.write_text("")
        self.running = pgseam.spawn("start", pgseam.file("m.sql", sql), "--capture", "logical", "--postpone-cut-over",
                                    "--pause-file", self.gate, *options, env=env)

    def capturing(self):
        self.running.wait_output(r"^3\. rewrite\.copy")
        return self

    def copy(self):
        self.gate.unlink()
        return self

    def caught_up(self):
        self.running.wait_output("the cut-over is postponed")
        return self

    def end(self):
        """The cut-over, with nobody writing: the new table is what the old one was."""
        expected = self.db.scalar(DIGEST)
        self.pgseam.run("cut-over")
        self.running.wait(expect=0)
        assert self.db.scalar("SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'n'") == "bigint"
        assert self.db.scalar(DIGEST) == expected
        assert left(self.db) == []


class Writer:
    """A client that changes t in many ways until it is stopped; an error of its own ends it and is raised at stop()."""

    def __init__(self, db, seed, settings=()):
        self.db, self.random, self.settings = db, random.Random(seed), settings
        self.free = 1000000 * seed
        self.error, self.statements = None, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _new(self):
        self.free += 1
        return self.free

    def _any(self):
        return self.random.randrange(1, ROWS)

    def insert(self, conn):
        conn.execute("INSERT INTO t SELECT %(g)s, %(g)s, 'new', 1, repeat('x', 5000)", {"g": self._new()})

    def update(self, conn):
        conn.execute("UPDATE t SET n = n + 1, v = v || '.' WHERE id BETWEEN %s AND %s", [(at := self._any()), at + 3])

    def hot(self, conn):
        conn.execute("UPDATE t SET n = n + 1 WHERE id = 7")

    def big(self, conn):
        conn.execute("UPDATE t SET big = repeat(md5(n::text), 300) WHERE id = %s", [self._any()])

    def key(self, conn):
        conn.execute("UPDATE t SET id = %s WHERE id = %s", [self._new(), self._any()])

    def again(self, conn):
        with conn.transaction():
            row = conn.execute("DELETE FROM t WHERE id = %s RETURNING id, k", [self._any()]).fetchone()
            if row:
                conn.execute("INSERT INTO t VALUES (%s, %s, 'again', 2, NULL)", row)

    def delete(self, conn):
        conn.execute("DELETE FROM t WHERE id = %s", [self._any()])

    def savepoints(self, conn):
        with conn.transaction():
            self.update(conn)
            with contextlib.suppress(ZeroDivisionError), conn.transaction():
                self.delete(conn)
                self.key(conn)
                raise ZeroDivisionError
            with conn.transaction():
                self.insert(conn)

    def roll_back(self, conn):
        with contextlib.suppress(ZeroDivisionError), conn.transaction():
            self.update(conn)
            raise ZeroDivisionError

    def prepared(self, conn):
        name = f"p{self._new()}"
        conn.execute("BEGIN")
        self.key(conn)
        conn.execute(f"PREPARE TRANSACTION '{name}'")
        conn.execute(f"COMMIT PREPARED '{name}'")

    WAYS = [insert, update, update, hot, hot, big, key, again, delete, savepoints, roll_back, prepared]

    def _work(self):
        try:
            with self.db.connect() as conn:
                for setting in self.settings:
                    conn.execute(setting)
                while not self._stop.is_set():
                    with contextlib.suppress(psycopg.errors.DeadlockDetected):
                        self.random.choice(self.WAYS)(self, conn)
                    self.statements += 1
        except Exception as error:
            self.error = error

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        if self.error:
            raise self.error
        assert self.statements > 20
