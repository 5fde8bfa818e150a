"""Run a command that gets a signal when its parent dies, however that dies.

    python -I -S leash.py SIGNAL PARENT_PID USER COMMAND...

``USER`` is a name to run as, or ``-``. The signal is armed after the user changes, because changing clears it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process. Raises: OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def end_with_parent(number: signal.Signals, parent: int) -> None:
    """Arm the signal this process gets when ``parent`` dies; give up at once if it is dead already."""
    prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def leashed(command: list[str], *, on_parent_death: signal.Signals, user: str | None = None) -> list[str]:
    """The command line that runs ``command`` as a child of this process, on a leash."""
    shim = [sys.executable, "-I", "-S", __file__, on_parent_death.name, str(os.getpid()), user or "-"]
    return shim + command


def become(user: str) -> None:
    """Give up root for ``user``, for good."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main() -> None:
    number, parent, user, *command = sys.argv[1:]
    if user != "-":
        become(user)
    end_with_parent(signal.Signals[number], int(parent))
    os.execv(command[0], command)  # noqa: S606 - the command is the caller's


if __name__ == "__main__":
    main()
