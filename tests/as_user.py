"""What another user of this machine may do."""

import os
import pwd
from collections.abc import Callable

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def may(name: str, attempt: Callable[[], object]) -> bool:
    """Whether a user may do something: False when the system refuses it."""
    who = pwd.getpwnam(name)
    child = os.fork()
    if child == 0:
        code = 2
        try:
            os.setgroups([])
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
            attempt()
            code = 0
        except PermissionError:
            code = 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1), f"as {name} it failed for another reason"
    return code == 0
