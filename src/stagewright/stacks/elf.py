"""The architecture of a root, read from a program in it."""

from __future__ import annotations

_MACHINES = {
    (2, 62, "little"): "amd64",
    (2, 183, "little"): "arm64",
    (1, 40, "little"): "arm",
    (1, 3, "little"): "386",
    (2, 243, "little"): "riscv64",
    (2, 21, "little"): "ppc64le",
    (2, 22, "big"): "s390x",
    (2, 258, "little"): "loong64",
}
"""By class, machine and byte order (elf(5)), as Go and OCI write them."""


def architecture_of(head: bytes) -> str | None:
    """``head`` holds the first 20 bytes of a file or more; None where it is no program of a machine known here."""
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[5] not in (1, 2):
        return None
    if head[5] == 1:
        return _MACHINES.get((head[4], int.from_bytes(head[18:20], "little"), "little"))
    return _MACHINES.get((head[4], int.from_bytes(head[18:20], "big"), "big"))
