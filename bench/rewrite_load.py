"""What the application does and feels while a table is rewritten: pgbench, one statement a transaction, each one's latency logged."""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

# Name, weight and text. The column that changes its type is in no result: a prepared statement that returns it would fail.
SCRIPTS = [
    ("read", 5, "SELECT owner_id, amount, note FROM items WHERE id = :id"),
    ("update", 3, "UPDATE items SET amount = amount + 1 WHERE id = :id"),
    ("move", 1, "UPDATE items SET created_at = now() WHERE id = :id"),
    ("insert", 1, "INSERT INTO items (owner_id, code, amount, note, created_at)"
                  " VALUES (:id % 1000, 'c' || :id, :id % 500, repeat('n', 60), now())"),
    ("delete", 1, "DELETE FROM items WHERE id = :id"),
]

LOCKED = """SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)) * 1000, 0)::float
  FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
 WHERE NOT l.granted AND l.locktype = 'relation' AND a.application_name = 'pgbench'"""


@dataclass
class Felt:
    """What the application felt in a stretch of time, in milliseconds and statements a second."""

    p50: float
    p99: float
    worst: float
    rate: float


class Poller(threading.Thread):
    """Calls `look` every so many seconds until stopped; `most` is the largest of what it gave, `first` the first."""

    def __init__(self, look, every):
        super().__init__(daemon=True)
        self.look, self.every, self.first = look, every, look()
        self.most = self.first
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(self.every):
            with contextlib.suppress(Exception):
                self.most = max(self.most, self.look())

    def stop(self):
        self.over.set()
        self.join()
        return self.most


class Application:
    """Clients at a rate (statements a second over all of them, 0: flat out). `with`; then felt(begin, end) once it is over."""

    def __init__(self, db, program, rows, clients, rate):
        self.db = db
        self.folder = tempfile.TemporaryDirectory(prefix="pgseam-bench-")
        self.log = Path(self.folder.name) / "latency"
        words = [program, "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)), "-T", "36000", "-l",
                 f"--log-prefix={self.log}"]
        for name, weight, text in SCRIPTS:
            script = Path(self.folder.name) / f"{name}.sql"
            script.write_text(f"\\set id random(1, {rows})\n{text};\n")
            words += ["-f", f"{script}@{weight}"]
        words += ["-R", str(rate)] if rate else []
        self.errors = open(Path(self.folder.name) / "errors", "w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen([*words, db.dsn], stdout=subprocess.DEVNULL, stderr=self.errors,
                                        env={**os.environ, "PGAPPNAME": "pgbench"})
        self.watch = db.connect()
        self.lines = None
        deadline = time.monotonic() + 20
        while not self.sessions():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pgbench: {self.said()}")
            time.sleep(0.05)

    def sessions(self):
        return self.watch.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'").fetchone()[0]

    def longest_block(self):
        """How long somebody has been waiting for a lock on a table, at this moment."""
        return self.watch.execute(LOCKED).fetchone()[0]

    def said(self):
        self.errors.flush()
        return Path(self.errors.name).read_text(encoding="utf-8")

    def faults(self):
        """Errors of the application's own statements, but for those with which we end it."""
        return [line for line in self.said().splitlines() if "ERROR" in line and "administrator command" not in line]

    def stop(self):
        """Its sessions are ended, since pgbench that is killed loses what it has not written of its log."""
        if self.process.poll() is None:
            self.watch.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgbench'")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.lines = self.read()

    def read(self):
        """(when it was over, how long it took in milliseconds) of each statement, by time."""
        found = []
        for file in self.log.parent.glob("latency.*"):
            for line in file.read_text().splitlines():
                words = line.split()
                if len(words) >= 6 and words[2].isdigit():
                    found.append((int(words[4]) + int(words[5]) / 1e6, int(words[2]) / 1000))
        return sorted(found)

    def felt(self, begin, end):
        """Of the statements that ran at some time between two times of time.time()."""
        if self.lines is None:
            self.stop()
        first = bisect_left(self.lines, (begin, 0))
        latencies = sorted(took for over, took in self.lines[first:] if over - took / 1000 < end)
        done = bisect_left(self.lines, (end, 0)) - first
        if not latencies:
            return Felt(0, 0, 0, 0)

        def share(part):
            return latencies[min(len(latencies) - 1, int(len(latencies) * part))]

        return Felt(share(0.5), share(0.99), latencies[-1], done / (end - begin))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.watch.close()
        self.errors.close()
        self.folder.cleanup()
