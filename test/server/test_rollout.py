"""`pgseam rollout`: what the application is told, key by key; which ways there are; who changed what."""

import json
import re
import time
from pathlib import Path

import psycopg
import pytest
from harness import Pgseam
from test_docs import blocks, documented_keys, flatten, simple

DOCS = Path(__file__).resolve().parents[2] / "docs"
STAGES = ["off", "dualwrite", "shadow", "live", "rampdown", "complete"]
NEW_KEYS = "SELECT coalesce(array_agg(g), '{}') FROM generate_series(1, %s) AS g WHERE pgseam.rollout_version(%s, g::text) = 'new'"


def rollout(pgseam, *words, expect=0, **keywords):
    return pgseam.run("rollout", *words, expect=expect, **keywords)


def one(pgseam, name="r"):
    return rollout(pgseam, "show", name, "--format", "json").json()["rollouts"][0]


def history(pgseam, name="r"):
    return rollout(pgseam, "history", name, "--format", "json").json()["events"]


def at(pgseam, stage, name="r", percent="10"):
    """Brings a rollout to a stage by the shortest way, and says nothing of the way's rules."""
    rollout(pgseam, "set", name, stage, "--force", *(["--percent", percent] if stage == "live" else []))


def new_keys(db, name="r", n=10000, role=None):
    return set(db.scalar(NEW_KEYS, [n, name], role))


def version(db, key, name="r", role=None):
    return db.scalar("SELECT pgseam.rollout_version(%s, %s)", [name, key], role)


def state(db, name="r"):
    return db.query("SELECT stage, reads, writes, percent::float, is_frozen FROM pgseam.rollout_state(%s)", [name])


# ---- what the application is told

TOLD = {
    "off": ("old", "old", "old"), "dualwrite": ("old", "both", "old"), "shadow": ("both", "both", "old"),
    "live": ("key", "both", None), "rampdown": ("new", "both", "new"), "complete": ("new", "new", "new"),
}


def test_each_stage_says_what_is_read_and_written(any_cluster, db, pgseam):
    for stage, (reads, writes, answer) in TOLD.items():
        at(pgseam, stage)
        assert state(db) == [(stage, reads, writes, None if STAGES.index(stage) < 3 else 10, False)]
        assert (one(pgseam)["reads"], one(pgseam)["writes"]) == (reads, writes)
        keys = len(new_keys(db, n=200))
        assert keys == {"old": 0, "new": 200}[answer] if answer else 0 < keys < 60


def test_ten_percent_is_ten_percent_of_the_keys(any_cluster, db, pgseam):
    for name in ("r", "another", "orders_v2"):
        at(pgseam, "live", name)
        assert 900 <= len(new_keys(db, name)) <= 1100
    assert len(new_keys(db, "r") & new_keys(db, "another")) < 200


def test_a_key_is_never_taken_back_by_a_higher_percentage(db, pgseam):
    before = set()
    for percent in ("0", "0.01", "1", "2.5", "10", "33", "50", "99.99", "100"):
        at(pgseam, "live", percent=percent)
        now = new_keys(db)
        assert before <= now
        assert abs(len(now) - float(percent) * 100) <= 150
        before = now
    assert len(before) == 10000


def test_the_same_keys_on_each_version(any_cluster, db, pgseam):
    """A dump that is restored into a newer server, or a fail-over to it, must not exchange the keys."""
    at(pgseam, "live", "orders_v2", percent="5")
    assert sorted(new_keys(db, "orders_v2", 100)) == KEYS_OF_ORDERS_V2


KEYS_OF_ORDERS_V2 = [63, 84, 91]


def test_cohort_keys_always_get_the_new_version(any_cluster, db, pgseam):
    at(pgseam, "live", percent="0")
    odd = ["4711", "it's", 'say "x", {y}\\', "größer", "NULL", ""]
    words = [word for key in odd for word in ("--cohort", key)]
    rollout(pgseam, "set", "r", "live", *words)
    assert one(pgseam)["cohorts"] == odd
    assert [version(db, key) for key in odd] == ["new"] * len(odd)
    assert version(db, "4712") == "old"
    # They have no meaning before live: the new side may not be there.
    rollout(pgseam, "set", "r", "shadow")
    assert version(db, "4711") == "old"
    rollout(pgseam, "set", "r", "live", "--remove-cohort", "4711", "--cohort", "it's")
    assert one(pgseam)["cohorts"] == odd[1:] and one(pgseam)["percent"] == 0
    assert (version(db, "4711"), version(db, "it's")) == ("old", "new")
    assert "no cohort key" in rollout(pgseam, "set", "r", "live", "--remove-cohort", "4711", expect=3).err


