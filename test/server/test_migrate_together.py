"""pgseam migrate --together: the pending files as one migration with one gate, never past a version that is in use."""

import re
import signal
import subprocess
import time

import pytest
from harness import Load, init_shop

TINY = {
    "1_a.sql": "CREATE TABLE tiny (id bigint PRIMARY KEY, a int)",
    "2_b.sql": "-- adds\n\nALTER TABLE tiny ADD COLUMN b int;\n-- the end",
    "3_c.sql": "ALTER TABLE tiny ADD COLUMN c int; -- the end",
}
RELEASE = {
    "1_age.sql": "-- pgseam: version v2\n-- pgseam: up age = 18\nALTER TABLE users ADD COLUMN age int;\n",
    "2_balance.sql": "-- pgseam: down balance = balance::bigint\nALTER TABLE users ALTER COLUMN balance TYPE numeric;\n",
    "3_old.sql": "-- pgseam: version v2\nALTER TABLE users DROP COLUMN old_column;\n",
}
SEVERAL = {
    "1_age.sql": "ALTER TABLE users ADD COLUMN age int;\nUPDATE users SET age = 18 WHERE age IS NULL;\n",
    "2_status.sql": "CREATE INDEX orders_status ON orders (status);\n",
    "3_old.sql": "ALTER TABLE users DROP COLUMN old_column;\n",
}
JOINT = "1_age..3_old"


def folder(pgseam, files):
    for file, text in files.items():
        pgseam.file(f"db/{file}", text)
    return str(pgseam.folder / "db")


def ledger(pgseam, path):
    """[(name, state, migration)] of the folder's files."""
    files = pgseam.run("migrate", path, "--status", "--format", "json").json()["files"]
    return [(file["name"], file["state"], file["migration"]) for file in files]


def states(pgseam, path):
    return [state for _, state, _ in ledger(pgseam, path)]


def migrations(db):
    return db.query("SELECT name, state FROM pgseam.migration ORDER BY id")


