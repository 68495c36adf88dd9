"""A table between two versions, built by hand around the SQL that src/version/sync makes."""

import json

from .tried import tried

OWN = "pgseam_version_7"
MARKER = "pgseam_side"


def quote(*names):
    """A name, qualified if there are two."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def column(name, expression, *inputs, not_null=False):
    """A column of a group: what makes it (None: nothing), from which columns."""
    return name, expression, inputs, not_null


def group(kind, old=(), new=()):
    return {"kind": kind, "old": list(old), "new": list(new)}


class Synced:
    """`ddl` makes schema.table as the old version knows it; `hidden` are the new columns (name -> type); `shown` is the new version's
    view: its column -> the table's."""

    def __init__(self, db, ddl, groups, *, hidden=None, shown=None, schema="public", table="t", view="t", new_schema="v2",
                 user_triggers=False, keys=("id",), partition_keys=()):
        self.db, self.groups, self.keys, self.user_triggers = db, groups, keys, user_triggers
        self.partition_keys = partition_keys
        self.schema, self.table, self.view, self.new_schema = schema, table, view, new_schema
        self.old_name = quote(schema, table)
        self.new_name = quote(new_schema, view)
        db.execute(ddl)
        with db.connect() as conn, conn.transaction():
            conn.execute(f"ALTER TABLE {self.old_name} ADD {MARKER} smallint")
            for name, kind in (hidden or {}).items():
                conn.execute(f"ALTER TABLE {self.old_name} ADD {quote(name)} {kind}")
            conn.execute(f"CREATE SCHEMA {OWN}; GRANT USAGE ON SCHEMA {OWN} TO PUBLIC")
            self.made = self.statements(conn)
            for statement in self.made["functions"] + self.made["triggers"]:
                conn.execute(statement)
            if shown:
                self.create_views(conn, shown)

    def statements(self, conn):
        rows = conn.execute(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attcollation <> y.typcollation THEN"
            " quote_ident(n.nspname) || '.' || quote_ident(o.collname) END FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid"
            " LEFT JOIN pg_collation o ON o.oid = a.attcollation LEFT JOIN pg_namespace n ON n.oid = o.collnamespace"
            " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped", [self.old_name]).fetchall()
        types = {name: {"type": kind, "collation": collation} for name, kind, collation in rows}

        def described(name, expression, inputs, not_null):
            return {"name": name, "type": types[name]["type"], "expression": expression, "not_null": not_null,
                    "inputs": [{"name": one, **types[one]} for one in inputs]}

        lines, status = tried("sync", "-", json.dumps({
            "schema": self.schema, "table": self.table, "own_schema": OWN, "marker": MARKER, "view_schema": self.new_schema,
            "view": self.view, "user_triggers": self.user_triggers, "keys": list(self.keys),
            "partition_keys": list(self.partition_keys),
            "groups": [{"kind": one["kind"], "old": [described(*col) for col in one["old"]],
                        "new": [described(*col) for col in one["new"]]} for one in self.groups]}))
        assert status == 0, lines
        return json.loads(lines[0])

    def create_views(self, conn, shown):
        invoker = "WITH (security_invoker = true)" if self.db.cluster.major >= 15 else ""
        inner = quote(OWN, self.view)
        columns = ", ".join(quote(name) for name in dict.fromkeys(shown.values()))
        outer = ", ".join(f"{quote(of)} AS {quote(name)}" for name, of in shown.items())
        conn.execute(f"CREATE VIEW {inner} {invoker} AS SELECT {columns}, {MARKER} FROM {self.old_name}")
        conn.execute(f"ALTER VIEW {inner} ALTER {MARKER} SET DEFAULT {self.made['marker_default']}")
        conn.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.new_schema)}")
        conn.execute(f"CREATE VIEW {self.new_name} {invoker} AS SELECT {outer} FROM {inner}")

    def mismatches(self):
        return self.db.scalar(self.made["mismatch"])

    def assert_in_step(self):
        assert self.db.query(self.made["show"]) == [] and self.mismatches() == 0
        assert self.db.scalar(f"SELECT count(*) FROM {self.old_name} WHERE {MARKER} <> 0") == 0

    def verified(self):
        return self.db.scalar(self.made["verify_functions"]), self.db.scalar(self.made["verify_triggers"])


def pair(old, new):
    return group("pair", old, new)


def names_pair():
    """One column split into two, and back: lossy, as such things are."""
    return pair([column("first", "split_part(full_name, ' ', 1)", "full_name"),
                 column("last", "substr(full_name, length(split_part(full_name, ' ', 1)) + 2)", "full_name")],
                [column("full_name", "first || ' ' || last", "first", "last")])


def names_table(db, **options):
    """Users whose first and last become full_name; `n` is shared."""
    return Synced(db, "CREATE TABLE t (id serial PRIMARY KEY, first text, last text, n int DEFAULT 7)", [names_pair()],
                  hidden={"full_name": "text"}, shown={"id": "id", "full_name": "full_name", "n": "n"}, **options)


def cents_table(db, **options):
    """Whole cents become a numeric amount."""
    options.setdefault("ddl", "CREATE TABLE t (id int PRIMARY KEY, cents bigint, n int)")
    return Synced(db, options.pop("ddl"), [pair([column("cents", "round(amount * 100)", "amount")],
                                                [column("amount", "cents / 100.0", "cents")])],
                  hidden={"amount": "numeric(12,3)"}, shown={"id": "id", "amount": "amount", "n": "n"}, **options)