def test_an_application_that_asks_too_early_or_for_nothing_gets_the_old_version(db, pgseam):
    at(pgseam, "live", percent="100")
    assert [version(db, "1", name) for name in ("unknown", "", None, "R")] == ["old"] * 4
    assert version(db, None) == "old"
    assert state(db, "unknown") == [("off", "old", "old", None, False)]
    assert state(db, None) == state(db, "unknown")


def test_a_frozen_rollout_answers_old_and_still_writes_both(any_cluster, db, pgseam):
    for stage in STAGES[:5]:
        at(pgseam, stage, percent="100")
        rollout(pgseam, "freeze", "r", "--because", "totals differ")
        (_, reads, writes, _, is_frozen), = state(db)
        assert (reads, writes, is_frozen) == ("old", TOLD[stage][1], True)
        assert new_keys(db, n=100) == set()
        assert "totals differ" in rollout(pgseam, "show", "r").out
        # Who comes later does not hide the first reason, and leaves no line.
        lines = len(history(pgseam))
        rollout(pgseam, "freeze", "r", "--because", "me too")
        assert one(pgseam)["frozen_because"] == "totals differ" and len(history(pgseam)) == lines
        rollout(pgseam, "unfreeze", "r", "--because", "found it")
        assert state(db)[0][1] == TOLD[stage][0]
    assert [event["because"] for event in history(pgseam)][-2:] == ["totals differ", "found it"]
    at(pgseam, "complete")
    assert "there is no old version" in rollout(pgseam, "freeze", "r", "--because", "too late", expect=3).err


def test_a_frozen_rollout_goes_back_but_not_on(db, pgseam):
    at(pgseam, "live", percent="50")
    rollout(pgseam, "freeze", "r", "--because", "totals differ")
    for words in (["rampdown"], ["rampdown", "--force"], ["live", "--percent", "51"], ["live", "--cohort", "1"]):
        assert "frozen: totals differ" in rollout(pgseam, "set", "r", *words, expect=3).err
    rollout(pgseam, "set", "r", "live", "--percent", "5")
    rollout(pgseam, "set", "r", "shadow")
    assert one(pgseam)["frozen"] is True


def test_collations_of_the_caller_decide_nothing(any_cluster, db, pgseam):
    """A column with a collation of its own would hash otherwise, or be in conflict with ours."""
    at(pgseam, "live", percent="50")
    rollout(pgseam, "set", "r", "live", "--cohort", "Ab")
    db.execute("""CREATE TABLE k (plain text, c text COLLATE "C", posix text COLLATE "POSIX");
                  INSERT INTO k SELECT g, g, g FROM generate_series(1, 500) AS g""")
    columns = ["plain", "c", "posix"]
    if db.scalar("SELECT count(*) FROM pg_collation WHERE collprovider = 'i'"):
        db.execute("""CREATE COLLATION blurred (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
                      ALTER TABLE k ADD blurred text COLLATE blurred; UPDATE k SET blurred = plain""")
        columns.append("blurred")
        assert [version(db, key) == "new" for key in ("Ab",)] == [True]
        with db.connect() as conn:
            same = "SELECT pgseam.rollout_version('r' COLLATE blurred, %s COLLATE blurred) = pgseam.rollout_version('r', %s)"
            assert all(conn.execute(same, [key, key]).fetchone()[0] for key in ("AB", "ab", "Ab", "aB"))
    for column in columns:
        assert db.scalar(f"SELECT count(*) FROM k WHERE pgseam.rollout_version('r', {column}) IS DISTINCT FROM"
                         " pgseam.rollout_version('r', plain)") == 0


# ---- the functions


