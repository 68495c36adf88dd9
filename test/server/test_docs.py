"""Documentation is true: the guide's examples run, the JSON page names the keys that are printed, all of them."""

import re
import time
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
README = DOCS.parent / "README.md"


def blocks(text, language):
    """The fenced blocks of a language, "" for those without one."""
    pieces = re.split(r"^```", text, flags=re.MULTILINE)[1::2]
    return [piece.split("\n", 1)[1] for piece in pieces if piece.split("\n", 1)[0] == language]


def documented_keys(section):
    """The keys in the first column of a section's table, and those of its lists in `a`, `b` form."""
    page = (DOCS / "json.md").read_text()
    body = page.split(f"\n## {section}")[1].split("\n## ")[0]
    keys = set()
    for row in re.findall(r"^\| (.*?) \|", body, re.MULTILINE):
        keys.update(re.findall(r"`([\w.\[\]]+)`", row))
    return keys


def test_the_guides_examples_run(shop, pgseam, tmp_path):
    guide = (DOCS / "guide.md").read_text()
    files = {}
    for block in blocks(guide, "sql"):
        name = re.match(r"-- file: (\S+)\n", block).group(1)
        files[name] = pgseam.file(name, block)
    commands = [line[2:].split() for block in blocks(guide, "") for line in block.splitlines() if line.startswith("$ pgseam")]
    assert len(files) == 2 and len(commands) >= 6
    for _, command, *words in commands:
        pgseam.run(command, *words)
    assert shop.scalar("SELECT count(*) FROM users WHERE age IS NULL") == 0
    states = {m["name"]: m["state"] for m in pgseam.run("status", "--format", "json").json()["migrations"]}
    assert states == {"0001_users_age": "complete", "0002_orders_note": "complete"}


def is_waiting_for_a_word(pgseam):
    newest = pgseam.run("status", "--format", "json").json()["migrations"][0]
    return any(rewrite["phase"] == "postponed" for rewrite in newest["rewrites"])


def test_the_rewrite_pages_examples_run(shop, pgseam):
    page = (DOCS / "rewrite.md").read_text()
    total, items = shop.scalar("SELECT sum(total) FROM orders"), shop.data_digest("order_items")
    files = {}
    for block in blocks(page, "sql"):
        name = re.match(r"-- file: (\S+)\n", block).group(1)
        files[name] = pgseam.file(name, block)
    commands = [line[2:].split() for block in blocks(page, "") for line in block.splitlines() if line.startswith("$ pgseam")]
    assert len(files) == 2 and len(commands) >= 10
    background = None
    for _, command, *words in commands:
        if words[-1:] == ["&"]:
            background = pgseam.spawn(command, *words[:-1])
            deadline = time.monotonic() + 60
            while not is_waiting_for_a_word(pgseam):
                assert background.running() and time.monotonic() < deadline, background.err
                time.sleep(0.05)
            continue
        pgseam.run(command, *words)
        if command == "cut-over":
            background.wait(expect=0)
            assert type_of(shop, "order_items", "quantity") == "bigint"
    states = {m["name"]: m["state"] for m in pgseam.run("status", "--format", "json").json()["migrations"]}
    assert states == {"0003_orders_total": "complete", "0004_items_quantity": "rolled_back"}
    assert type_of(shop, "orders", "total") == "numeric(14,2)" and type_of(shop, "order_items", "quantity") == "integer"
    assert shop.scalar("SELECT sum(total) FROM orders") == total and shop.data_digest("order_items") == items
    assert shop.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgseam_rewrite%'") == []


