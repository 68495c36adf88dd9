"""Waits until whoever started it is gone, then stops the server in the given folder and removes the folder.

A pytest that was killed cannot clean up after itself; its end of our stdin closes all the same.
"""

import os
import shutil
import signal
import sys
import time


def stop_server(folder):
    try:
        with open(os.path.join(folder, "data", "postmaster.pid"), encoding="utf-8") as file:
            pid = int(file.readline())
    except (OSError, ValueError):
        return
    # The file may be older than the process that has the number now.
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if os.fsencode(folder) not in file.read():
                return
        for name in (signal.SIGCONT, signal.SIGQUIT):
            os.kill(pid, name)
        for _ in range(100):
            time.sleep(0.05)
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return


def main():
    folder = sys.argv[1]
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if os.path.isdir(folder):
        stop_server(folder)
        shutil.rmtree(folder, ignore_errors=True)


main()
