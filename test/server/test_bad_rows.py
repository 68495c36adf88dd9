"""A row on which the statement fails is named, and the way out works."""

import psycopg
import pytest
from test_faults import COUNTED, assert_each_row_exactly_once, state, the_migration


def test_expression_that_fails_on_one_row_names_it_and_resume_goes_on(any_cluster, shop, pgseam):
    shop.execute("UPDATE users SET old_column = id::text; UPDATE users SET old_column = 'twelve' WHERE id = 12345")
    file = pgseam.file(
        "number.sql", "ALTER TABLE users ADD COLUMN number int;\nUPDATE users SET number = old_column::int;"
    )

    failed = pgseam.run("start", file, expect=1)

    assert "12345" in failed.err
    assert "twelve" in failed.err
    assert "pgseam resume" in failed.err
    migration = the_migration(pgseam)
    assert migration["state"] == "failed"
    assert "twelve" in migration["reason"]
    shop.execute("UPDATE users SET old_column = '12' WHERE id = 12345")
    pgseam.run("resume")
    assert state(pgseam) == "complete"
    assert shop.scalar("SELECT count(*) FROM users WHERE number <> old_column::int OR number IS NULL") == 0


def test_trigger_of_the_user_that_refuses_a_row_is_told(shop, pgseam):
    shop.execute("""
        CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 777 THEN RAISE 'frozen by audit' USING ERRCODE = 'AU001'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER guard BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION guard()""")
    failed = pgseam.run("start", pgseam.file("count.sql", COUNTED), "--format", "json", expect=1)

    error = failed.json()["error"]
    assert error["sqlstate"] == "AU001"
    assert "frozen by audit" in error["message"] + str(error["detail"])
    assert "777" in failed.err
    shop.execute("DROP TRIGGER guard ON users")
    pgseam.run("resume")
    assert_each_row_exactly_once(shop)


def test_rows_that_violate_not_null_fail_the_contract_and_can_be_mended(shop, pgseam):
    # No backfill fills them: the check that proves NOT NULL finds them, and nothing of it stays.
    shop.execute("UPDATE users SET old_column = NULL WHERE id = 5")
    before = shop.dump_schema()
    pgseam.run("start", pgseam.file("nn.sql", "ALTER TABLE users ALTER COLUMN old_column SET NOT NULL;"))
    failed = pgseam.run("complete", expect=1)
    assert "old_column" in failed.err
    pgseam.run("rollback")
    assert shop.dump_schema() == before

    pgseam.run("start", pgseam.file("nn.sql", "ALTER TABLE users ALTER COLUMN old_column SET NOT NULL;"))
    pgseam.run("complete", expect=1)
    shop.execute("UPDATE users SET old_column = '' WHERE id = 5")
    pgseam.run("complete")
    with pytest.raises(psycopg.errors.NotNullViolation):
        shop.execute("UPDATE users SET old_column = NULL WHERE id = 6")