def test_functions_are_stable_cheap_and_pinned(any_cluster, db, pgseam):
    rollout(pgseam, "set", "r", "dualwrite")
    functions = db.query("SELECT proname, provolatile, proparallel, prosecdef, proconfig, proisstrict FROM pg_proc"
                         " WHERE pronamespace = 'pgseam'::regnamespace AND proname ~ '^rollout' ORDER BY 1")
    assert functions == [(name, kind, safe, True, ["search_path=pg_catalog, pg_temp"], False)
                         for name, kind, safe in (("rollout_report", "v", "u"), ("rollout_state", "s", "s"), ("rollout_version", "s", "s"))]
    with db.connect() as conn:
        conn.execute("SELECT pgseam.rollout_version('r', '1')")
        begin = time.perf_counter()
        conn.execute("SELECT count(pgseam.rollout_version('r', g::text)) FROM generate_series(1, 20000) AS g")
        # 5 microseconds each on an idle machine.
        assert time.perf_counter() - begin < 20000 * 100e-6


def test_one_look_up_by_the_primary_key(any_cluster, db, pgseam):
    rollout(pgseam, "set", "r", "dualwrite")
    db.execute("INSERT INTO pgseam.rollout (name, stage, changed_by) SELECT 'n' || g, 'off', 'x' FROM generate_series(1, 5000) AS g;"
               " ANALYZE pgseam.rollout")
    with db.connect() as conn:
        conn.execute("LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;"
                     " SET auto_explain.log_analyze = on; SET client_min_messages = log")
        plans = []
        conn.add_notice_handler(lambda notice: plans.append(notice.message_primary))
        conn.execute("SELECT pgseam.rollout_version('n7', '1')")
        conn.execute("SELECT * FROM pgseam.rollout_state('n7')")
    text = "\n".join(plans)
    assert len(re.findall(r"Index Scan using rollout_pkey on rollout r .*rows=1", text)) == 2
    assert "Seq Scan" not in text


@pytest.fixture
def webapp(db, cluster):
    cluster.role("webapp")
    return "webapp"


def test_a_plain_role_may_ask_once_it_was_granted_and_nothing_else(any_cluster, db, pgseam):
    any_cluster.role("webapp")
    at(pgseam, "live", percent="100")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        version(db, "1", role="webapp")
    assert rollout(pgseam, "grant", "webapp", "--format", "json").json() == {"granted_to": "webapp"}
    assert version(db, "1", role="webapp") == "new"
    assert db.scalar("SELECT reads FROM pgseam.rollout_state('r')", role="webapp") == "key"
    tables = [name for (name,) in db.query("SELECT relname FROM pg_class WHERE relnamespace = 'pgseam'::regnamespace AND relkind = 'r'")]
    assert {"rollout", "rollout_event", "migration", "step"} <= set(tables)
    for table in tables:
        for statement in (f"SELECT FROM pgseam.{table}", f"DELETE FROM pgseam.{table}", f"INSERT INTO pgseam.{table} DEFAULT VALUES"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement, role="webapp")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("CREATE TABLE pgseam.mine (a int)", role="webapp")
    rollout(pgseam, "grant", "webapp")
    assert rollout(pgseam, "set", "r", "rampdown", role="webapp", expect=3).err.count("may not")


def test_everybody_may_ask(db, pgseam, webapp):
    at(pgseam, "rampdown")
    rollout(pgseam, "grant", "public")
    assert version(db, "1", role=webapp) == "new"


def test_a_grant_that_would_open_the_journal_is_refused(db, pgseam, webapp):
    db.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO webapp")
    at(pgseam, "rampdown")
    refused = rollout(pgseam, "grant", "webapp", expect=3)
    assert "pgseam.rollout_event" in refused.err and "REVOKE ALL ON ALL TABLES IN SCHEMA pgseam FROM webapp" in refused.err
    assert db.scalar("SELECT has_schema_privilege('webapp', 'pgseam', 'USAGE')") is False
    db.execute("REVOKE ALL ON ALL TABLES IN SCHEMA pgseam FROM webapp")
    rollout(pgseam, "grant", "webapp")
    assert version(db, "1", role=webapp) == "new"
    db.execute("ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM webapp")


