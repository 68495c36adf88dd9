"""The program under test."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .binaries import built


@dataclasses.dataclass
class Result:
    rc: int
    out: str
    err: str
    command: list

    def json(self):
        """The document printed with --format json."""
        return json.loads(self.out)

    def __str__(self):
        words = " ".join(self.command)
        return f"$ {words}\nexit status {self.rc}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def signals_as_on_a_terminal():
    """A job in the background is born with SIGINT ignored, and would hand that down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# How long a command looks who uses a version.
LOOKS = {"complete": "200ms", "rollback": "100ms"}

class Running:
    """A pgseam that goes on while the test does something else."""

    def __init__(self, command, environment, folder):
        self.command = command
        self._texts = {"out": [], "err": []}
        self._changed = threading.Condition()
        self._ended = 0
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            cwd=folder, preexec_fn=signals_as_on_a_terminal,
        )
        self._threads = [
            threading.Thread(target=self._read, args=(stream, name), daemon=True)
            for stream, name in ((self.process.stdout, "out"), (self.process.stderr, "err"))
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream, name):
        while block := os.read(stream.fileno(), 65536):
            with self._changed:
                self._texts[name].append(block)
                self._changed.notify_all()
        with self._changed:
            self._ended += 1
            self._changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def out(self):
        return b"".join(self._texts["out"]).decode(errors="replace")

    @property
    def err(self):
        return b"".join(self._texts["err"]).decode(errors="replace")

    def wait_output(self, pattern, timeout=60):
        """Waits until stdout or stderr matches and returns the match."""
        deadline = time.monotonic() + timeout
        expression = re.compile(pattern, re.MULTILINE)
        with self._changed:
            while True:
                for text in (self.out, self.err):
                    if match := expression.search(text):
                        return match
                left = deadline - time.monotonic()
                if left <= 0 or self._ended == 2:
                    why = "ended without" if self._ended == 2 else f"did not say within {timeout} s:"
                    raise AssertionError(f"{why} /{pattern}/\n{self._result()}")
                self._changed.wait(left)

    def _result(self):
        code = self.process.poll()
        return Result(-999 if code is None else code, self.out, self.err, self.command)

    def wait(self, timeout=120, expect=None):
        """Waits for the end. `expect` is the exit status it must have, None for any."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"still running after {timeout} s\n{self._result()}") from None
        for thread in self._threads:
            thread.join(10)
        result = self._result()
        if expect is not None:
            assert result.rc == expect, f"expected exit status {expect}\n{result}"
        return result

    def running(self):
        return self.process.poll() is None

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def close(self):
        if self.running():
            self.kill9()
        for thread in self._threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


class Pgseam:
    """Runs pgseam against one database, in a folder of its own where migration files are written."""

    def __init__(self, db, role=None):
        self.db = db
        self.role = role
        self.folder = Path(tempfile.mkdtemp(prefix="pgseam-files-"))
        self._running = []

    def file(self, name, text):
        """Writes a migration file and returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def _command(self, command, arguments, role):
        dsn = self.db.dsn_for(role or self.role)
        # Five seconds are too long for tests that are about something else.
        if command in LOOKS and "--look" not in arguments:
            arguments = ("--look", LOOKS[command], *arguments)
        return [built("PGSEAM_BIN", "src/pgseam"), command, "-d", dsn, *map(str, arguments)]

    @staticmethod
    def _environment(env):
        # PG* of whoever runs the tests must not lead pgseam to another server.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PG") or key == "PGSEAM_FAULT"}
        return {**kept, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", **{k: str(v) for k, v in (env or {}).items()}}

    def run(self, command, *arguments, expect=0, timeout=120, role=None, env=None):
        """Runs a command to its end. `expect` is the exit status it must have, None for any."""
        process = self.spawn(command, *arguments, role=role, env=env)
        try:
            return process.wait(timeout, expect)
        finally:
            process.close()
            self._running.remove(process)

    def spawn(self, command, *arguments, role=None, env=None):
        """Starts a command and returns at once."""
        process = Running(self._command(command, arguments, role), self._environment(env), self.folder)
        self._running.append(process)
        return process

    def close(self):
        """Kills what is left and removes the files."""
        for process in self._running:
            process.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
