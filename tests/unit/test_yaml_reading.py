"""YAML of strangers costs little, whatever it says."""

from __future__ import annotations

import pytest

from stagewright.packages.yaml_reading import DEEPEST, NotReadable, load_yaml


@pytest.mark.parametrize("text", ["web: " + "[" * 500_000, "[" * 100_000 + "]" * 100_000, "- " * 100_000])
def test_a_deep_document_is_refused_before_it_is_built(text: str) -> None:
    with pytest.raises(NotReadable, match="deeper than 64"):
        load_yaml(text.encode())


def test_the_deepest_legal_document_is_read() -> None:
    assert load_yaml(b"[" * DEEPEST + b"]" * DEEPEST)
    with pytest.raises(NotReadable):
        load_yaml(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(NotReadable, match="aliases"):
        load_yaml("\n".join(lines).encode())
