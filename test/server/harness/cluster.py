"""A throwaway PostgreSQL server, reachable only through a socket in a folder of its own."""

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from .binaries import ROOT

WATCHDOG = Path(__file__).with_name("watchdog.py")


def server_bin(major):
    """The folder with the server binaries of that major version, None if it is not installed."""
    places = [Path(f"/usr/lib/postgresql/{major}/bin")]
    if os.environ.get("PGSEAM_SERVERS"):
        places.append(Path(os.environ["PGSEAM_SERVERS"]) / str(major) / "bin")
    places.append(ROOT / "build" / "servers" / str(major) / "bin")
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            return place
    return None


def installed_majors(candidates=range(14, 30)):
    """Major versions whose server binaries are here."""
    return [major for major in candidates if server_bin(major)]


def unprivileged():
    """The user a server runs as: initdb refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody for the server")


class Cluster:
    """Runs one server: `with Cluster(16) as cluster: ...`, or start() and destroy()."""

    def __init__(self, major=15, options=None, *, primary=None):
        self.major = int(major)
        self.bin = server_bin(self.major)
        if self.bin is None:
            raise RuntimeError(f"PostgreSQL {major} is not installed: tools/setup servers")
        self.user = unprivileged()
        # A socket's path may have 107 bytes, so the folder is not below pytest's.
        self.folder = Path(tempfile.mkdtemp(prefix=f"pgseam-{self.major}-", dir="/tmp"))
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.superuser = "postgres"
        self.options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "128MB",
            "max_connections": "100",
            "autovacuum": "on",
            "wal_level": "logical",
            "max_wal_senders": "10",
            "max_replication_slots": "10",
            "max_prepared_transactions": "10",
            "log_line_prefix": "%m [%p] %a ",
            "logging_collector": "off",
            **(options or {}),
        }
        self.postmaster = None
        self._number = 0
        self._watchdog = None
        self._destroyed = False
        self.primary = primary
        self._init()
        atexit.register(self.destroy)

    def _command(self, *words):
        prefix = []
        if self.user:
            prefix = ["setpriv", f"--reuid={self.user.pw_name}", f"--regid={self.user.pw_gid}", "--clear-groups"]
        return prefix + [str(word) for word in words]

    def _environment(self):
        # What the user has set for libpq or the locale must not reach the server.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder)}

    def _init(self):
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        # Everybody may use the socket: tests run as another user than the server.
        self.folder.chmod(0o755)
        self._watchdog = subprocess.Popen(
            [sys.executable, str(WATCHDOG), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        if self.primary is not None:
            self._copy()
            return
        # fsync here is most of initdb's time.
        done = subprocess.run(
            self._command(
                self.bin / "initdb", "-D", self.data, "-U", self.superuser, "-A", "trust", "-E", "UTF8",
                "--locale=C.UTF-8", "--no-sync",
            ),
            cwd=self.folder, env=self._environment(), capture_output=True, text=True, check=False,
        )
        if done.returncode != 0:
            self.destroy()
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def standby(self, **options):
        """A standby that streams from this server, not started yet: `with cluster.standby() as standby: ...`."""
        same = {key: value for key, value in self.options.items() if key != "unix_socket_directories"}
        return Cluster(self.major, {**same, **options}, primary=self)

    def _copy(self):
        """Fills the folder from the running primary, as pg_basebackup would, which only one of the majors here has."""
        start, stop = (("pg_start_backup('x', true, false)", "pg_stop_backup(false)") if self.major < 15
                       else ("pg_backup_start('x', true)", "pg_backup_stop()"))
        with self.primary.connect() as conn:
            conn.execute(f"SELECT {start}")
            # Files may go while they are copied; replay mends that.
            subprocess.run(self._command("cp", "-a", self.primary.data, self.data), stderr=subprocess.DEVNULL, check=False)
            label = conn.execute(f"SELECT labelfile FROM {stop}").fetchone()[0]
        for name in ("postmaster.pid", "postmaster.opts"):
            (self.data / name).unlink(missing_ok=True)
        for slot in (self.data / "pg_replslot").iterdir():
            shutil.rmtree(slot)
        for name, text in (("backup_label", label), ("standby.signal", "")):
            (self.data / name).write_text(text)
            if self.user:
                os.chown(self.data / name, self.user.pw_uid, self.user.pw_gid)
        self.options["primary_conninfo"] = f"host={self.primary.folder} user={self.superuser} application_name=standby"

    def caught_up(self, timeout=30):
        """Waits until a standby has replayed what its primary has now."""
        with self.primary.connect() as conn:
            target = conn.execute("SELECT pg_current_wal_lsn()").fetchone()[0]
        deadline = time.monotonic() + timeout
        with self.connect() as conn:
            while not conn.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [target]).fetchone()[0]:
                assert time.monotonic() < deadline, "the standby does not catch up"
                time.sleep(0.02)

    @property
    def running(self):
        return self.postmaster is not None and self.postmaster.poll() is None

    def set(self, **options):
        """Settings for the next start."""
        self.options.update(options)

    def start(self, timeout=60):
        if self.running:
            return self
        settings = [word for key, value in self.options.items() for word in ("-c", f"{key}={value}")]
        with open(self.log, "ab") as log:
            self.postmaster = subprocess.Popen(
                self._command(self.bin / "postgres", "-D", self.data, *settings),
                cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        self._wait_ready(timeout)
        return self

    def _wait_ready(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            if self.postmaster.poll() is not None:
                raise RuntimeError(f"the server did not start:\n{self.log_tail()}")
            try:
                self.connect(connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the server is not ready: {error}\n{self.log_tail()}") from error
                time.sleep(0.02)

    def stop(self, mode="fast", timeout=60):
        """Stops the server: smart, fast or immediate."""
        if not self.running:
            return
        self.postmaster.send_signal({"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        try:
            self.postmaster.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self, mode="immediate"):
        self.stop(mode)
        return self.start()

    def children(self):
        """Processes of the server, by their parent; the postmaster itself is not among them."""
        if self.postmaster is None:
            return []
        try:
            text = Path(f"/proc/{self.postmaster.pid}/task/{self.postmaster.pid}/children").read_text()
        except OSError:
            return []
        return [int(word) for word in text.split()]

    def kill(self):
        """SIGKILL for the postmaster and its children, as when the machine's memory ran out or it was switched off."""
        if self.postmaster is None:
            return
        # A stopped postmaster cannot fork, so no child is missed.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.postmaster.pid, signal.SIGSTOP)
        children = self.children()
        for pid in [self.postmaster.pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.postmaster.wait()
        deadline = time.monotonic() + 20
        while any(alive(pid) for pid in children) and time.monotonic() < deadline:
            time.sleep(0.01)

    def log_tail(self, lines=30):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def dsn(self, dbname="postgres", user=None):
        return f"host={self.folder} port=5432 dbname={quoted(dbname)} user={quoted(user or self.superuser)}"

    def connect(self, dbname="postgres", user=None, **keywords):
        keywords.setdefault("autocommit", True)
        return psycopg.connect(self.dsn(dbname, user), **keywords)

    def role(self, name, rights="LOGIN"):
        """Makes the role if it is not there."""
        with self.connect() as admin:
            # The row of a SELECT without columns is an empty, so untrue, tuple.
            if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
                admin.execute(f"CREATE ROLE {name} {rights}")

    def database(self, name=None, owner=None, template=None):
        """A new database, a copy of `template` if that is given; drop it, or use it in a `with`."""
        from .database import Database

        self._number += 1
        return Database(self, name or f"t{os.getpid()}_{self._number}", owner, template).create()

    def destroy(self):
        """Stops the server and removes all it had."""
        if self._destroyed:
            return
        self._destroyed = True
        with contextlib.suppress(Exception):
            self.stop("immediate", 10)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._watchdog:
            self._watchdog.stdin.close()
            self._watchdog.wait()
        atexit.unregister(self.destroy)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.destroy()


def alive(pid):
    """Whether the process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def quoted(value):
    """A value as a conninfo string wants it."""
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
