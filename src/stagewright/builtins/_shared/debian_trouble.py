"""What apt's refusals mean for the person who named the packages: which word is wrong, and what was perhaps meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence

from buildpack import BuildpackError


def explain(
    output: str, known: Callable[[], Sequence[str]], versions: Callable[[str], Sequence[str]]
) -> BuildpackError:
    """The failure of an ``apt-get install`` in a person's words; ``known`` and ``versions`` are asked only where they help."""
    lines = []
    for name in re.findall(r"^E: Unable to locate package (\S+)", output, re.MULTILINE):
        near = near_names(name, known())
        lines.append(f"{name}: there is no such package" + (f"; did you mean {_either(near)}?" if near else ""))
    for wanted, name in re.findall(
        r"^E: (?:Version|Release) '([^']+)' for '([^']+)' was not found", output, re.MULTILINE
    ):
        found = versions(name)
        lines.append(f"{name}: there is no version {wanted}" + (f"; there is {', '.join(found)}" if found else ""))
    for name in re.findall(r"^E: Package '([^']+)' has no installation candidate", output, re.MULTILINE):
        givers = providers(output, name)
        lines.append(
            f"{name}: " + (f"a name for one of {', '.join(givers)}: choose one" if givers else "not to be had")
        )
    if lines:
        return BuildpackError(
            "The stack's Debian sources do not have what was asked for:\n" + "\n".join(lines),
            "Names of packages are found at packages.debian.org, or with `apt-cache search`.",
        )
    return BuildpackError("apt cannot bring what was asked for:\n" + _evidence(output), _hint(output))


def near_names(name: str, known: Sequence[str], most: int = 3) -> list[str]:
    """Existing packages that a wrong name may have meant: written alike, or longer by a word or a version."""
    name = name.lower()
    longer = sorted(
        (other for other in known if other.startswith(name) and other != name), key=lambda other: (len(other), other)
    )
    alike = difflib.get_close_matches(
        name, [other for other in known if other[:1] == name[:1] and abs(len(other) - len(name)) <= 3], most, 0.75
    )
    return list(dict.fromkeys([*alike, *longer]))[:most]


def providers(output: str, name: str) -> list[str]:
    """The packages that apt names as providing a virtual one."""
    block = re.search(
        rf"^Package {re.escape(name)} is a virtual package provided by:\n((?:  .*\n)+)", output, re.MULTILINE
    )
    return sorted({line.split()[0] for line in block[1].splitlines() if line.strip()}) if block else []


def _evidence(output: str) -> str:
    """From the first line in which apt complains, at most 20 lines."""
    lines = output.splitlines()
    first = next(
        (
            number
            for number, line in enumerate(lines)
            if line.startswith(("E: ", "Err:", "The following packages have unmet"))
        ),
        max(0, len(lines) - 20),
    )
    return "\n".join(lines[first : first + 20])


def _hint(output: str) -> str:
    if re.search(r"Could not resolve|Temporary failure|Could not connect|Unable to connect", output):
        return "Is the network of the build cut off?"
    if "need to be removed but remove is disabled" in output:
        return "A named package conflicts with one of the stack."
    return ""


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