def test_only_the_owner_of_the_schema_may_grant(db, cluster, webapp):
    cluster.role("owner_2")
    cluster.role("colleague_2")
    db.execute(f"GRANT CREATE ON DATABASE {db.name} TO owner_2")
    with Pgseam(db, "owner_2") as pgseam:
        rollout(pgseam, "set", "r", "dualwrite")
        db.execute("GRANT ALL ON SCHEMA pgseam TO colleague_2; GRANT ALL ON ALL TABLES IN SCHEMA pgseam TO colleague_2")
        rollout(pgseam, "set", "r", "shadow", role="colleague_2")
        assert "have the owner run" in rollout(pgseam, "grant", "webapp", role="colleague_2", expect=3).err
        rollout(pgseam, "grant", "webapp")
        assert [event["role"] for event in history(pgseam)] == ["owner_2", "owner_2", "colleague_2"]
        assert one(pgseam)["changed_by"].startswith("colleague_2 (")
    assert db.scalar("SELECT pgseam.rollout_version('r', '1')", role=webapp) == "old"


def test_nothing_of_the_caller_leads_the_functions_astray(db, pgseam, webapp):
    """They run with their owner's rights: no table, function or operator of the caller's may come in between."""
    at(pgseam, "live", percent="0")
    rollout(pgseam, "grant", "webapp")
    db.execute("CREATE SCHEMA trap AUTHORIZATION webapp")
    with db.connect("webapp") as conn:
        conn.execute("CREATE TEMP TABLE rollout (name text, stage text, percent numeric, cohorts text[], frozen_because text);"
                     "INSERT INTO rollout VALUES ('r', 'complete', 100, '{}', NULL);"
                     "CREATE FUNCTION trap.hashtextextended(text, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';"
                     "CREATE FUNCTION trap.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
                     "CREATE OPERATOR trap.= (FUNCTION = trap.eq, LEFTARG = text, RIGHTARG = text);"
                     "SET search_path = trap, pg_temp, pg_catalog")
        assert conn.execute("SELECT pgseam.rollout_version('r', '1')").fetchone() == ("old",)
        assert conn.execute("SELECT stage FROM pgseam.rollout_state('nothing')").fetchone() == ("off",)


# ---- ways

# The stages that may follow each without --force, beside itself.
WAYS = {
    "off": {"dualwrite"},
    "dualwrite": {"off", "shadow"},
    "shadow": {"dualwrite", "live"},
    "live": {"dualwrite", "shadow", "rampdown"},
    "rampdown": {"dualwrite", "shadow", "live", "complete"},
    "complete": set(),
}


@pytest.mark.parametrize("start", STAGES)
def test_a_stage_is_left_for_the_next_one_or_back(db, pgseam, start):
    for end in STAGES:
        at(pgseam, start, percent="100")
        lines = len(history(pgseam))
        words = ["--percent", "100"] if end == "live" else []
        may = end in WAYS[start] | {start}
        result = rollout(pgseam, "set", "r", end, *words, expect=0 if may else 3)
        assert one(pgseam)["stage"] == (end if may else start)
        assert len(history(pgseam)) == lines + (may and end != start)
        if not may and start == "complete":
            assert "--force" in result.err
        elif not may:
            way = re.search(r"the way is (.*), each", result.err).group(1).split(" -> ")
            assert way[0] == start and way[-1] == end
            assert all(b in WAYS[a] for a, b in zip(way, way[1:]))


def test_a_new_one_begins_at_off(db, pgseam):
    assert "off -> dualwrite -> shadow -> live" in rollout(pgseam, "set", "r", "live", "--percent", "5", expect=3).err
    assert rollout(pgseam).out == "no rollouts\n"
    assert db.scalar("SELECT count(*) FROM pgseam.rollout_event") == 0
    rollout(pgseam, "set", "r", "dualwrite", "--because", "first")
    assert [(event["action"], event["before"] and event["before"]["stage"], event["after"]["stage"]) for event in history(pgseam)] == [
        ("create", None, "off"), ("set", "off", "dualwrite")]


def test_live_needs_a_percentage_and_rampdown_all_keys(db, pgseam):
    at(pgseam, "shadow")
    assert "--percent" in rollout(pgseam, "set", "r", "live", expect=3).err
    rollout(pgseam, "set", "r", "live", "--percent", "12.5")
    assert one(pgseam)["percent"] == 12.5
    assert "12.5 %" in rollout(pgseam, "set", "r", "rampdown", expect=3).err
    rollout(pgseam, "set", "r", "shadow")
    # It has one.
    rollout(pgseam, "set", "r", "live")
    assert one(pgseam)["percent"] == 12.5
    rollout(pgseam, "set", "r", "live", "--percent", "100")
    rollout(pgseam, "set", "r", "rampdown")