def columns(db, table):
    return {row[0] for row in db.query("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                                       " AND NOT attisdropped", [table])}


def test_a_release_of_several_files_has_one_gate_on_every_major(any_cluster, db, pgseam):
    init_shop(db, users=500)
    path = folder(pgseam, RELEASE)
    pgseam.run("migrate", path, "--together")
    assert ledger(pgseam, path) == [(name, "gated", JOINT) for name in ("1_age", "2_balance", "3_old")]
    pgseam.run("complete", JOINT, "--look", "0")
    assert set(states(pgseam, path)) == {"applied"} and "nothing to do" in pgseam.run("migrate", path, "--together").out


def test_under_load_of_both_releases(db, pgseam):
    """Of the old one, then of both, then of the new one; further files arrive meanwhile."""
    init_shop(db, users=20000)
    path = folder(pgseam, RELEASE)
    load = Load(db, old=2, new=0, rate=1000, new_path="v2, public")
    load.start()
    try:
        assert f"{JOINT}: gated" in pgseam.run("migrate", path, "--together").out
        load.new(2)
        folder(pgseam, {"4_note.sql": "ALTER TABLE orders ADD COLUMN note text;\n", "5_b.sql": "ALTER TABLE orders ADD COLUMN b int;\n"})
        said = pgseam.run("migrate", path, "--together", expect=3).err
        assert f"migration {JOINT} is at the gate, and 2 files wait behind it" in said
        said = pgseam.run("migrate", path, "--complete-earlier", "--together", expect=3).err
        assert "the old application still uses the tables" in said
        assert states(pgseam, path) == ["gated"] * 3 + ["pending"] * 2
        load.old(0)
        time.sleep(0.3)
        pgseam.run("complete", "--look", "300ms")
        pgseam.run("migrate", path, "--together")
        time.sleep(0.3)
        report = load.stop()
    finally:
        load.abandon()
    report.assert_clean(at_least=1000)
    assert set(states(pgseam, path)) == {"applied"}
    assert migrations(db) == [(JOINT, "complete"), ("4_note..5_b", "complete")]


def test_a_slow_old_application_is_seen_before_the_gate_is_left(db, pgseam):
    """It works once a second: less often than the short look of an empty database is long."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int)")
    path = folder(pgseam, {"1_v.sql": "-- pgseam: version v2\nALTER TABLE t RENAME a TO z;\n", "2_b.sql": "ALTER TABLE t DROP COLUMN b;\n"})
    pgseam.run("migrate", path, "--together")
    with db.connect() as conn:
        conn.autocommit = True
        running = pgseam.spawn("migrate", path, "--complete")
        while running.process.poll() is None:
            time.sleep(0.8)
            conn.execute("SELECT a FROM t, pg_sleep(0.1)")
        assert "the old application still uses" in running.wait().err and running.process.returncode == 3
    begun = time.monotonic()
    pgseam.run("migrate", path, "--complete")
    assert columns(db, "t") == {"id", "z"} and time.monotonic() - begun < 4


def test_an_old_application_that_has_come_back_stops_a_contract_that_was_begun(db, pgseam):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    path = folder(pgseam, {"1_v.sql": "-- pgseam: version v2\nALTER TABLE t RENAME a TO z;\n", "2_b.sql": "ALTER TABLE t ADD COLUMN b int;\n"})
    pgseam.run("migrate", path, "--together")
    pgseam.run("migrate", path, "--complete", env={"PGSEAM_FAULT": "step.begin:kill"}, expect=-signal.SIGKILL)
    assert states(pgseam, path) == ["under way"] * 2
    with db.connect() as conn, conn.transaction():
        conn.execute("SELECT a FROM t")
        assert "the old application still uses" in pgseam.run("migrate", path, expect=3).err
    pgseam.run("migrate", path)
    assert states(pgseam, path) == ["applied"] * 2 and "z" in columns(db, "t")


def test_a_file_behind_takes_nothing_from_a_version_that_is_there(db, pgseam):
    """The completed version's views are the application's: neither by turns nor together."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int)")
    path = folder(pgseam, {"1_v.sql": "-- pgseam: version v2\nALTER TABLE t RENAME a TO z;\n"})
    pgseam.run("migrate", path)
    folder(pgseam, {"2_b.sql": "ALTER TABLE t DROP COLUMN b;\n", "3_c.sql": "ALTER TABLE t ADD COLUMN c int;\n"})
    for words in (["--complete-earlier"], ["--complete"], ["--together", "--complete"]):
        said = pgseam.run("migrate", path, *words, expect=3).err
        assert "view v2.t" in said and "pgseam version drop" in said
        assert states(pgseam, path) == ["applied", "pending", "pending"] and "b" in columns(db, "t")
    assert db.query("SELECT id, z, b FROM v2.t") == []


@pytest.mark.parametrize("fault", ["step.intent:kill:2", "batch.committed:kill", "phase.end:kill:2", "step.verified:kill:3"])
def test_killed_anywhere_either_command_goes_on(shop, pgseam, fault):
    path = folder(pgseam, SEVERAL)
    command = ["migrate", path, "--complete", "--max-batch", "9000"]
    pgseam.run(*command, "--together", env={"PGSEAM_FAULT": fault}, expect=-signal.SIGKILL)
    assert {(state, name) for _, state, name in ledger(pgseam, path)} == {("under way", JOINT)} or fault.startswith("phase")
    pgseam.run(*command, *(["--together"] if fault.startswith("step") else []))
    assert set(states(pgseam, path)) == {"applied"} and migrations(shop) == [(JOINT, "complete")]
    assert shop.scalar("SELECT count(*) FROM users WHERE age IS DISTINCT FROM 18") == 0
    assert "old_column" not in columns(shop, "users")


def test_killed_between_two_rows_of_the_ledger(db, pgseam):
    """All rows and the migration, or nothing; and another pgseam that begins at the same time gets in nobody's way."""
    path = folder(pgseam, TINY)
    pgseam.file("other/0.sql", "CREATE TABLE other (id int);\n")
    pgseam.run("migrate", pgseam.folder / "other")
    db.execute("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = '2_b' THEN PERFORM pg_sleep(1); END IF;"
               " RETURN NEW; END $$; CREATE TRIGGER slow BEFORE INSERT ON pgseam.ledger FOR EACH ROW EXECUTE FUNCTION slow()")
    running = pgseam.spawn("migrate", path, "--together")
    while not db.scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
        time.sleep(0.02)
    running.kill9()
    assert ledger(pgseam, path)[:3] == [(name, "pending", None) for name in ("1_a", "2_b", "3_c")]
    pair = [pgseam.spawn("migrate", path, *words) for words in (["--together"], [])]
    codes = sorted(running.wait().rc for running in pair)
    assert codes[0] == 0, [running.err for running in pair]
    pgseam.run("migrate", path, "--together")
    assert columns(db, "tiny") == {"id", "a", "b", "c"} and set(states(pgseam, path)) == {"applied"}


def test_messages_and_plan_name_file_and_line(db, pgseam):
    path = folder(pgseam, TINY)
    said = pgseam.run("migrate", path, "--together", "--dry-run").out
    assert f"(line 3 of {path}/2_b.sql)" in said and said.count("expand:") == 1 and "their turn" not in said
    plan = pgseam.run("migrate", path, "--together", "--dry-run", "--format", "json").json()["plan"]
    assert plan["migration"] == "1_a..3_c"
    assert [(step["file"], step["line"]) for step in plan["steps"]] == [(f"{path}/{n}.sql", line) for n, line in (("1_a", 1), ("2_b", 3), ("3_c", 1))]
    folder(pgseam, {"2_b.sql": "\n\nALTER TABLE tiny\n  ADD COLUMN IF NOT EXISTS a int;\nALTER TABLE nothing ADD x int;\n"})
    said = pgseam.run("migrate", path, "--together", expect=3).err
    assert f"{path}/2_b.sql:5:1" in said and "--to 1_a" in said and "without --together" in said
    assert db.scalar("SELECT to_regclass('tiny')") is None
    # Once it runs: the statement that fails is named by its own line, and going on does not begin anew.
    folder(pgseam, {"2_b.sql": "\nINSERT INTO tiny VALUES (1, 0);\n\nALTER TABLE tiny ADD COLUMN d int;\n"})
    pgseam.run("migrate", path, "--to", "1_a")
    folder(pgseam, {"2_b.sql": "ALTER TABLE tiny ADD CHECK (a > 0);\n", "3_c.sql": "\n\nALTER TABLE tiny ALTER a SET NOT NULL;\n"})
    db.execute("INSERT INTO tiny VALUES (1, NULL)")
    said = pgseam.run("migrate", path, "--together", "--complete", expect=1).err
    db.execute("UPDATE tiny SET a = 1")
    pgseam.run("migrate", path, "--complete")
    assert set(states(pgseam, path)) == {"applied"} and migrations(db)[-1] == ("2_b..3_c", "complete")


def test_what_cannot_go_together_is_refused_with_the_way_out(db, pgseam):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    version = "-- pgseam: version {}\nALTER TABLE t ADD COLUMN {} int;\n"
    path = folder(pgseam, {"1_a.sql": "ALTER TABLE t RENAME a TO b;\n", "2_b.sql": "UPDATE t SET b = 1;\n", "3_c.sql": version.format("v2", "c")})
    said = pgseam.run("migrate", path, "--together", expect=3).err
    assert "2_b.sql:1" in said and "--to 1_a" in said
    folder(pgseam, {"1_a.sql": "-- pgseam: version v2\nALTER TABLE t RENAME a TO b2;\n", "2_b.sql": version.format("v2", "b"), "3_c.sql": version.format("v3", "c")})
    said = pgseam.run("migrate", path, "--together", expect=3).err
    assert "3_c.sql:1" in said and 'an earlier file makes version "v2"' in said and "--to 2_b" in said
    folder(pgseam, {"2_b.sql": "ALTER TABLE t ADD COLUMN b int;\n-- pgseam: version v2\n"})
    assert "2_b.sql:2:1" in pgseam.run("migrate", path, "--together", expect=3).err
    folder(pgseam, {"2_b.sql": "-- pgseam: file x.sql\nALTER TABLE t ADD COLUMN b int;\n"})
    assert "2_b.sql" in pgseam.run("migrate", path, "--together", expect=3).err
    assert columns(db, "t") == {"id", "a"} and set(states(pgseam, path)) == {"pending"}


def test_rows_that_cannot_be_computed_are_the_matter_of_each_file(db, pgseam):
    """A file that says nothing refuses them, whatever another one says; the same may stand in each."""
    db.execute("CREATE TABLE s (id int PRIMARY KEY, x text); CREATE TABLE t (id int PRIMARY KEY, y text); INSERT INTO s VALUES (1, '1'), (2, 'x')")
    change = "-- pgseam: version v2\n{}-- pgseam: down {c} = {c}::text\nALTER TABLE {t} ALTER COLUMN {c} TYPE int USING {c}::int;\n"
    said = "-- pgseam: on-error quarantine\n"
    for one, other, word in ((said, "", "this one does not"), ("", said, "this one does not"), (said, "-- pgseam: on-error reject\n", "a migration has one"),
                             (said * 2, said, "stands once")):
        path = folder(pgseam, {"1_s.sql": change.format(one, t="s", c="x"), "2_t.sql": change.format(other, t="t", c="y")})
        assert word in pgseam.run("migrate", path, "--together", expect=3).err
    folder(pgseam, {"1_s.sql": change.format(said, t="s", c="x"), "2_t.sql": change.format(said, t="t", c="y"),
                    "3_u.sql": "CREATE TABLE u (id int PRIMARY KEY);\n"})
    pgseam.run("migrate", path, "--together")
    assert [row["key"] for row in pgseam.run("version", "quarantine", "--format", "json").json()["rows"]] == [{"id": 2}]


def test_a_lone_file_is_as_without(db, pgseam):
    path = folder(pgseam, TINY)
    pgseam.run("migrate", path, "--together", "--to", "1_a")
    assert ledger(pgseam, path)[:2] == [("1_a", "applied", "1_a"), ("2_b", "pending", None)]
    folder(pgseam, {"2_b.sql": "ALTER TABLE nothing ADD b int;\n"})
    said = pgseam.run("migrate", path, "--together", "--to", "2_b", expect=3).err
    assert "2_b.sql:1" in said and "--to" not in said


def test_files_that_are_one_migration_stay_one(shop, pgseam):
    path = folder(pgseam, SEVERAL)
    pgseam.run("migrate", path, "--together")
    assert f"gated      migrated" in pgseam.run("migrate", path, "--status").out and f", in {JOINT}\n" in pgseam.run("migrate", path, "--status").out
    said = pgseam.run("migrate", path, "--to", "2_status", expect=3).err
    assert f"1_age is gated as part of migration {JOINT}, which 3_old belongs to" in said
    assert f"part of migration {JOINT}" in pgseam.run("start", f"{path}/2_status.sql", expect=None).err
    # A file that has changed is refused, and its new text may be accepted.
    old = shop.scalar("SELECT checksum FROM pgseam.ledger WHERE name = '2_status'")
    folder(pgseam, {"2_status.sql": SEVERAL["2_status.sql"] + "-- more\n"})
    said = pgseam.run("migrate", path, expect=3).err
    assert old in said and len(set(re.findall(r"\b[0-9a-f]{64}\b", said))) == 2
    pgseam.run("migrate", path, "--accept-changed", "2_status")
    assert ledger(pgseam, path)[1] == ("2_status", "gated", JOINT)
    # Without the option it is gone on with; a file in between is late, and waits for the gate as well.
    assert f"{JOINT}: gated" in pgseam.run("migrate", path).out
    folder(pgseam, {"2_then.sql": "ALTER TABLE orders ADD x int;\n"})
    (pgseam.folder / "db" / "2_then.sql").rename(pgseam.folder / "db" / "02.5_then.sql")
    assert "comes before files" in pgseam.run("migrate", path, "--together", expect=3).err
    assert "1 file waits" in pgseam.run("migrate", path, "--together", "--out-of-order", expect=3).err
    # Taken back, all of them are pending, and may be run in any other way.
    pgseam.run("rollback")
    assert states(pgseam, path) == ["pending"] * 4 and "age" not in columns(shop, "users")
    pgseam.run("migrate", path, "--to", "1_age")
    pgseam.run("migrate", path, "--together", "--complete")
    assert ledger(pgseam, path) == [("1_age", "applied", "1_age")] + [(n, "applied", "2_status..3_old") for n in ("2_status", "02.5_then", "3_old")]
    assert "was run as part of migration" in pgseam.run("start", f"{path}/3_old.sql", expect=3).err


def test_vanished_files_and_a_baseline(db, pgseam):
    path = folder(pgseam, TINY)
    db.execute(TINY["1_a.sql"])
    pgseam.run("baseline", path, "--to", "1_a")
    pgseam.run("migrate", path, "--together")
    assert ledger(pgseam, path) == [("1_a", "applied", None)] + [(n, "applied", "2_b..3_c") for n in ("2_b", "3_c")]
    (pgseam.folder / "db" / "2_b.sql").unlink()
    assert "2_b has vanished" in pgseam.run("migrate", path, "--together").err
    folder(pgseam, {"2_bee.sql": TINY["2_b.sql"]})
    assert "seems to be 2_b" in pgseam.run("migrate", path, "--together", "--out-of-order", expect=3).err


def test_rows_of_the_former_program_go_on(db, pgseam):
    path = folder(pgseam, TINY)
    pgseam.run("migrate", path, "--to", "1_a")
    before = db.query("SELECT * FROM pgseam.ledger")
    db.execute("UPDATE pgseam.meta SET value = '6' WHERE key = 'layout'")
    assert states(pgseam, path) == ["applied", "pending", "pending"]
    pgseam.run("migrate", path, "--together")
    assert set(states(pgseam, path)) == {"applied"} and set(before) < set(db.query("SELECT * FROM pgseam.ledger"))
    # An older one would take the files for ones that never ran, and must not read this journal.
    assert db.scalar("SELECT value::int FROM pgseam.meta WHERE key = 'layout'") >= 7


def test_names_are_short_and_say_which(db, pgseam):
    long = "x" * 40
    path = folder(pgseam, {f"20240101_{long}.sql": TINY["1_a.sql"], f"20240102_{long}.sql": TINY["2_b.sql"]})
    pgseam.run("migrate", path, "--together")
    assert migrations(db) == [("20240101..20240102", "complete")]
    path = str(pgseam.folder / "plain")
    for n in "ab":
        pgseam.file(f"plain/{n}{long}.sql", f"ALTER TABLE tiny ADD COLUMN z{n} int;\n")
    pgseam.run("migrate", path, "--together", "--out-of-order")
    name = migrations(db)[-1][0]
    assert len(name) == 63 and name.startswith(f"a{long}..b")
