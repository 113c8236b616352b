"""What the readers of archives say when they cannot or will not go on; `unpack` makes Problems of it, which know the archive."""

from __future__ import annotations

from typing import cast

from isal import igzip_lib

ISAL_ERROR = cast("type[Exception]", igzip_lib.IsalError)
"""What isal raises for damaged data; its stubs take the class for an instance."""


class Damaged(Exception):
    """The archive cannot be read; the text is the end of a sentence that begins with its name."""


class Forbidden(Exception):
    """An entry that is not let in; ``rule`` is the end of a sentence that begins with its ``name``."""

    def __init__(self, name: bytes, rule: str) -> None:
        super().__init__(rule)
        self.name = name
        self.rule = rule