def test_the_version_pages_examples_run(shop, pgseam):
    page = (DOCS / "version.md").read_text()
    for block in blocks(page, "sql"):
        name = re.match(r"-- file: (\S+)\n", block).group(1)
        pgseam.file(name, block)
    shop.execute("UPDATE users SET old_column = 'none' WHERE id = 7")
    before = shop.dump_schema()
    commands = [line[2:].split() for block in blocks(page, "") for line in block.splitlines() if line.startswith("$ pgseam")]
    assert len(commands) == 16
    for _, command, *words in commands:
        done = pgseam.run(command, *words)
        if words == ["quarantine"]:
            assert '{"id": 7}' in done.out and done.out.count("side missing") == 1
        if command == "version" and not words:
            assert "search_path = v2, public" in done.out
            with shop.connect() as new:
                new.execute("SET search_path = v2, public")
                assert new.execute("SELECT count(address) FROM users").fetchone() == shop.query("SELECT count(email) FROM public.users")[0]
        if words == ["0005_users_names"] and command == "status":
            row = "UPDATE v3.users SET last_name = 'of Uxbridge' WHERE id = 1 RETURNING first_name"
            first, = shop.query(row)[0]
            assert shop.scalar("SELECT name FROM users WHERE id = 1") == f"{first} of Uxbridge"
    assert shop.scalar("SELECT count(address) FROM users") > 0
    assert shop.query("SELECT FROM pg_namespace WHERE nspname ~ '^(v[1-5]|pgseam_version.*)$'") == []
    assert shop.dump_schema() == before.replace("email", "address").replace("balance bigint DEFAULT 0", "balance bigint DEFAULT 10")


def type_of(db, table, column):
    return db.scalar("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
                     [table, column])


def test_the_rewrite_page_names_the_settings(pgseam):
    """Each option of the page is one of start's, throttle's or repack's."""
    page = (DOCS / "rewrite.md").read_text()
    known = "".join(pgseam.run(command, "--help").out for command in ("start", "repack", "clean", "throttle"))
    for option in set(re.findall(r"--[a-z][a-z-]+", page)):
        assert f"{option}=" in known or f"{option} " in known, option
    for option in ("--capture", "--copy-jobs", "--postpone-cut-over", "--snapshot-wait", "--on-old-snapshot"):
        assert f"`{option}" in page


def test_the_folder_pages_examples_run(shop, pgseam):
    page = (DOCS / "migrate.md").read_text()
    for block in blocks(page, "sql"):
        pgseam.file(re.match(r"-- file: (\S+)\n", block).group(1), block)
    shown = re.sub(r"20\d\d-[^ ]* [^ ]* by \w+", "WHEN", "".join(blocks(page, "")))
    said = ""
    for line in shown.splitlines():
        if line.startswith("$ pgseam"):
            said = pgseam.run(*line.split()[2:]).out
            said = re.sub(r"20\d\d-[^ ]* [^ ]* by \w+", "WHEN", said)
        else:
            assert line in said.splitlines()
    assert len(shown.splitlines()) == 9
    assert "old_column" not in shop.dump_schema()


def test_the_folder_page_names_the_options(pgseam):
    page = (DOCS / "migrate.md").read_text()
    known = pgseam.run("migrate", "--help").out + pgseam.run("baseline", "--help").out
    for option in set(re.findall(r"--[a-z][a-z-]+", page)):
        assert f"{option}=" in known or f"{option} " in known, option


def test_the_readmes_migration_is_the_demos():
    migration = (DOCS.parent / "demo" / "0001_users_age.sql").read_text()
    shown = blocks(README.read_text(), "sql")[0]
    statements = [line for line in migration.splitlines() if not line.startswith("--")]
    assert [line for line in shown.splitlines() if not line.startswith("--")] == statements


def test_the_readmes_plan_is_what_plan_prints(shop, pgseam):
    file = pgseam.file("0001_users_age.sql", (DOCS.parent / "demo" / "0001_users_age.sql").read_text())
    printed = [line.strip() for line in pgseam.run("plan", file).out.splitlines()]
    shown = blocks(README.read_text(), "")[0].splitlines()
    for line in shown:
        if not line.startswith("$"):
            assert line.strip() in printed, line


def flatten(value, prefix=""):
    """{"a": [{"b": 1}]} -> {"a[]", "a[].b"} ∪ ..., without the lists' marks on scalars."""
    keys = set()
    for key, inner in value.items():
        name = f"{prefix}{key}"
        items = inner if isinstance(inner, list) else [inner]
        keys.add(name + ("[]" if isinstance(inner, list) else ""))
        for item in items:
            if isinstance(item, dict) and key != "params":
                keys |= flatten(item, f"{name}[].")
    return keys


def simple(keys):
    return {key.replace("[]", "") for key in keys}


