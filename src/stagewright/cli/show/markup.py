"""HTML that cannot be forgotten to be escaped: text is text until an element holds it."""

from __future__ import annotations

import html
from dataclasses import dataclass

from stagewright.cli.show.safety import harmless

_EMPTY = frozenset({"meta", "input", "br", "rect"})


@dataclass(frozen=True)
class Markup:
    """HTML that `element` made, or that is ours."""

    html: str


Content = str | Markup


def element(tag: str, /, *content: Content, **attributes: str | bool) -> Markup:
    """An element. A ``str`` in it is text of anybody: escaped, with controls and direction marks made visible.

    Attributes are given by name: ``class_`` and ``for_`` with a line behind them, ``-`` written ``_``, True for one without a
    value.
    """
    said = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    if tag in _EMPTY:
        return Markup(f"<{tag}{said}/>" if tag == "rect" else f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{joined(*content).html}</{tag}>")


def joined(*content: Content) -> Markup:
    return Markup("".join(one.html if isinstance(one, Markup) else html.escape(harmless(one)) for one in content))


def _attribute(name: str, value: str | bool) -> str:
    if isinstance(value, bool):
        return f" {name}" if value else ""
    return f' {name}="{html.escape(harmless(value))}"'
