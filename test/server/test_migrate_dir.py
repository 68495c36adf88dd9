"""pgseam migrate and baseline: a folder of files in order, what ran and what it was then, other tools' ledgers."""

import re
import signal
import subprocess

import pytest
from harness import twin

FILES = {
    "001_age.sql": "ALTER TABLE users ADD COLUMN age int;\nUPDATE users SET age = 18 WHERE age IS NULL;\n",
    "002_status.sql": "CREATE INDEX orders_status ON orders (status);\n",
    "010_old_column.sql": "ALTER TABLE users DROP COLUMN old_column;\n",
    "11_note.sql": "ALTER TABLE orders ADD COLUMN note text;\n",
}
ALL = ["001_age", "002_status", "010_old_column", "11_note"]
TINY = {
    "1_a.sql": "CREATE TABLE tiny (id bigint PRIMARY KEY);\n",
    "2_b.sql": "ALTER TABLE tiny ADD COLUMN b int;\n",
    "3_c.sql": "ALTER TABLE tiny ADD COLUMN c int;\n",
}


def folder(pgseam, files=FILES, name="db"):
    for file, text in files.items():
        pgseam.file(f"{name}/{file}", text)
    return str(pgseam.folder / name)


def states(pgseam, path):
    """{name: state} by the ledger."""
    return {f["name"]: f["state"] for f in pgseam.run("migrate", path, "--status", "--format", "json").json()["files"]}


