"""The built-in buildpacks, which are package data, and the order in which detection tries them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stagewright.model.buildpack import BuiltinRef

_BUILTINS = Path(__file__).resolve().parent.parent / "builtins"


@dataclass(frozen=True)
class Catalogue:
    """The buildpacks below one directory; ``order.txt`` beside them lists those that detection tries."""

    root: Path = _BUILTINS

    @property
    def names(self) -> tuple[str, ...]:
        """All of them: first those of the order, then those that must be named."""
        ordered = self._ordered()
        others = sorted(
            path.name for path in self.root.iterdir() if (path / "bin").is_dir() and path.name not in ordered
        )
        return (*ordered, *others)

    def detection_order(self) -> tuple[BuiltinRef, ...]:
        return tuple(BuiltinRef(name) for name in self._ordered())

    def directory(self, ref: BuiltinRef) -> Path:
        return self.root / ref.name

    def _ordered(self) -> tuple[str, ...]:
        lines = (self.root / "order.txt").read_text(encoding="utf-8").splitlines()
        names = (line.partition("#")[0].strip() for line in lines)
        return tuple(name for name in names if name)
