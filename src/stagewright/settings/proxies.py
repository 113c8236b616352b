"""Proxy variables, in both cases: curl reads the lower, others the upper."""

from __future__ import annotations

import re

from stagewright.settings.cleaning import clean_proxy
from stagewright.settings.operator import Operator, Part

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_EXEMPT = re.compile(r"[A-Za-z0-9._:*/,\[\] -]*")


def proxies_part(operator: Operator) -> Part:
    environment: dict[str, str] = {}
    notes: list[str] = []
    for name in _PROXIES:
        for variable, value in _both(operator, name):
            cleaned = clean_proxy(value)
            if cleaned.removed:
                notes.append(f"proxies: {cleaned.removed} in {variable} left out")
            if cleaned.text is not None:
                environment[variable] = cleaned.text
    for variable, value in _both(operator, "no_proxy"):
        if _EXEMPT.fullmatch(value):
            environment[variable] = value
        else:
            notes.append(f"proxies: {variable} left out, since it could not be read")
    return Part(environment=environment, notes=tuple(notes))


def _both(operator: Operator, name: str) -> list[tuple[str, str]]:
    lower, upper = operator.environ.get(name), operator.environ.get(name.upper())
    pairs = ((name, lower or upper), (name.upper(), upper or lower))
    return [(variable, value) for variable, value in pairs if value]