@pytest.mark.parametrize("words", [
    ["set", "r"], ["set"], ["set", "r", "alive"], ["nothing"], ["show"], ["show", "r", "x"], ["grant"], ["freeze", "r"],
    ["freeze", "r", "--because", ""], ["set", "r", "live", "--percent", "101"], ["set", "r", "live", "--percent", "-1"],
    ["set", "r", "live", "--percent", "1.234"], ["set", "r", "live", "--percent", "nan"], ["set", "r", "live", "--percent", ""],
    ["set", "r", "live", "--percent", "99999999999"], ["set", "r", "shadow", "--percent", "5"], ["show", "r", "--percent", "5"],
    ["--force"], ["freeze", "r", "--because", "x", "--cohort", "k"], ["history", "r", "--because", "x"], ["set", "", "off"],
    ["set", "x" * 64, "off"], ["set", "ü" * 32, "off"],
], ids=" ".join)
def test_what_cannot_be_is_a_matter_of_usage(db, pgseam, words):
    rollout(pgseam, *words, expect=2)
    assert db.scalar("SELECT to_regclass('pgseam.rollout')") is None


def test_names_and_texts_of_all_kinds(db, pgseam):
    for name in ("x" * 63, "ü" * 31, "two words", "it's", 'a"b', "--", "Ünï; DROP TABLE t", "%s%n", "set", "{a,b}", "\\"):
        rollout(pgseam, "set", "--because", f"why {name}?", "--", name, "dualwrite")
        assert rollout(pgseam, "--format", "json", "--", "show", name).json()["rollouts"][0]["name"] == name
        assert db.scalar("SELECT stage FROM pgseam.rollout_state(%s)", [name]) == "dualwrite"
        assert db.scalar("SELECT reason FROM pgseam.rollout_event WHERE rollout = %s AND action = 'set'", [name]) == f"why {name}?"
    assert len(rollout(pgseam, "--format", "json").json()["rollouts"]) == 11


def test_many_cohort_keys_are_refused(db, pgseam):
    at(pgseam, "live", percent="0")
    words = [f"--cohort={key}" for key in range(1001)]
    assert "1000" in rollout(pgseam, "set", "r", "live", *words, expect=3).err
    rollout(pgseam, "set", "r", "live", *words[1:])
    assert len(one(pgseam)["cohorts"]) == 1000


def test_drop(db, pgseam):
    at(pgseam, "live")
    assert "would be told" in rollout(pgseam, "drop", "r", expect=3).err
    at(pgseam, "complete")
    assert "--force" in rollout(pgseam, "drop", "r", expect=3).err
    assert rollout(pgseam, "drop", "r", "--force", "--because", "over", "--format", "json").json() == {"rollouts": []}
    last = history(pgseam)[-1]
    assert (last["action"], last["before"]["stage"], last["after"], last["because"]) == ("drop", "complete", None, "over")
    assert version(db, "1") == "old"
    rollout(pgseam, "set", "r", "off", "--because", "again")
    rollout(pgseam, "drop", "r")
    assert history(pgseam)[-2]["because"] == "again"
    assert [event["action"] for event in history(pgseam)][-3:] == ["drop", "create", "drop"]
    for words in (["show", "r"], ["drop", "r"], ["freeze", "r", "--because", "x"], ["unfreeze", "r"], ["history", "nobody"]):
        rollout(pgseam, *words, expect=3)


# ---- word of it, and who did it


def heard(conn, timeout):
    return [json.loads(notice.payload) for notice in conn.notifies(timeout=timeout)] if notifies_take_a_timeout() else drain(conn, timeout)


def notifies_take_a_timeout():
    return tuple(int(part) for part in psycopg.__version__.split(".")[:2]) >= (3, 2)


def drain(conn, timeout):
    """psycopg before 3.2 hands notifications out only while a statement runs."""
    found = []
    conn.add_notify_handler(lambda notice: found.append(json.loads(notice.payload)))
    conn.execute(f"SELECT pg_sleep({timeout})")
    conn.execute("SELECT 1")
    return found


