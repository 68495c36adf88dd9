"""The shop and its clients: pgseam-load under control of a test."""

import dataclasses
import json
import queue
import subprocess
import threading

from .binaries import built


def load_binary():
    return built("PGSEAM_LOAD", "test/load/pgseam-load")


def init_shop(db, users=20000, orders_per_user=2, items_per_order=2, role=None):
    """Creates and fills the shop's tables."""
    subprocess.run(
        [
            load_binary(), "init", "-d", db.dsn_for(role), "--users", str(users),
            "--orders-per-user", str(orders_per_user), "--items-per-order", str(items_per_order),
        ],
        check=True, timeout=600,
    )


def init_orders(db, rows=100000, shape="int", role=None):
    """Creates and fills the table that is rewritten, and those that refer to it: see test/load/README.md, "The orders"."""
    subprocess.run(
        [load_binary(), "orders-init", "-d", db.dsn_for(role), "--shape", shape, "--rows", str(rows)], check=True, timeout=600,
    )


@dataclasses.dataclass
class Report:
    """What a run has seen, see test/load/README.md. `model` is empty in an intermediate one."""

    statements: int = 0
    transactions: int = 0
    seconds: float = 0
    rate: float = 0
    errors: int = 0
    errors_by_sqlstate: dict = dataclasses.field(default_factory=dict)
    error_samples: list = dataclasses.field(default_factory=list)
    latency_ms: dict = dataclasses.field(default_factory=dict)
    latency_by_version: dict = dataclasses.field(default_factory=dict)
    slowest: list = dataclasses.field(default_factory=list)
    plans_changed: int = 0
    read_mismatches: int = 0
    monitor_looks: int = 0
    lock_wait_max_ms: float = 0
    lock_wait_max_pgseam_ms: float = 0
    lock_waits: dict = dataclasses.field(default_factory=dict)
    lock_waits_pgseam: dict = dataclasses.field(default_factory=dict)
    lock_wait_samples: list = dataclasses.field(default_factory=list)
    model: dict = dataclasses.field(default_factory=dict)

    @property
    def mismatches(self):
        return self.model["mismatches"] if self.model else self.read_mismatches

    def behind_pgseam(self):
        """Samples of waits in which pgseam stood before a client."""
        return [sample for sample in self.lock_wait_samples if sample["pgseam_ms"] > 0]

    def faults(self, budget_ms=250, margin_ms=100, at_least=100):
        """Sentences that say what is not clean; an empty list if all is."""
        found = []
        if self.errors:
            found.append(f"{self.errors} errors {self.errors_by_sqlstate}: {pretty(self.error_samples[:5])}")
        if self.mismatches:
            found.append(f"{self.mismatches} mismatches: {pretty(self.model.get('samples', []))}")
        if self.lock_wait_max_pgseam_ms > budget_ms + margin_ms:
            found.append(
                f"a client waited {self.lock_wait_max_pgseam_ms:.0f} ms for a lock behind pgseam, allowed are"
                f" {budget_ms} + {margin_ms}: {pretty(self.behind_pgseam())}"
            )
        if self.statements < at_least:
            found.append(f"only {self.statements} statements were served, expected at least {at_least}")
        # Without a monitor no wait is seen, and that must not pass for none.
        if self.seconds > 1 and self.monitor_looks < self.seconds * 5:
            found.append(f"the monitor looked only {self.monitor_looks} times in {self.seconds:.1f} s")
        return found

    def assert_clean(self, budget_ms=250, margin_ms=100, at_least=100):
        """No error, no mismatch, no wait behind pgseam over the budget, and enough was going on."""
        found = self.faults(budget_ms, margin_ms, at_least)
        assert not found, "\n".join(found)


def pretty(value):
    return json.dumps(value, indent=1, ensure_ascii=False)


class Load:
    """Clients of the shop: `with Load(db) as load: ...; load.stop().assert_clean()`."""

    def __init__(self, db, old=2, new=0, rate=2000, disturb=False, *, role=None, seed=1, old_path=None, new_path=None,
                 orders=None):
        """`orders` is the shape of its key if that is the application, None for the shop."""
        self.db = db
        self.report = None
        self.disturbed = disturb
        self.arguments = [
            load_binary(), "orders-run" if orders else "run", "-d", db.dsn_for(role), "--old", str(old), "--new", str(new), "--rate", str(rate),
            "--seed", str(seed),
        ]
        for option, path in (("--old-path", old_path), ("--new-path", new_path), ("--shape", orders)):
            if path is not None:
                self.arguments += [option, path]
        self.process = None
        self._lines = queue.Queue()
        self._complaints = []
        self._readers = []

    def start(self, timeout=60):
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_complaints, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            self._answer("run", timeout)
            if self.disturbed:
                self.command("disturb on")
        except BaseException:
            self.abandon()
            raise
        return self

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_complaints(self):
        for line in self.process.stderr:
            self._complaints.append(line)

    def _answer(self, command, timeout):
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"pgseam-load did not answer '{command}' within {timeout} s") from None
        if line is None:
            self.process.wait()
            self._readers[1].join(5)
            raise RuntimeError(f"pgseam-load ended with {self.process.returncode}: {''.join(self._complaints)[-4000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"pgseam-load {command}: {answer['error']}")
        return answer

    def command(self, text, timeout=60):
        """Sends a command and waits until it has taken effect."""
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer(text, timeout)

    def old(self, count):
        self.command(f"old {count}")

    def new(self, count):
        self.command(f"new {count}")

    def rate(self, rate):
        self.command(f"rate {rate}")

    def reader(self, milliseconds):
        """One transaction with a snapshot of users, open for so long."""
        self.command(f"reader {milliseconds}")

    def idle(self, milliseconds):
        """One session idle in a transaction that has read users and orders, for so long."""
        self.command(f"idle {milliseconds}")

    def snapshot(self, milliseconds):
        """One transaction with a snapshot that looks at users only at its end; an empty table is a mismatch."""
        self.command(f"snapshot {milliseconds}")

    def disturb(self, on=True):
        self.command("disturb on" if on else "disturb off")

    def ignore(self, column):
        """Leaves a column the migration changes, such as users.name, out of the comparison."""
        self.command(f"ignore {column}")

    def stats(self):
        return report_of(self.command("stats"))

    def stop(self, timeout=180):
        """Ends the run; the report has the comparison with the model. Asking twice gives the same one."""
        if self.report is None:
            self.report = report_of(self.command("quit", timeout))
            status = self.process.wait(timeout)
            self._readers[1].join(5)
            if status != 0:
                raise RuntimeError(f"pgseam-load ended with {status}: {''.join(self._complaints)[-4000:]}")
        return self.report

    def abandon(self):
        """Ends the process, whatever it is at."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr) if self.process else ():
            try:
                stream.close()
            except OSError:
                pass

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            # After a failure its own message matters, so nothing here may hide it.
            if kind is None and self.process.poll() is None:
                self.stop()
        finally:
            self.abandon()


def report_of(answer):
    known = {field.name for field in dataclasses.fields(Report)}
    return Report(**{key: value for key, value in answer.items() if key in known})
