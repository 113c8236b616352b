"""YAML as JSON would have said it, for values that nobody may change: a password that looks like something else stays itself.

YAML 1.1 makes a number of ``0123``, ``1_000`` and ``12:34:56``, a truth value of ``on`` and a date of ``2024-01-01``. Here only
what both call a number, true, false or null is one when it is not quoted; everything else is the text that was written.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from stagewright.documents import NotReadable, load_nodes

_CORE = "tag:yaml.org,2002:"
_SCALARS = frozenset(f"{_CORE}{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value"))
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,299})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,299})(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,9})?")


def load_yaml_values(text: bytes) -> Any:
    """The one document in ``text``; keys are texts, and of the same key the last wins. Raises NotReadable, without its cause:
    what YAML complains of may quote the text.
    """
    try:
        node = load_nodes(text)
        return None if node is None else _value(node)
    except (ValueError, TypeError, RecursionError):
        raise NotReadable("it is not YAML") from None


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    if isinstance(node, yaml.MappingNode):
        return {_key(key): _value(each) for key, each in node.value}
    raise _at(node, "it is not YAML")


def _at(node: yaml.Node, says: str) -> NotReadable:
    return NotReadable(f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}: {says}")


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _at(node, "a key must be a text")
    if node.tag == f"{_CORE}merge":
        raise _at(node, "merging maps by '<<' is not known here")
    return str(node.value)


def _scalar(node: yaml.ScalarNode) -> Any:
    written = str(node.value)
    if node.tag not in _SCALARS:
        raise _at(node, "its tag is not known here")
    if node.style or node.tag == f"{_CORE}str":  # quoted, a block of lines, or a text for YAML too
        return written
    if written in _WORDS:
        return _WORDS[written]
    if _WHOLE.fullmatch(written):
        return int(written)
    if _DECIMAL.fullmatch(written) and math.isfinite(float(written)):
        return float(written)
    return written
