"""Two versions of the application behind PgBouncer in transaction mode: each way of choosing one that docs/version.md promises, and
what it says does not work."""

import re
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from harness import Pgseam, bouncer
from harness.bouncer import Bouncer
from harness.versions import AFTER, APPLICATION, NEW, OLD, RENAME, T, Pair, accounts, migration, to_the_gate
from psycopg import errors
from test_docs import blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "version.md"
NEW_ROLE = "version_app_v2"
BY_QUERY = "connect_query='SET search_path = v2, public'"
BY_ROLE = f"user={NEW_ROLE}"

# How the new application connects: entry, role, and what the entry has beside the address.
RECIPES = {
    "an entry with connect_query": ("app_v2", APPLICATION, BY_QUERY),
    "an entry with the role": ("app_v2", APPLICATION, BY_ROLE),
    "the role": ("app", NEW_ROLE, ""),
}

pytestmark = pytest.mark.skipif(bouncer.program() is None, reason="pgbouncer is not installed: tools/setup check")


@pytest.fixture
def through(db):
    """Starts PgBouncers: through(entries, **settings)."""
    db.cluster.role(APPLICATION)
    db.cluster.role(NEW_ROLE)
    db.execute(f"GRANT {APPLICATION} TO {NEW_ROLE}; ALTER ROLE {NEW_ROLE} RESET ALL")
    started = []

    def start(entries=None, **settings):
        started.append(Bouncer(db, entries or {"app": ""}, [APPLICATION, NEW_ROLE], **settings).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


def set_for_role(db):
    db.execute(f"ALTER ROLE {NEW_ROLE} SET search_path = v2, public")


def with_version(db, pgseam):
    """Table t, whose column a is z in version v2."""
    db.execute(T + f"GRANT SELECT, INSERT, UPDATE, DELETE ON t TO {APPLICATION}")
    to_the_gate(pgseam, RENAME)


def reads(conn):
    """Which version the session has: the columns of t that it finds."""
    return [column.name for column in conn.execute("SELECT * FROM t LIMIT 0").description][1]


class Bounced(Pair):
    """Both sides come through a PgBouncer; the pools are smaller than the number of clients."""

    def __init__(self, db, through, new_entry, new_role):
        super().__init__(db)
        self.through, self.at = through, {"old": ("app", APPLICATION), "new": (new_entry, new_role)}

    def connect(self, side):
        return self.through.connect(*self.at[side], application_name=side)


# ---- what works


@pytest.mark.parametrize("recipe", RECIPES)
def test_nobody_notices_start_gate_and_complete(db, pgseam, through, recipe):
    """The new entry comes while the old clients are at work."""
    entry, role, text = RECIPES[recipe]
    accounts(db)
    pooler = through()
    with Bounced(db, pooler, entry, role) as pair:
        pair.start("old", 4)
        to_the_gate(pgseam, migration())
        set_for_role(db)
        if entry != "app":
            pooler.add(**{entry: text})
        pair.start("new", 4)
        pair.see(old=NEW, new=OLD)
        pair.served(60)
        pair.see()
        # Clients are more than sessions of the server, or this would be no test of transaction mode.
        sessions = db.scalar("SELECT count(*) FROM pg_stat_activity WHERE usename = ANY(%s) AND datname = current_database()",
                             [[APPLICATION, NEW_ROLE]])
        assert sessions <= 4 < len(pair.clients)
        pair.stop("old")

        pgseam.run("complete")

        pair.see(new=AFTER)
        pair.served(30)
        pair.assert_clean(AFTER)


def test_the_pages_entries_serve_both_versions(db, pgseam, through):
    with_version(db, pgseam)
    page, = blocks(PAGE.read_text(), "ini")
    entries = dict(re.findall(r"^(\w+) *= host=\S+ dbname=\S+ ?(.*)$", page, re.MULTILINE))
    set_for_role(db)
    assert list(entries) == ["shop", "shop_v2", "shop_v2_too"]
    pooler = through({name: text.replace("user=web_v2", BY_ROLE) for name, text in entries.items()})
    for name, column in zip(entries, ("a", "z", "z"), strict=True):
        with pooler.connect(name, APPLICATION) as conn:
            assert reads(conn) == column


def test_a_quoted_version_in_connect_query(db, pgseam, through):
    db.execute(T + f"GRANT SELECT ON t TO {APPLICATION}")
    to_the_gate(pgseam, '-- pgseam: version "It\'s ""2"""\nALTER TABLE t RENAME a TO z;\n')
    chosen = pgseam.run("version", "--format", "json").json()["versions"][0]["search_path"]
    assert chosen == '"It\'s ""2""", public'
    # In the file a quote within quotes is doubled.
    pooler = through({"app": "connect_query='SET search_path = " + chosen.replace("'", "''") + "'"})
    with pooler.connect("app", APPLICATION) as conn:
        assert reads(conn) == "z"


def test_set_local_and_qualified_names_work(db, pgseam, through):
    with_version(db, pgseam)
    pooler = through(default_pool_size=1)
    with pooler.connect("app", APPLICATION) as one, pooler.connect("app", APPLICATION) as another:
        for _ in range(3):
            with one.transaction():
                one.execute("SET LOCAL search_path = v2, public")
                assert reads(one) == "z"
            assert reads(another) == "a"
        new, old = one.execute("SELECT z FROM v2.t WHERE id = 1"), another.execute("SELECT a FROM public.t WHERE id = 1")
        assert new.fetchone() == old.fetchone() == (1,)


def test_a_roles_setting_reaches_pooled_sessions_after_reconnect(db, pgseam, through):
    with_version(db, pgseam)
    pooler = through()
    with pooler.connect("app", NEW_ROLE) as conn:
        assert reads(conn) == "a"
        set_for_role(db)
        assert reads(conn) == "a"
        pooler.console("RECONNECT app")
        # A session that a transaction had is closed when that is over; the next one gets a new one.
        conn.execute("SELECT")
        assert reads(conn) == "z"


# ---- what does not, as the page says


@pytest.mark.parametrize("statement", ["DISCARD ALL", "RESET ALL", "RESET search_path"])
def test_a_reset_ends_what_connect_query_set_but_not_what_the_role_has(db, pgseam, through, statement):
    with_version(db, pgseam)
    set_for_role(db)
    pooler = through({"app": "", "by_query": BY_QUERY, "by_role": BY_ROLE}, default_pool_size=1)
    for entry, role, column in (("by_query", APPLICATION, "a"), ("by_role", APPLICATION, "z"), ("app", NEW_ROLE, "z")):
        with pooler.connect(entry, role) as conn:
            assert reads(conn) == "z"
            conn.execute(statement)
            assert reads(conn) == column


@pytest.mark.parametrize("settings", [{"pool_mode": "session"}, {"server_reset_query_always": 1}], ids=["session mode", "reset always"])
def test_the_poolers_reset_query_ends_connect_query_but_not_the_role(db, pgseam, through, settings):
    with_version(db, pgseam)
    set_for_role(db)
    pooler = through({"app": "", "by_query": BY_QUERY, "by_role": BY_ROLE}, default_pool_size=1, **settings)
    for entry, role, columns in (("by_query", APPLICATION, ["z", "a"]), ("by_role", APPLICATION, ["z", "z"]),
                                 ("app", NEW_ROLE, ["z", "z"])):
        found = []
        for _ in range(2):
            with pooler.connect(entry, role) as conn:
                found.append(reads(conn))
        assert found == columns


def test_a_set_in_the_session_goes_astray(db, pgseam, through):
    with_version(db, pgseam)
    pooler = through()
    with pooler.connect("app", APPLICATION) as one, pooler.connect("app", APPLICATION) as another:
        one.execute("SET search_path = v2, public")
        with another.transaction():
            # It has got the session in which the other one's SET was, and the other gets another.
            assert reads(another) == "z"
            assert reads(one) == "a"


@pytest.mark.parametrize("ignored", ["", "options", "options,search_path"])
def test_the_uris_parameter_is_refused_or_ignored(db, pgseam, through, ignored):
    with_version(db, pgseam)
    words = pgseam.run("version", "--format", "url").out.strip()
    pooler = through(ignore_startup_parameters=ignored) if ignored else through()
    uri = f"postgresql:///app?host={pooler.folder}&port={bouncer.PORT}&user={APPLICATION}&{words}"
    with psycopg.connect(db.dsn, options="-c search_path=v2,public") as direct:
        assert reads(direct) == "z"
    if not ignored:
        with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
            psycopg.connect(uri)
        return
    # The new application works on the old shape, and nobody says so.
    with psycopg.connect(uri, autocommit=True, prepare_threshold=None) as conn:
        assert reads(conn) == "a"


def test_prepared_statements_meet_each_others_in_the_pool(db, pgseam, through):
    if bouncer.version() >= (1, 21):
        pytest.skip("this PgBouncer has max_prepared_statements, which nobody has tried here")
    with_version(db, pgseam)
    pooler = through({"app": "", "app_v2": BY_QUERY}, default_pool_size=1)
    text = "SELECT id FROM t WHERE id = %s"
    at = ("app_v2", APPLICATION)
    with pooler.connect(*at, prepare_threshold=0) as one, pooler.connect(*at, prepare_threshold=0) as another:
        one.execute(text, [1])
        with pytest.raises(errors.DuplicatePreparedStatement):
            another.execute(text, [1])
    with pooler.connect(*at) as one, pooler.connect(*at) as another:
        # With parameters, but unnamed: prepared, bound and run in one go.
        assert one.execute(text, [2]).fetchone() == another.execute(text, [2]).fetchone() == (2,)


@pytest.mark.parametrize("command", ["start", "status", "complete", "version", "rollback"])
def test_pgseam_itself_does_not_go_through_it(db, through, command):
    pooler = through()
    db.execute(T)
    before = db.dump_schema()
    with Pgseam(SimpleNamespace(dsn_for=lambda _: pooler.dsn("app", db.cluster.superuser))) as tool:
        words = [tool.file("m.sql", RENAME)] if command == "start" else []
        done = tool.run(command, *words, expect=3)
    assert "through a connection pooler" in done.err and "connect to the server itself" in done.err
    assert db.dump_schema() == before
