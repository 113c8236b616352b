"""The manifest.yml of a package: the author's document with the dependencies that are left, and a stack
(contracts/cloudfoundry-staging.md §2.2). Every other scalar stays as it was written; comments are lost, as with the reference."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from stagewright.buildpacks.packaging.manifest import Dependency
from stagewright.buildpacks.packaging.nodes import pairs_of
from stagewright.model.names import StackName

_TAG = "tag:yaml.org,2002:"


def rewritten(root: yaml.MappingNode, stack: StackName | None, kept: Iterable[Dependency], cached: bool) -> bytes:
    """``root`` with ``kept`` as its dependencies: without ``cf_stacks`` and with ``stack`` where the package is for one, and
    with ``file`` where it is ``cached``."""
    pairs = pairs_of(root)
    listed = pairs.get("dependencies")
    entries = listed.value if isinstance(listed, yaml.SequenceNode) else []
    written: list[yaml.Node] = [_packaged(entries[one.number], one, stack, cached) for one in kept]
    pairs["dependencies"] = yaml.SequenceNode(f"{_TAG}seq", written, flow_style=not written)
    if stack is not None:
        pairs["stack"] = _scalar(str(stack))
    text = yaml.serialize(_map(pairs), Dumper=yaml.SafeDumper, encoding="utf-8", allow_unicode=True, width=4096)
    assert isinstance(text, bytes)  # noqa: S101 - an encoding was given
    return text


def _packaged(entry: yaml.MappingNode, of: Dependency, stack: StackName | None, cached: bool) -> yaml.Node:
    pairs = pairs_of(entry)
    if stack is not None:
        pairs.pop("cf_stacks", None)
    if cached:
        pairs["file"] = _scalar(str(of.cached_at))
    return _map(pairs)


def _map(pairs: dict[str, yaml.Node]) -> yaml.MappingNode:
    return yaml.MappingNode(f"{_TAG}map", [(_scalar(key), value) for key, value in pairs.items()])


def _scalar(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(f"{_TAG}str", text)