def test_plan_keys_are_documented(shop, pgseam):
    file = pgseam.file("1.sql", "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 1 WHERE age IS NULL;")
    printed = simple(flatten(pgseam.run("plan", file, "--format", "json").json()))
    documented = simple(documented_keys("plan"))
    locks = {"steps.locks." + key for key in ("relation", "mode", "hold", "schema", "table", "owned")}
    assert printed - locks == {key for key in documented if key in printed}
    assert {key for key in documented if key.startswith("steps.") or key in printed} - printed == set()


def test_status_keys_are_documented(shop, pgseam):
    pgseam.run("start", pgseam.file("1.sql", "ALTER TABLE users ADD COLUMN age int;"))
    shop.execute("INSERT INTO pgseam.rewrite (migration_id, name, source_schema, source_table, source_oid)"
                 " SELECT max(id), 'pgseam_rewrite_users', 'public', 'users', 'users'::regclass FROM pgseam.migration")
    printed = simple(flatten(pgseam.run("status", "--format", "json").json()["migrations"][0]))
    values = {"planned", "expanding", "backfilling", "gated", "contracting", "complete", "rolling_back", "rolled_back", "failed",
              "interrupted"}
    assert printed == simple(documented_keys("status")) - values


def test_clean_keys_are_documented(shop, pgseam):
    shop.execute("CREATE SCHEMA pgseam_rewrite_orders")
    printed = pgseam.run("clean", "--dry-run", "--format", "json").json()
    kinds = {"trigger", "slot", "publication", "table", "function", "schema"}
    assert set(printed) == {"dry_run", "leftovers"}
    assert set(printed["leftovers"][0]) == documented_keys("clean") - (kinds - {"table"})


def test_migrate_keys_are_documented(shop, pgseam):
    pgseam.file("db/1_a.sql", "ALTER TABLE users ADD COLUMN age int;")
    document = pgseam.run("migrate", "db", "--dry-run", "--format", "json").json()
    assert document["plan"]["pgseam_plan"] == 1
    document["plan"] = None
    values = {"pending", "under way", "gated", "applied", "migrated", "baseline", "adopted", "started"}
    assert simple(flatten(document)) == simple(documented_keys("migrate")) - values
    assert set(pgseam.run("baseline", "db", "--format", "json").json()) == {"noted", "dry_run"}


def test_version_users_keys_are_documented(shop, pgseam):
    pgseam.run("start", pgseam.file("1.sql", "-- pgseam: version v2\nALTER TABLE users RENAME COLUMN email TO address;"))
    with shop.connect() as conn, conn.transaction():
        conn.execute("SELECT email FROM users")
        document = pgseam.run("version", "users", "--format", "json").json()
    assert set(document) == {"version", "migration", "state", "users"}
    assert simple(flatten(document)) - set(document) == simple(documented_keys("version users")) - {"old", "new", "users"}


def test_quarantine_keys_are_documented(db, pgseam):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
    file = "-- pgseam: version v2\n-- pgseam: on-error quarantine\n-- pgseam: down a = a::text\n"
    pgseam.run("start", pgseam.file("1.sql", file + "ALTER TABLE t ALTER COLUMN a TYPE int USING a::int;"))
    db.execute("INSERT INTO t VALUES (1, 'no number')")
    document = pgseam.run("version", "quarantine", "--format", "json").json()
    assert set(document) == {"migration", "state", "rows"}
    assert set(document["rows"][0]) == {key.partition("[].")[2].rstrip("[]") for key in documented_keys("version quarantine")} - {""}


def test_verify_keys_are_documented(shop, pgseam):
    pgseam.run("start", pgseam.file("1.sql", "ALTER TABLE orders ALTER total TYPE numeric;"))
    printed = pgseam.run("verify", "--format", "json").json()
    assert set(printed) == {"migration", "tables"}
    assert set(printed["tables"][0]) == documented_keys("verify")


@pytest.mark.parametrize("command", ["plan", "start", "migrate", "baseline", "status", "complete", "rollback", "resume", "pause", "cut-over", "clean", "locks"])
def test_help_has_an_example(db, pgseam, command):
    out = pgseam.run(command, "--help").out
    assert f"Example: pgseam {command}" in out
    assert "--dbname" in out


def test_error_document_has_its_keys(db, pgseam):
    error = pgseam.run("complete", "--format", "json", expect=3).json()["error"]
    assert set(error) == {"message", "sqlstate", "detail", "hint", "exit_status"}
    assert error["exit_status"] == 3
