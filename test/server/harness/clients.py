"""An application for tables that pgseam-load does not know: a few sessions with explicit columns, and who waits for locks."""

import dataclasses
import itertools
import random
import threading
import time

import psycopg


@dataclasses.dataclass
class Traffic:
    """What the application does with one table. `insert` has SQL expressions over %(n)s, a number that nobody else has; without
    any the application only reads.

    Rows it inserts it deletes again by `own`, a predicate over %(n)s; other rows it rewrites with the values they have. So
    when it has stopped, the data are what they would be without it.
    """

    table: str
    insert: dict
    own: str
    key: tuple = ("id",)
    touch: str | None = None
    reads: tuple = ()

    def statements(self):
        names, values = ", ".join(self.insert), ", ".join(self.insert.values())
        by_key = " AND ".join(f"{column} = %({number})s" for number, column in enumerate(self.key))
        touched = self.touch or self.key[0]
        select = f"SELECT {', '.join([*self.key, *self.reads])} FROM {self.table} WHERE {by_key}"
        if not self.insert:
            return {"select": select}
        return {
            "select": select,
            "update": f"UPDATE {self.table} SET {touched} = {touched} WHERE {by_key}",
            "insert": f"INSERT INTO {self.table} ({names}) VALUES ({values})",
            "delete": f"DELETE FROM {self.table} WHERE {self.own}",
        }


class Clients:
    """`with Clients(db, [Traffic(...)]) as clients: ...; clients.assert_clean()`."""

    numbers = itertools.count(1_000_000)
    PAUSE_S = 0.002
    LOOK_S = 0.01

    def __init__(self, db, traffic, *, count=2, role=None, prepared=True):
        self.db, self.role, self.prepared = db, role, prepared
        self.traffic = list(traffic)
        self.errors = []
        self.statements = 0
        self.lock_wait_max_ms = 0.0
        self.looks = 0
        self._left = []
        self._pids = []
        self._stop = threading.Event()
        self._ready = threading.Barrier(count + 2)
        self._threads = [threading.Thread(target=self._guarded, args=(self._work, seed), daemon=True) for seed in range(count)]
        self._threads.append(threading.Thread(target=self._guarded, args=(self._watch, 0), daemon=True))

    def start(self):
        if self.traffic:
            for thread in self._threads:
                thread.start()
            self._ready.wait(30)
        return self

    def stop(self):
        """Ends the sessions and takes back what they had inserted."""
        if self.traffic and not self._stop.is_set():
            self._stop.set()
            for thread in self._threads:
                thread.join(60)
            if any(thread.is_alive() for thread in self._threads):
                self.errors.append("a client still waits for its answer after 60 s")
            with self._connect() as conn:
                for statement, number in self._left:
                    conn.execute(statement, {"n": number})
        return self

    def faults(self, limit_ms=350, at_least=20):
        """Sentences that say what is not clean; an empty list if all is."""
        found = []
        if self.errors:
            found.append(f"{len(self.errors)} errors: " + "; ".join(self.errors[:3]))
        if self.lock_wait_max_ms > limit_ms:
            found.append(f"a client waited {self.lock_wait_max_ms:.0f} ms for a lock, allowed are {limit_ms}")
        if self.traffic and self.statements < at_least:
            found.append(f"only {self.statements} statements were served")
        if self.traffic and not self.looks:
            found.append("nobody looked at the locks")
        return found

    def assert_clean(self, limit_ms=350):
        found = self.faults(limit_ms)
        assert not found, "\n".join(found)

    def _connect(self):
        conn = self.db.connect(self.role, application_name="client")
        if not self.prepared:
            conn.prepare_threshold = None
        return conn

    def _guarded(self, body, seed):
        try:
            with self._connect() as conn:
                body(conn, seed)
        except (psycopg.Error, threading.BrokenBarrierError) as error:
            self.errors.append(f"{body.__name__}: {error}")
            self._ready.abort()

    def _watch(self, conn, _):
        self._ready.wait(30)
        while not self._stop.is_set():
            # waitstart is set a moment after the wait has begun.
            waited = conn.execute(
                "SELECT max(extract(epoch FROM clock_timestamp() - waitstart)) * 1000 FROM pg_locks"
                " WHERE NOT granted AND pid = ANY(%s)", [self._pids],
            ).fetchone()[0]
            self.lock_wait_max_ms = max(self.lock_wait_max_ms, float(waited or 0))
            self.looks += 1
            time.sleep(self.LOOK_S)

    def _work(self, conn, seed):
        dice = random.Random(seed)
        self._pids.append(conn.info.backend_pid)
        jobs = [(one.statements(), self._keys(conn, one)) for one in self.traffic]
        mine = []
        self._ready.wait(30)
        while not self._stop.is_set():
            statements, keys = dice.choice(jobs)
            try:
                self._one(conn, dice, statements, keys, mine)
            except psycopg.Error as error:
                self.errors.append(f"{error.sqlstate} {str(error).splitlines()[0]}")
                if conn.closed:
                    return
            time.sleep(self.PAUSE_S)
        self._left += mine

    @staticmethod
    def _keys(conn, one):
        columns = ", ".join(one.key)
        rows = conn.execute(f"SELECT {columns} FROM {one.table} ORDER BY random() LIMIT 300").fetchall()
        return [{str(number): value for number, value in enumerate(row)} for row in rows]

    def _one(self, conn, dice, statements, keys, mine):
        which = dice.random()
        if which < 0.4 or "update" not in statements:
            conn.execute(statements["select"], dice.choice(keys))
        elif which < 0.6:
            conn.execute(statements["update"], dice.choice(keys))
        elif which < 0.7:
            # A reader that then writes: what it has read must not be taken from under it.
            chosen = dice.choice(keys)
            with conn.transaction():
                conn.execute(statements["select"], chosen)
                conn.execute(statements["update"], chosen)
        elif which < 0.85 or not mine:
            number = next(self.numbers)
            conn.execute(statements["insert"], {"n": number})
            mine.append((statements["delete"], number))
        else:
            statement, number = mine.pop(dice.randrange(len(mine)))
            try:
                conn.execute(statement, {"n": number})
            except psycopg.Error:
                mine.append((statement, number))
                raise
        self.statements += 1

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
