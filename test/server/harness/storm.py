"""Killed again and again."""

import signal


def storm(pgseam, command, point, works=lambda: None):
    """The command, killed at each passing of the fault point in turn, then gone on with to its end: how often it was hit. Whenever it
    is dead, `works` has to hold."""
    for number in range(1, 80):
        result = pgseam.run(*command, env={"PGSEAM_FAULT": f"{point}:kill:{number}"}, expect=None)
        if result.rc == 0:
            return number - 1
        assert result.rc == -signal.SIGKILL, result
        works()
        if command[0] == "start":
            command = ["resume"]
    raise AssertionError("no end in sight")
