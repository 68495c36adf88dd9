"""Threads with sessions of their own: what is left when one of them fails."""

import threading
import time

from harness.tried import tried

LOST = 2  # SEAM_ERROR_LOST, SEAM_ERROR_SQL and SEAM_ERROR_CANCELLED of base/error.h
SQL = 1
CANCELLED = 3


def test_jobs_run_beside_each_other(db):
    begin = time.monotonic()
    lines, status = tried("workers", db.dsn, 4, *[f"SELECT {n} FROM pg_sleep(0.5)" for n in range(8)])
    assert status == 0
    assert sorted(lines[:8]) == [str(n) for n in range(8)]
    assert time.monotonic() - begin < 3


def test_an_error_ends_the_others_and_leaves_nothing_open(db):
    db.execute("CREATE TABLE t (a int)")
    begin = time.monotonic()
    lines, status = tried("workers", db.dsn, 3, "INSERT INTO public.t SELECT 1 FROM pg_sleep(60)", "INSERT INTO public.t SELECT 2 FROM pg_sleep(60)",
                          "SELECT 1 / (pg_sleep(0.3)::text = 'x')::int")
    assert status == 1
    assert time.monotonic() - begin < 5
    assert lines == ["again"] * 3 + [f"error {SQL}: division by zero"]
    with db.connect() as conn:
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_lost_session_is_told_and_opened_again(db):
    def end_it():
        with db.connect() as conn:
            for _ in range(200):
                time.sleep(0.02)
                if conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(61)%'"
                                " AND pid <> pg_backend_pid()").fetchone():
                    return

    killer = threading.Thread(target=end_it)
    killer.start()
    lines, status = tried("workers", db.dsn, 2, "SELECT pg_sleep(61)", "SELECT pg_sleep(62)")
    killer.join()
    assert status == 1
    assert lines[:2] == ["again"] * 2
    assert lines[2].startswith(f"error {LOST}: ")
