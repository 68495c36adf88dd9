"""Two releases at 2,000 statements a second, two clients each: the shop, with every row compared with what its clients have written."""

import time

import pytest
from harness import Load, init_shop

CHANGE = """-- pgseam: version v2
-- pgseam: up age = 18
ALTER TABLE users ADD COLUMN age int;
-- pgseam: down balance = balance::bigint
ALTER TABLE users ALTER COLUMN balance TYPE numeric;
ALTER TABLE users DROP COLUMN old_column;
"""


@pytest.mark.parametrize("end", ["complete", "rollback"])
def test_neither_side_sees_an_error_or_waits_long(db, pgseam, end):
    init_shop(db, users=50000)
    load = Load(db, old=2, new=0, rate=2000, new_path="v2, public")
    load.start()
    try:
        pgseam.run("start", pgseam.file("release.sql", CHANGE))
        load.new(2)
        time.sleep(5)
        # Whoever goes is stopped first.
        if end == "complete":
            load.old(0)
        else:
            load.new(0)
        time.sleep(0.5)
        pgseam.run(end)
        time.sleep(2)
        report = load.stop()
    finally:
        load.abandon()
    report.assert_clean(at_least=5000)
    assert report.model["rows_checked"] > 50000
    columns = db.query("SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped")
    assert {"balance", "created_at"} <= {name for name, in columns}
    assert (("age",) in columns) == (end == "complete") and (("old_column",) in columns) == (end == "rollback")
    assert db.query("SELECT FROM pg_trigger WHERE tgrelid = 'users'::regclass AND NOT tgisinternal") == []