def columns(db, table):
    return {row[0] for row in db.query("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                                       " AND NOT attisdropped", [table])}


def test_a_folder_stops_where_the_old_application_would_break(any_cluster, shop, pgseam, load):
    """Under load of the old application, which is replaced at the gate."""
    path = folder(pgseam)
    run = load(old=4, disturb=True)
    said = pgseam.run("migrate", path, expect=3)
    assert "010_old_column is at the gate, and 1 file waits behind it" in said.err
    assert "pgseam complete 010_old_column" in said.err and "--complete" in said.err
    assert states(pgseam, path) == dict(zip(ALL, ["applied", "applied", "gated", "pending"]))
    assert "old_column" in columns(shop, "users") and "note" not in columns(shop, "orders")
    # Again: the same answer, and nothing is contracted.
    pgseam.run("migrate", path, "--no-complete", expect=3)
    run.new(4)
    run.old(0)
    pgseam.run("complete")
    assert "11_note: complete" in pgseam.run("migrate", path).out
    assert set(states(pgseam, path).values()) == {"applied"}
    assert "old_column" not in columns(shop, "users") and "note" in columns(shop, "orders")
    assert "nothing to do" in pgseam.run("migrate", path).out
    run.stop().assert_clean()


def test_the_last_file_may_stay_at_the_gate(shop, pgseam):
    """No file waits, so that a deployment that runs it again gets the same answer: 0, and where it is."""
    path = folder(pgseam, {name: FILES[name] for name in list(FILES)[:3]})
    for _ in range(2):
        assert "010_old_column: gated" in pgseam.run("migrate", path).out
    assert "old_column" in columns(shop, "users")
    pgseam.run("migrate", path, "--complete-earlier")
    assert states(pgseam, path)["010_old_column"] == "gated"
    folder(pgseam)
    pgseam.run("migrate", path, expect=3)
    pgseam.run("migrate", path, "--complete-earlier")
    assert "old_column" not in columns(shop, "users")
    assert set(states(pgseam, path).values()) == {"applied"}


def test_complete_goes_through_to_what_psql_gives(shop, pgseam, cluster):
    path = folder(pgseam)
    with cluster.database() as other:
        from harness import init_shop
        init_shop(other, users=20000)
        for name in FILES:
            twin.psql(other, pgseam.folder / "db" / name)
        pgseam.run("migrate", path, "--complete")
        shop.execute("DROP SCHEMA pgseam CASCADE")
        twin.assert_same(other.dump_schema(), shop.dump_schema(), "migrate --complete and psql")
        assert other.data_digest("users") == shop.data_digest("users")


@pytest.mark.parametrize("fault", ["step.begin:kill", "step.intent:kill:2", "guard.committed:kill", "batch.work:kill:2", "batch.committed:kill",
                                   "phase.end:kill", "phase.end:kill:2", "phase.end:kill:3", "phase.end:kill:4", "alone.after:kill",
                                   "step.verified:kill:5"])
def test_killed_anywhere_the_same_command_goes_on(shop, pgseam, fault):
    path = folder(pgseam)
    pgseam.run("migrate", path, "--complete", "--max-batch", "3000", env={"PGSEAM_FAULT": fault}, expect=-signal.SIGKILL)
    before = states(pgseam, path)
    assert set(before.values()) != {"applied"}
    pgseam.run("migrate", path, "--complete")
    assert set(states(pgseam, path).values()) == {"applied"}
    assert shop.query("SELECT name, count(*) FROM pgseam.migration GROUP BY name HAVING count(*) > 1") == []
    assert shop.scalar("SELECT count(*) FROM pgseam.ledger") == 4
    assert shop.scalar("SELECT count(*) FROM users WHERE age IS DISTINCT FROM 18") == 0
    assert shop.scalar("SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid = 'orders_status'::regclass")


def test_killed_again_and_again_under_load(shop, pgseam, load):
    """At any moment, each time a little later; both applications could be running."""
    path = folder(pgseam, {name: text for name, text in FILES.items() if "DROP" not in text})
    run = load(old=2, disturb=True)
    kills = 0
    while kills < 40:
        running = pgseam.spawn("migrate", path, "--max-batch", "1000", "--load", "50", "--lease-timeout", "3")
        try:
            running.process.wait(0.05 + 0.05 * kills)
            break
        except subprocess.TimeoutExpired:
            running.kill9()
            kills += 1
    assert kills >= 3 and running.wait().rc == 0, running.err
    assert set(states(pgseam, path).values()) == {"applied"}
    assert shop.query("SELECT name, state FROM pgseam.migration ORDER BY id") == [(n, "complete") for n in ALL if "old" not in n]
    run.stop().assert_clean()


def test_a_file_that_fails_is_mended_and_goes_on(db, pgseam):
    path = folder(pgseam, {"1_a.sql": "CREATE TABLE tiny (id bigint PRIMARY KEY, a int);\nINSERT INTO tiny VALUES (1, -1);\n"})
    pgseam.run("migrate", path)
    folder(pgseam, {"2_b.sql": "ALTER TABLE tiny ADD CONSTRAINT positive CHECK (a > 0);\n", "3_c.sql": TINY["3_c.sql"]})
    pgseam.run("migrate", path, "--complete", expect=1)
    assert states(pgseam, path) == {"1_a": "applied", "2_b": "under way", "3_c": "pending"}
    db.execute("UPDATE tiny SET a = 1")
    pgseam.run("migrate", path, "--complete")
    assert set(states(pgseam, path).values()) == {"applied"}


def test_rolled_back_it_is_pending_again_and_may_have_changed(shop, pgseam):
    path = folder(pgseam)
    pgseam.run("migrate", path, expect=3)
    pgseam.run("rollback")
    assert states(pgseam, path)["010_old_column"] == "pending"
    folder(pgseam, {"010_old_column.sql": "-- another one\nALTER TABLE users ADD COLUMN other int;\n"})
    pgseam.run("migrate", path)
    assert set(states(pgseam, path).values()) == {"applied"} and "other" in columns(shop, "users")


def test_the_row_of_an_attempt_that_was_taken_back_says_nothing(shop, pgseam):
    """Changed since then, and started by hand: it is that start's text which counts."""
    path = folder(pgseam)
    pgseam.run("migrate", path, expect=3)
    pgseam.run("rollback")
    folder(pgseam, {"010_old_column.sql": "-- another one\nALTER TABLE users ADD COLUMN other int;\n"})
    pgseam.run("start", f"{path}/010_old_column.sql")
    assert states(pgseam, path)["010_old_column"] == "applied"
    pgseam.run("migrate", path)
    assert set(states(pgseam, path).values()) == {"applied"}


def test_a_changed_file_is_refused_until_it_is_accepted(db, pgseam):
    path = folder(pgseam, TINY)
    pgseam.run("migrate", path)
    old = db.scalar("SELECT checksum FROM pgseam.ledger WHERE name = '2_b'")
    folder(pgseam, {"2_b.sql": TINY["2_b.sql"] + "-- a remark\n", "4_d.sql": "ALTER TABLE tiny ADD COLUMN d int;\n"})
    said = pgseam.run("migrate", path, expect=3).err
    assert old in said and "db/2_b.sql has changed since it was run" in said and "--accept-changed" in said
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", said))) == 2
    assert "d" not in columns(db, "tiny")
    pgseam.run("migrate", path, "--accept-changed", "2_b")
    pgseam.run("migrate", path)
    assert "d" in columns(db, "tiny")


def test_a_file_started_by_hand_counts(db, pgseam):
    path = folder(pgseam, TINY)
    pgseam.run("start", f"{path}/1_a.sql")
    assert states(pgseam, path) == {"1_a": "applied", "2_b": "pending", "3_c": "pending"}
    pgseam.run("migrate", path)
    folder(pgseam, {"1_a.sql": "CREATE TABLE tiny ();\n"})
    assert "1_a.sql has changed" in pgseam.run("migrate", path, expect=3).err
    pgseam.run("migrate", path, "--accept-changed", "1_a.sql")
    pgseam.run("migrate", path)


def test_files_out_of_order_and_vanished_ones(db, pgseam):
    path = folder(pgseam, {name: TINY[name] for name in ("1_a.sql", "3_c.sql")})
    pgseam.run("migrate", path)
    folder(pgseam, TINY)
    said = pgseam.run("migrate", path, expect=3)
    assert "2_b.sql comes before files that have been applied" in said.err and "--out-of-order" in said.err
    pgseam.run("migrate", path, "--out-of-order")
    assert columns(db, "tiny") == {"id", "b", "c"}
    (pgseam.folder / "db" / "2_b.sql").unlink()
    said = pgseam.run("migrate", path)
    assert "2_b has vanished" in said.err and "nothing to do" in said.out
    # Its number under another name would be run a second time.
    folder(pgseam, {"2_bee.sql": TINY["2_b.sql"]})
    assert "seems to be 2_b" in pgseam.run("migrate", path, "--out-of-order", expect=3).err


def test_up_to_a_file(db, pgseam):
    path = folder(pgseam, TINY)
    pgseam.run("migrate", path, "--to", "2_b")
    assert columns(db, "tiny") == {"id", "b"}
    assert "there is no file 9" in pgseam.run("migrate", path, "--to", "9", expect=2).err


def test_dry_run_and_status_change_nothing(db, pgseam):
    path = folder(pgseam, TINY)
    before = db.dump_schema()
    said = pgseam.run("migrate", path, "--dry-run").out
    assert "3 files: 0 applied, 0 gated, 0 under way, 3 pending" in said and "table.create" in said and "planned when it is their turn" in said
    document = pgseam.run("migrate", path, "--dry-run", "--format", "json").json()
    assert document["plan"]["migration"] == "1_a" and [f["state"] for f in document["files"]] == ["pending"] * 3
    pgseam.run("migrate", path, "--status")
    assert db.dump_schema() == before


def test_a_file_that_cannot_be_read_stops_before_the_first_runs(db, pgseam):
    path = folder(pgseam, {**TINY, "9_z.sql": "SELECT 'open;\n"})
    assert "9_z.sql:1" in pgseam.run("migrate", path, expect=3).err
    assert db.scalar("SELECT to_regclass('tiny')") is None


LAYOUTS = {
    "numbers": {"1_a.sql": "{0}", "2_b.sql": "{1}", "10_c.sql": "{2}"},
    "flyway": {"V1__a.sql": "{0}", "V1_2__b.sql": "{1}", "V1_10__c.sql": "{2}", "U1_10__c.sql": "DROP TABLE tiny;"},
    "pairs": {"1_a.up.sql": "{0}", "1_a.down.sql": "DROP TABLE tiny;", "2_b.up.sql": "{1}", "10_c.up.sql": "{2}"},
    "two folders": {"up/1_a.sql": "{0}", "up/2_b.sql": "{1}", "up/10_c.sql": "{2}", "down/1_a.sql": "DROP TABLE tiny;"},
    "diesel": {"2024-01-01-000000_a/up.sql": "{0}", "2024-01-01-000000_a/down.sql": "DROP TABLE tiny;",
               "2024-01-02-000000_b/up.sql": "{1}", "2024-10-01-000000_c/up.sql": "{2}"},
    "goose": {f"{n}.sql": f"-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\n{{{i}}}\n-- +goose StatementEnd\n"
                          "-- +goose Down\nDROP TABLE tiny;\n" for i, n in enumerate(("00001_a", "00002_b", "00010_c"))},
    "dbmate": {f"{n}.sql": f"-- migrate:up transaction:false\n{{{i}}}\n\n-- migrate:down\nDROP TABLE tiny;\n"
               for i, n in enumerate(("20240101000000_a", "20240102000000_b", "20241001000000_c"))},
    "sql-migrate": {f"{n}.sql": f"-- +migrate Up\n{{{i}}}\n-- +migrate Down\nDROP TABLE tiny;\n" for i, n in enumerate(("1-a", "2-b", "10-c"))},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(db, pgseam, layout):
    statements = [text.strip() for text in TINY.values()]
    path = folder(pgseam, {name: text.format(*statements) for name, text in LAYOUTS[layout].items()})
    pgseam.run("migrate", path)
    assert columns(db, "tiny") == {"id", "b", "c"}
    assert list(states(pgseam, path).values()) == ["applied"] * 3
    assert "nothing to do" in pgseam.run("migrate", path).out


def test_a_message_has_the_line_of_the_users_file(db, pgseam):
    path = folder(pgseam, {"1_a.sql": "-- +goose Up\n\nCREATE TABLE tiny (id int);\n\n-- +goose Down\nDROP TABLE tiny;\n",
                           "2_b.sql": "-- a remark\n-- +goose Up\n\nALTER TABLE nothing ADD x int;\n-- +goose Down\nnonsense\n"})
    assert re.search(r"2_b\.sql:4", pgseam.run("migrate", path, expect=3).err)


def test_start_takes_the_same_part_and_the_same_name(db, pgseam):
    path = folder(pgseam, {"1_a.sql": "-- +goose Up\nCREATE TABLE tiny (id int);\n-- +goose Down\nDROP TABLE tiny;\n"})
    pgseam.run("start", f"{path}/1_a.sql")
    assert columns(db, "tiny") == {"id"} and states(pgseam, path) == {"1_a": "applied"}
    path = folder(pgseam, {"1_b.up.sql": "ALTER TABLE tiny ADD b int;\n"}, "pairs")
    pgseam.run("start", f"{path}/1_b.up.sql")
    assert states(pgseam, path) == {"1_b": "applied"}


def test_the_server_restarts_while_a_file_runs(shop, pgseam, cluster):
    path = folder(pgseam)
    running = pgseam.spawn("migrate", path, "--complete", "--max-batch", "500", "--load", "20")
    running.wait_output("backfill.update")
    cluster.restart("immediate")
    running.wait(expect=0)
    assert set(states(pgseam, path).values()) == {"applied"}


# What the other tool left in the database; which files of 1 to 4 are then applied, or what is refused.
LEDGERS = {
    "goose": ("CREATE TABLE goose_db_version (id int GENERATED ALWAYS AS IDENTITY, version_id bigint, is_applied bool, tstamp timestamp);"
              "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (3, true), (3, false)", "12"),
    "dbmate": ("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); INSERT INTO schema_migrations VALUES ('1'), ('2')", "12"),
    "rails": ("CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('1'), ('3')", "13"),
    "golang-migrate": ("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty bool); INSERT INTO schema_migrations VALUES (3, false)", "123"),
    "flyway": ("CREATE TABLE flyway_schema_history (installed_rank int, version varchar(50), type varchar(20), success bool);"
               "INSERT INTO flyway_schema_history VALUES (1, '1', 'BASELINE', true), (2, '2', 'SQL', true), (3, NULL, 'SQL', true)", "12"),
    "diesel": ("CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp DEFAULT now());"
               "INSERT INTO __diesel_schema_migrations VALUES ('00000000000001')", "1"),
    "sql-migrate": ("CREATE TABLE gorp_migrations (id text PRIMARY KEY, applied_at timestamptz); INSERT INTO gorp_migrations VALUES ('1_a.sql')", "1"),
}
REFUSED_LEDGERS = {
    "dirty": (LEDGERS["golang-migrate"][0].replace("false", "true"), "version 3 stopped half-way"),
    "failed": (LEDGERS["flyway"][0].replace("'SQL', true), (3", "'SQL', false), (3"), "version 2 stopped half-way"),
    "no file": (LEDGERS["dbmate"][0].replace("'2'", "'7'"), "version 7 has no file"),
    "none": ("SELECT 1", "no ledger of another tool"),
    "two": (LEDGERS["dbmate"][0] + ";" + LEDGERS["goose"][0], "two ledgers"),
}
FOUR = {**TINY, "4_d.sql": "ALTER TABLE tiny ADD COLUMN d int;\n"}


@pytest.mark.parametrize("tool", LEDGERS)
def test_another_tools_ledger_is_adopted(db, pgseam, tool):
    made, applied = LEDGERS[tool]
    db.execute(f"{made}; CREATE TABLE tiny (id bigint PRIMARY KEY)")
    path = folder(pgseam, FOUR)
    for word in ("--adopt", f"--adopt={tool}"):
        noted = pgseam.run("baseline", word, path, "--dry-run", "--format", "json").json()
        assert [name[0] for name in noted["noted"]] == list(applied) and noted["dry_run"]
        assert db.scalar("SELECT to_regnamespace('pgseam')") is None
    pgseam.run("baseline", path, f"--adopt={tool}")
    found = states(pgseam, path)
    assert {name[0] for name, state in found.items() if state == "applied"} == set(applied)
    assert db.query("SELECT DISTINCT kind FROM pgseam.ledger") == [("adopted",)]


@pytest.mark.parametrize("case", REFUSED_LEDGERS)
def test_a_ledger_that_cannot_be_taken_over_is_refused(db, pgseam, case):
    made, reason = REFUSED_LEDGERS[case]
    db.execute(made)
    assert reason in pgseam.run("baseline", folder(pgseam, FOUR), "--adopt", expect=3).err
    assert db.scalar("SELECT to_regnamespace('pgseam')") is None


def test_baseline_and_on(db, pgseam):
    db.execute(TINY["1_a.sql"] + TINY["2_b.sql"])
    path = folder(pgseam, TINY)
    before = db.dump_schema()
    assert "2 files would be noted" in pgseam.run("baseline", path, "--to", "2_b", "-n").out
    assert db.dump_schema() == before
    pgseam.run("baseline", path, "--to", "2_b")
    pgseam.run("migrate", path)
    assert columns(db, "tiny") == {"id", "b", "c"}
    assert "ledger has rows already" in pgseam.run("baseline", path, expect=3).err
    assert "leave out --to" in pgseam.run("baseline", path, "--adopt", "--to", "2_b", expect=2).err
    assert "not known" in pgseam.run("baseline", path, "--adopt=sqitch", expect=2).err


def test_no_baseline_over_what_is_half_done(shop, pgseam):
    path = folder(pgseam)
    pgseam.run("start", f"{path}/010_old_column.sql")
    assert "010_old_column is gated" in pgseam.run("baseline", path, expect=3).err
    pgseam.run("baseline", path, "--to", "002_status")


def test_two_at_a_time_run_nothing_twice(shop, pgseam):
    path = folder(pgseam)
    both = [pgseam.spawn("migrate", path, "--complete", "--max-batch", "500", "--load", "30") for _ in range(2)]
    assert sorted(process.wait().rc for process in both) in ([0, 0], [0, 3])
    pgseam.run("migrate", path, "--complete")
    assert shop.query("SELECT name, state FROM pgseam.migration ORDER BY id") == [(name, "complete") for name in ALL]


def test_a_paused_file_and_one_on_its_way_back_are_not_touched(shop, pgseam):
    path = folder(pgseam)
    pgseam.run("migrate", path, "--max-batch", "500", env={"PGSEAM_FAULT": "batch.committed:kill:2"}, expect=-signal.SIGKILL)
    shop.execute("UPDATE pgseam.migration SET is_paused = true")
    assert "is paused" in pgseam.run("migrate", path, expect=3).err
    shop.execute("UPDATE pgseam.migration SET is_paused = false")
    pgseam.run("rollback", env={"PGSEAM_FAULT": "undo.begin:kill"}, expect=-signal.SIGKILL)
    assert "being rolled back" in pgseam.run("migrate", path, expect=3).err
    pgseam.run("rollback")
    pgseam.run("migrate", path, "--complete")


def test_the_ledger_comes_to_an_older_journal(db, pgseam):
    path = folder(pgseam, TINY)
    pgseam.run("start", f"{path}/1_a.sql")
    db.execute("DROP TABLE pgseam.ledger; UPDATE pgseam.meta SET value = '3' WHERE key = 'layout'")
    assert states(pgseam, path)["1_a"] == "applied"
    pgseam.run("migrate", path)
    assert set(states(pgseam, path).values()) == {"applied"}