def test_listeners_hear_of_each_change_and_of_nothing_else(any_cluster, db, pgseam):
    with db.connect() as conn:
        conn.execute("LISTEN pgseam_rollout")
        rollout(pgseam, "set", "orders_v2", "dualwrite")
        rollout(pgseam, "set", "orders_v2", "dualwrite")
        rollout(pgseam, "set", "orders_v2", "complete", expect=3)
        rollout(pgseam, "set", "orders_v2", "shadow")
        rollout(pgseam, "set", "orders_v2", "live", "--percent", "2.50")
        rollout(pgseam, "freeze", "orders_v2", "--because", "x")
        rollout(pgseam, "drop", "orders_v2", "--force")
        seen = heard(conn, 0.5)
    assert seen == [
        {"name": "orders_v2", "stage": "dualwrite", "percent": None, "frozen": False},
        {"name": "orders_v2", "stage": "shadow", "percent": None, "frozen": False},
        {"name": "orders_v2", "stage": "live", "percent": 2.5, "frozen": False},
        {"name": "orders_v2", "stage": "live", "percent": 2.5, "frozen": True},
        {"name": "orders_v2", "stage": "off", "percent": None, "frozen": False},
    ]


def test_eight_at_once_and_the_history_is_complete(any_cluster, db, pgseam):
    """The journal is not there either when they begin."""
    jobs = [pgseam.spawn("rollout", "set", "r", "dualwrite", "--cohort", f"k{n}", "--because", f"job {n}") for n in range(8)]
    for job in jobs:
        job.wait(expect=0)
    for rounds in range(3):
        jobs = [pgseam.spawn("rollout", "set", "r", "dualwrite", "--cohort", f"k{rounds}.{n}", "--because", f"{rounds}.{n}") for n in range(8)]
        for job in jobs:
            job.wait(expect=0)
    events = history(pgseam)
    assert len(one(pgseam)["cohorts"]) == 32
    assert [event["action"] for event in events] == ["create"] + ["set"] * 32
    assert len({event["because"] for event in events[1:]}) == 32
    # Each begins where the one before ended.
    assert all(after["before"] == before["after"] for before, after in zip(events, events[1:]))
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


def test_the_history_says_who_what_and_why(db, pgseam):
    at(pgseam, "shadow")
    rollout(pgseam, "set", "r", "live", "--percent", "2.5", "--cohort", "4711", "--because", "a first look")
    rollout(pgseam, "set", "r", "live", "--percent", "10", "--remove-cohort", "4711")
    rollout(pgseam, "freeze", "r", "--because", "totals differ")
    *_, first, second, third = rollout(pgseam, "history", "r").out.splitlines()
    who = r"by postgres \([^@ ]+@[^)]+\)"
    assert re.search(rf"^\d{{4}}-.* set +shadow -> live 2\.5 % \+4711  {who}: a first look$", first)
    assert re.search(rf"set +live 2\.5 % -> live 10 % -4711  {who}$", second)
    assert re.search(rf"freeze +live 10 % -> live 10 % FROZEN  {who}: totals differ$", third)


def test_a_kill_leaves_all_or_nothing(db, pgseam):
    """Whatever is seen of row and history belongs together."""
    at(pgseam, "live", percent="0")
    for number in range(12):
        job = pgseam.spawn("rollout", "set", "r", "live", "--cohort", f"k{number}")
        time.sleep(0.004 * number)
        job.kill9()
    time.sleep(0.3)
    assert one(pgseam)["cohorts"] == history(pgseam)[-1]["after"]["cohorts"]


# ---- the journal


def test_without_a_journal_there_are_no_rollouts(db, pgseam):
    assert rollout(pgseam).out == "no rollouts\n"
    assert rollout(pgseam, "--format", "json").json() == {"rollouts": []}
    for words in (["show", "r"], ["history", "r"], ["drop", "r"], ["unfreeze", "r"]):
        assert "rollout r" in rollout(pgseam, *words, expect=3).err
    assert db.scalar("SELECT to_regnamespace('pgseam')") is None


def test_a_database_without_rollouts_gets_no_functions(db, pgseam):
    """And it needs no plpgsql."""
    db.execute("CREATE TABLE tiny (id bigint PRIMARY KEY); DROP EXTENSION plpgsql")
    pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE tiny ADD a int;"))
    assert db.scalar("SELECT count(*) FROM pg_proc WHERE pronamespace = 'pgseam'::regnamespace") == 0
    assert rollout(pgseam).out == "no rollouts\n"
    rollout(pgseam, "freeze", "r", "--because", "x", expect=3)
    assert "plpgsql" in rollout(pgseam, "set", "r", "dualwrite", expect=1).err
    db.execute("CREATE EXTENSION plpgsql")
    rollout(pgseam, "set", "r", "dualwrite")


