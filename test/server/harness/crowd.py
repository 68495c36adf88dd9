"""Clients of any table: small transactions in threads, with their errors and their slowest wait."""

import random
import threading
import time

import psycopg


class Crowd:
    """Runs `statements` (SQL with %(n)s for a random number up to `numbers`, or a function of connection and number) on `clients` connections until the end of `with`."""

    def __init__(self, db, statements, clients=3, numbers=1000, pause_s=0.002):
        self.db, self.statements, self.numbers, self.pause_s = db, statements, numbers, pause_s
        self.errors, self.slowest_ms, self.done = [], 0.0, 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(seed,), daemon=True) for seed in range(clients)]

    def _work(self, seed):
        chance = random.Random(seed)
        with self.db.connect() as conn:
            while not self._stop.is_set():
                statement = chance.choice(self.statements)
                begun = time.monotonic()
                try:
                    number = chance.randint(1, self.numbers)
                    if callable(statement):
                        statement(conn, number)
                    else:
                        conn.execute(statement, {"n": number})
                    error = None
                except psycopg.Error as why:
                    error = f"{why.sqlstate}: {why} in {statement}"
                spent = (time.monotonic() - begun) * 1000
                with self._lock:
                    self.done += 1
                    self.slowest_ms = max(self.slowest_ms, spent)
                    if error:
                        self.errors.append(error)
                time.sleep(self.pause_s)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + 30
        while self.done < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def faults(self, budget_ms=250, margin_ms=100):
        """Sentences that say what is not clean; an empty list if all is."""
        found = [f"{len(self.errors)} errors: {self.errors[0]}"] if self.errors else []
        if self.slowest_ms > budget_ms + margin_ms:
            found.append(f"a client waited {self.slowest_ms:.0f} ms")
        if self.done < 100:
            found.append(f"only {self.done} statements ran")
        return found
