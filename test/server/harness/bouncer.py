"""A PgBouncer in front of a throwaway cluster, in transaction mode, reachable only through a socket in a folder of its own."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import time

import psycopg

from .cluster import quoted

PORT = 6432


def program():
    """Debian keeps it where only root's PATH leads. None if it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


def version():
    """(1, 18)"""
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(word) for word in re.search(r"PgBouncer (\d+)\.(\d+)", said).groups())


class Bouncer:
    """`with Bouncer(db, {"app": "", "app_v2": "connect_query='...'"}, ["web"]) as bouncer: ...`. An entry's text stands behind the address
    of the database. Two sessions of the server for each database and role, so that clients have to share."""

    numbers = itertools.count(1)

    def __init__(self, db, entries, roles, **settings):
        self.db, self.cluster, self.entries = db, db.cluster, dict(entries)
        # Inside the server's folder: whatever becomes of the test run, the server's watchdog removes it.
        self.folder = self.cluster.folder / f"bouncer-{next(self.numbers)}"
        self.roles = [self.cluster.superuser, *roles]
        self.settings = {
            "listen_port": PORT, "unix_socket_dir": self.folder, "auth_type": "trust", "auth_file": self.folder / "users",
            "admin_users": self.cluster.superuser, "logfile": self.folder / "log", "pool_mode": "transaction", "default_pool_size": 2,
            **settings,
        }
        self.process = None

    def _write(self):
        lines = ["[databases]"]
        lines += [f"{name} = host={self.cluster.folder} port=5432 dbname={self.db.name} {text}" for name, text in self.entries.items()]
        lines += ["[pgbouncer]", *(f"{key} = {value}" for key, value in self.settings.items())]
        (self.folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        (self.folder / "users").write_text("".join(f'"{role}" ""\n' for role in self.roles))

    def start(self, timeout=20):
        self.folder.mkdir()
        if self.cluster.user:
            os.chown(self.folder, self.cluster.user.pw_uid, self.cluster.user.pw_gid)
        self._write()
        user = self.cluster.user
        words = ["setpriv", "--pdeathsig", "KILL"]  # it does not outlive a test run that is killed
        words += [f"--reuid={user.pw_name}", f"--regid={user.pw_gid}", "--clear-groups"] if user else []
        self.process = subprocess.Popen([*words, program(), "-q", str(self.folder / "pgbouncer.ini")], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self.console("SHOW VERSION") and self
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"pgbouncer did not start: {error}\n{self.log()}") from error
                time.sleep(0.02)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except OSError:
            return ""

    def console(self, command):
        """A command of its admin console, which speaks the simple protocol only."""
        with psycopg.connect(self.dsn("pgbouncer", self.cluster.superuser), autocommit=True, cursor_factory=psycopg.ClientCursor,
                             prepare_threshold=None) as conn:
            cursor = conn.execute(command)
            return cursor.fetchall() if cursor.description else True

    def add(self, **entries):
        """Further entries, while clients are at work."""
        self.entries.update(entries)
        self._write()
        self.console("RELOAD")

    def dsn(self, entry, role):
        return f"host={self.folder} port={PORT} dbname={quoted(entry)} user={quoted(role)}"

    def connect(self, entry, role, **keywords):
        """A connection that prepares no statements unless told to."""
        return psycopg.connect(self.dsn(entry, role), **{"autocommit": True, "prepare_threshold": None, **keywords})

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