def test_a_journal_from_before_rollouts(any_cluster, db, pgseam):
    """It is read as it is, and raised by who sets one; a colleague's grants reach the new tables, too."""
    any_cluster.role("colleague_3")
    db.execute("CREATE TABLE tiny (id bigint PRIMARY KEY)")
    pgseam.run("start", pgseam.file("a.sql", "ALTER TABLE tiny ADD a int;"))
    layout = db.scalar("SELECT value FROM pgseam.meta WHERE key = 'layout'")
    db.execute("GRANT ALL ON SCHEMA pgseam TO colleague_3; GRANT ALL ON ALL TABLES IN SCHEMA pgseam TO colleague_3;"
               "DROP TABLE pgseam.rollout, pgseam.rollout_event;"
               "UPDATE pgseam.meta SET value = '3' WHERE key = 'layout'")
    assert rollout(pgseam).out == "no rollouts\n"
    rollout(pgseam, "show", "r", expect=3)
    rollout(pgseam, "freeze", "r", "--because", "x", expect=3)
    assert db.scalar("SELECT to_regclass('pgseam.rollout')") is None
    rollout(pgseam, "set", "r", "dualwrite")
    assert db.scalar("SELECT value FROM pgseam.meta WHERE key = 'layout'") == layout
    rollout(pgseam, "set", "r", "shadow", role="colleague_3")
    assert [event["role"] for event in history(pgseam)] == ["postgres", "postgres", "colleague_3"]
    assert pgseam.run("status", "--format", "json").json()["migrations"][0]["state"] == "complete"


def test_a_publication_of_all_tables_is_not_surprised(db, pgseam):
    db.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    db.execute("SELECT pg_create_logical_replication_slot('of_a_subscriber', 'pgoutput')")
    assert "FOR ALL TABLES" in rollout(pgseam, "set", "r", "dualwrite", expect=3).err
    assert db.scalar("SELECT to_regnamespace('pgseam')") is None


# ---- what is written about it


def test_json_keys_are_documented(db, pgseam):
    at(pgseam, "live", percent="10")
    rollout(pgseam, "set", "r", "live", "--cohort", "1")
    printed = simple(flatten(rollout(pgseam, "--format", "json").json()["rollouts"][0]))
    events = rollout(pgseam, "history", "r", "--format", "json").json()
    db.execute("CREATE TABLE o (id int PRIMARY KEY, a int); CREATE TABLE n AS TABLE o; INSERT INTO o VALUES (1, 1)")
    rollout(pgseam, "compare", "r", "--old", "TABLE o", "--new", "TABLE n")
    taken = rollout(pgseam, "check", "r", "--format", "json", expect=3).json()
    at(pgseam, "shadow")
    db.execute("SELECT pgseam.rollout_report('r', '1', false, 'why')")
    printed |= simple(flatten(taken)) | simple(flatten(rollout(pgseam, "--format", "json").json()["rollouts"][0]))
    assert printed | simple(flatten(events)) | {"granted_to"} == simple(documented_keys("rollout"))


def test_the_pages_examples_run(db, pgseam, webapp):
    """Commands, and the application's queries, from top to bottom."""
    page = (DOCS / "rollout.md").read_text()
    db.execute("CREATE TABLE orders (id int PRIMARY KEY, total numeric); CREATE TABLE orders_v2 AS TABLE orders")
    commands = [line[2:] for block in blocks(page, "") for line in block.splitlines() if line.startswith("$ pgseam")]
    assert len(commands) >= 11
    for line in commands:
        _, command, *words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]
        pgseam.run(command, *words)
    for program in blocks(page, "python"):
        compile(program, "rollout.md", "exec")
    queries = blocks(page, "sql")
    assert len(queries) >= 4
    for query in queries:
        db.execute(query, role=webapp)


def test_help_names_the_stages(pgseam):
    text = rollout(pgseam, "--help").out
    assert "Example: pgseam rollout" in text
    assert re.findall(r"^  (\w+)   +", text, re.MULTILINE)[:6] == STAGES
