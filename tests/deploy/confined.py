"""Run a program the way the sandbox of a systemd unit would: ``confined.py SYSCALLS COMMAND ...``

Rule: what ``MemoryDenyWriteExecute``, ``NoNewPrivileges`` and ``SystemCallFilter`` of a unit do, done
by the kernel's own means, where systemd itself cannot run. ``SYSCALLS`` is a file with the allowed
system calls, a name a line. Standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
PR_SET_MDWE = 65
_REFUSE_EXEC_GAIN = 1
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_UNKNOWN = -1


def deny_writable_code() -> None:
    """Refuse memory that is writable and executable; Linux 6.3 or newer. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_MDWE")


def allow_only(names: list[str]) -> None:
    """Answer every system call but these with EPERM, here and in all children. Raises OSError."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_ERRNO | errno.EPERM))
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != _UNKNOWN:
            seccomp.seccomp_rule_add(context, _ALLOW, number, 0)
    # Also sets no_new_privs.
    if (refused := seccomp.seccomp_load(context)) != 0:
        raise OSError(-refused, "seccomp_load")


if __name__ == "__main__":
    deny_writable_code()
    allow_only(Path(sys.argv[1]).read_text("ascii").split())
    os.execv(sys.argv[2], sys.argv[2:])
