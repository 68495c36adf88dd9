"""One database of a throwaway cluster."""

import os
import re
import shutil
import subprocess

from psycopg import sql

from .fingerprint import fingerprint


class Database:
    """Made by Cluster.database(); `with` drops it at the end."""

    def __init__(self, cluster, name, owner=None, template=None):
        self.cluster = cluster
        self.name = name
        self.owner = owner
        self.template = template

    def create(self):
        with self.cluster.connect() as admin:
            if self.owner:
                known = admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [self.owner]).fetchone()
                if known is None:
                    admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(self.owner)))
            admin.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(self.name), sql.Identifier(self.owner or self.cluster.superuser),
                    sql.Identifier(self.template or "template0"),
                )
            )
        return self

    def drop(self):
        """Drops it, whoever is still connected and whatever slots and prepared transactions were left."""
        with self.cluster.connect() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
                " WHERE database = %s AND active_pid IS NOT NULL",
                [self.name],
            )
            prepared = admin.execute("SELECT gid FROM pg_prepared_xacts WHERE database = %s", [self.name]).fetchall()
            if prepared:
                with self.connect() as inside:
                    for (gid,) in prepared:
                        inside.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.name])
            for (slot,) in admin.execute(
                "SELECT slot_name FROM pg_replication_slots WHERE database = %s", [self.name]
            ).fetchall():
                self._drop_slot(admin, slot)
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))

    @staticmethod
    def _drop_slot(admin, slot):
        # The walsender that used it may need a moment to go.
        admin.execute(
            "DO $$ BEGIN FOR n IN 1..100 LOOP EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name ="
            f" {sql.Literal(slot).as_string(admin)} AND active); PERFORM pg_sleep(0.05); END LOOP; END $$"
        )
        admin.execute("SELECT pg_drop_replication_slot(%s)", [slot])

    @property
    def dsn(self):
        return self.dsn_for(None)

    def dsn_for(self, role):
        return self.cluster.dsn(self.name, role)

    def connect(self, role=None, **keywords):
        """A psycopg connection, with autocommit unless said otherwise."""
        return self.cluster.connect(self.name, role, **keywords)

    def execute(self, statement, params=None, role=None):
        """Runs SQL, several statements if there are no parameters."""
        with self.connect(role) as conn:
            conn.execute(statement, params)

    def query(self, statement, params=None, role=None):
        with self.connect(role) as conn:
            return conn.execute(statement, params).fetchall()

    def scalar(self, statement, params=None, role=None):
        rows = self.query(statement, params, role)
        return rows[0][0] if rows else None

    def dump_schema(self):
        """The whole schema but pgseam's as text, fit for comparing two databases of one cluster."""
        text = self._pg_dump()
        return fingerprint(self) if text is None else text

    def _pg_dump(self):
        # No pg_dump reads a server newer than itself.
        own = self.cluster.bin / "pg_dump"
        if own.exists():
            program = str(own)
        elif self.cluster.major <= 15 and shutil.which("pg_dump"):
            program = shutil.which("pg_dump")
        else:
            return None
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        done = subprocess.run(
            [program, "-s", "-N", "pgseam", "-d", self.dsn],
            capture_output=True, text=True, env=environment, check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"pg_dump failed: {done.stderr}")
        varying = re.compile(r"\\(un)?restrict |-- Dumped (from|by) ")
        return "\n".join(line for line in done.stdout.splitlines() if not varying.match(line)) + "\n"

    def data_digest(self, table, columns=None):
        """Number of rows and a hash of them that does not depend on their order: 'count:hash'.

        `table` is as one would write it in SQL. Equal rows count: two of them do not cancel out.
        """
        chosen = "t.*" if columns is None else ", ".join("t." + quote_identifier(name) for name in columns)
        count, total = self.query(
            "SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)"
            f" FROM (SELECT ROW({chosen}) AS r FROM {table} t) q"
        )[0]
        return f"{count}:{total}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()


def quote_identifier(name):
    return '"' + name.replace('"', '""') + '"'
