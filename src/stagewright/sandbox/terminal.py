"""The caller's terminal, given back as it was."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def kept_terminal() -> Iterator[bool]:
    """Whether standard input is a terminal. Afterwards it has the modes that it had, whoever died while it was raw."""
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else 0
    if not os.isatty(descriptor):
        yield False
        return
    modes = termios.tcgetattr(descriptor)
    try:
        yield True
    finally:
        with suppress(OSError, termios.error):
            # From the background the kernel would stop us for it.
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)
