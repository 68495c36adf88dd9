"""pgseam repack: bloat gone, rows and columns in another order, one table or all that have something to gain."""

import json

import pytest

SETUP = """
CREATE TABLE wares (id int PRIMARY KEY, name text NOT NULL, kind int);
CREATE INDEX wares_kind ON wares (kind);
INSERT INTO wares SELECT g, 'ware ' || g, g % 7 FROM generate_series(1, 30000) AS g;
DELETE FROM wares WHERE id % 3 <> 0;
CREATE TABLE tight (id int PRIMARY KEY, name text);
INSERT INTO tight SELECT g, 'x' FROM generate_series(1, 20000) AS g;
CREATE TABLE nokey (a int);
INSERT INTO nokey SELECT g FROM generate_series(1, 20000) AS g;
DELETE FROM nokey WHERE a > 10;
CREATE TABLE unseen (id int PRIMARY KEY);
INSERT INTO unseen SELECT g FROM generate_series(1, 5000) AS g;
ANALYZE wares, tight, nokey;
"""
ROWS = "SELECT md5(string_agg(w::text, ',' ORDER BY id)) FROM (SELECT id, name, kind FROM wares) AS w"


def steps_done(tool):
    return {m["name"]: m["state"] for m in tool.run("status", "--format", "json").json()["migrations"]}


def test_bloat_is_gone_and_the_old_table_stays_until_complete(db, pgseam):
    db.execute(SETUP)
    before, rows = db.scalar("SELECT pg_relation_size('wares')"), db.scalar(ROWS)
    said = pgseam.run("repack", "wares")
    assert "pgseam complete" in said.out and "pgseam rollback" in said.out
    assert db.scalar("SELECT pg_relation_size('wares')") < before / 2
    assert db.scalar(ROWS) == rows and steps_done(pgseam) == {"repack_wares": "gated"}
    pgseam.run("rollback")
    assert db.scalar("SELECT pg_relation_size('wares')") == before and db.scalar(ROWS) == rows


def test_rows_and_columns_in_another_order(db, pgseam):
    db.execute(SETUP)
    rows = db.scalar(ROWS)
    pgseam.run("repack", "--order-by", "kind, id DESC", "--column-order", "kind,name", "--complete", "wares")
    assert steps_done(pgseam) == {"repack_wares": "complete"}
    assert db.scalar("SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'wares'::regclass AND attnum > 0"
                     " AND NOT attisdropped") == "kind,name,id"
    assert db.scalar("SELECT count(*) FROM (SELECT ctid, row_number() OVER (ORDER BY kind, id DESC) AS n, row_number() OVER (ORDER BY ctid)"
                     " AS m FROM wares) AS o WHERE n <> m") == 0
    assert db.scalar(ROWS) == rows


def test_the_name_is_free_again_when_it_is_complete(db, pgseam):
    db.execute(SETUP)
    for _ in range(3):
        pgseam.run("repack", "--complete", "public.wares")
    assert steps_done(pgseam) == {"repack_wares": "complete", "repack_wares_2": "complete", "repack_wares_3": "complete"}
    pgseam.run("repack", "wares")
    assert "under way" in pgseam.run("repack", "wares", expect=3).err


def test_all_that_have_something_to_gain(db, pgseam):
    db.execute(SETUP)
    said = pgseam.run("repack", "--all", "--min-bloat", "30", "--complete", "--format", "json")
    assert [m["name"] for m in said.json()["migrations"]] == ["repack_wares"]
    assert "public.wares: about 6" in said.err and "an estimate" in said.err
    assert "left out: public.nokey" in said.err and "no usable key" in said.err
    assert "left out: public.unseen has no statistics" in said.err
    assert "public.tight" not in said.err


def test_dry_run_changes_nothing(db, pgseam):
    db.execute(SETUP)
    before = db.dump_schema()
    plans = json.loads(pgseam.run("repack", "--dry-run", "--format", "json", "wares", "tight").out)["plans"]
    assert [plan["migration"] for plan in plans] == ["repack_wares", "repack_tight"]
    assert {step["kind"] for step in plans[0]["steps"]} >= {"rewrite.prepare", "rewrite.copy", "rewrite.swap", "rewrite.drop"}
    assert db.dump_schema() == before


@pytest.mark.parametrize("arguments, status, said", [
    ([], 2, "takes tables, or --all"),
    (["--all", "wares"], 2, "takes tables, or --all"),
    (["--min-bloat", "5", "wares"], 2, "goes with --all"),
    (["--order-by", "id", "wares", "tight"], 2, "is for one table"),
    (["nosuch"], 3, "table nosuch does not exist"),
    (["nokey"], 3, "no usable key"),
    (["wares", "nokey"], 3, "no usable key"),
    (["--order-by", "nosuch", "wares"], 3, "cannot order public.wares so"),
    (["--order-by", "id LIMIT 1", "wares"], 3, "this is no order"),
    (["--column-order", "nosuch", "wares"], 3, 'column "nosuch"'),
    (["--tablespace", "nosuch", "wares"], 3, "nosuch"),
])
def test_refused_with_nothing_changed(db, pgseam, arguments, status, said):
    db.execute(SETUP)
    before = db.dump_schema()
    assert said in pgseam.run("repack", *arguments, expect=status).err
    assert db.dump_schema() == before
