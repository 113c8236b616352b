"""Bindings of services, from files: what an app finds in VCAP_SERVICES.

A file is JSON or YAML: a whole VCAP_SERVICES, or one binding. A directory is one binding in the form of servicebinding.io, a file
for each credential. The shape of what comes out is Cloud Foundry's (Cloud Controller's SystemEnvPresenter). What these files hold
is secret, so that no complaint quotes it: it names the file, the label, the position and the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewright.documents import LARGEST, NotReadable, load_json, scalar_text
from stagewright.errors import UsageProblem
from stagewright.packages.yaml_values import load_yaml_values

USER_PROVIDED = "user-provided"
"""The label of a service that no broker made."""
MOST_BINDINGS = 1000
"""Bindings that all files together may hold, and files that the directory of one may."""

Binding = dict[str, Any]
Services = dict[str, list[Binding]]
"""VCAP_SERVICES: label → bindings. It holds what JSON holds and nothing else."""

_LARGEST_TOGETHER = 120_000
"""Characters of all bindings together, as JSON: Linux starts no program with a variable of more than 128 KB."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLACE = re.compile(r"line \d+, column \d+")
_WITHOUT_PLACE = "it is not JSON or YAML in UTF-8, or is larger than 1 MB or nests deeper than 64 levels"


@dataclass(eq=False)
class BadBinding(UsageProblem):
    """What was given as a service's binding is none."""

    path: Path
    says: str
    """What is wrong, and where in the file; never what stands there."""

    def brief(self) -> str:
        return f"The service in {str(self.path)!r} cannot be bound: {self.says}."

    def hint(self) -> str:
        return (
            "Write one binding, {name, credentials}, with a label and tags where they matter; or a whole VCAP_SERVICES, "
            "{label: [{name, credentials}]}; as JSON or YAML."
        )


def read_bindings(paths: Iterable[Path]) -> Services:
    """All bindings of ``paths``, in their order. Of one name under one label the last holds, in the place of the first.

    The files are the caller's own, so that links are followed, and a pipe may stand for a file. Raises BadBinding.
    """
    services: Services = {}
    count = 0
    for path in paths:
        for binding in _bindings_of(path):
            count += 1
            if count > MOST_BINDINGS:
                raise BadBinding(path, f"there are more than {MOST_BINDINGS} bindings")
            _put(services.setdefault(binding["label"], []), binding)
        if len(json.dumps(services)) > _LARGEST_TOGETHER:
            raise BadBinding(path, f"all bindings together are larger than {_LARGEST_TOGETHER // 1000} KB")
    return services


def _put(bindings: list[Binding], binding: Binding) -> None:
    for position, known in enumerate(bindings):
        if known["name"] == binding["name"]:
            bindings[position] = binding
            return
    bindings.append(binding)


def _bindings_of(path: Path) -> list[Binding]:
    try:
        if path.is_dir():
            return [_Reading(path).from_directory()]
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise BadBinding(path, f"it cannot be read ({_why(error)})") from error
    return _Reading(path).from_document(_parsed(path, content))


def _why(error: OSError | ValueError) -> str:
    return error.strerror or "no reason given" if isinstance(error, OSError) else "its path holds a NUL character"


def _parsed(path: Path, content: bytes) -> Any:
    """The document of a file. YAML's own complaints may hold a piece of the text, so only the place of one is kept."""
    try:
        return load_json(content)
    except NotReadable:
        pass  # YAML, then: it says what is wrong with a document that is neither
    try:
        return load_yaml_values(content)
    except NotReadable as error:
        place = _PLACE.match(str(error))
        says = f"it is neither JSON nor YAML at {place[0]}" if place else _WITHOUT_PLACE
    raise BadBinding(path, says)


@dataclass(frozen=True)
class _Reading:
    path: Path

    def from_document(self, document: Any) -> list[Binding]:
        if isinstance(document, dict) and isinstance(document.get("VCAP_SERVICES"), dict):
            document = document["VCAP_SERVICES"]
        if not isinstance(document, dict):
            raise BadBinding(self.path, "it holds no map")
        if not all(isinstance(value, list) for value in document.values()):
            if not {"name", "instance_name", "binding_name"} & document.keys():
                raise BadBinding(self.path, "it is neither a map of labels to lists nor one binding with a 'name'")
            label = self._text(document, "label", "the binding") or USER_PROVIDED
            return [self._binding(document, label, "the binding")]
        bindings = []
        for label_number, (label, entries) in enumerate(document.items(), start=1):
            self._check_text(label, f"label {label_number}")
            if not label:
                raise BadBinding(self.path, f"label {label_number} is empty")
            for number, entry in enumerate(entries, start=1):
                bindings.append(self._binding(entry, label, f"binding {number} of {_short(label)!r}"))
        return bindings

    def from_directory(self) -> Binding:
        """A directory of servicebinding.io: its name is the binding's, ``type`` its label, the other files its credentials.

        Names that begin with a dot are passed over (a mounted Kubernetes secret keeps its versions there), and so are
        directories. White space around a content is no part of it, as the libraries that read this form have it.
        """
        contents: dict[str, Any] = {}
        for file in sorted(self.path.iterdir()):
            if file.name.startswith(".") or not file.is_file():
                continue
            if len(contents) >= MOST_BINDINGS:
                raise BadBinding(self.path, f"it holds more than {MOST_BINDINGS} files")
            contents[file.name] = self._content(file)
        label = contents.pop("type", "")
        if not label:
            raise BadBinding(self.path, "a directory is a binding only with a file 'type' that says what it is")
        provider = contents.pop("provider", None)
        entry: Binding = {"name": self.path.resolve().name, "credentials": contents}
        if provider:
            entry["provider"] = provider
        return self._binding(entry, label, "the binding")

    def _content(self, file: Path) -> str:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BadBinding(self.path, f"its file {file.name!r} is larger than {LARGEST >> 20} MB")
        try:
            return content.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise BadBinding(self.path, f"its file {file.name!r} is not text in UTF-8") from None

    def _binding(self, entry: Any, label: str, where: str) -> Binding:
        """``entry`` in Cloud Foundry's shape. Fields that Cloud Foundry does not know are kept."""
        if not isinstance(entry, dict):
            raise BadBinding(self.path, f"{where} must be a map")
        self._check(entry, where)
        instance, bound = self._text(entry, "instance_name", where), self._text(entry, "binding_name", where)
        name = self._text(entry, "name", where) or bound or instance
        if not name:
            raise BadBinding(self.path, f"{where} needs a 'name'")
        binding: Binding = {
            **entry,
            "name": name,
            "instance_name": instance or name,
            "binding_name": bound,
            "label": label,
            "tags": self._tags(entry, where),
            "credentials": self._typed(entry, "credentials", dict, "a map", where),
            "syslog_drain_url": self._text(entry, "syslog_drain_url", where),
            "volume_mounts": self._typed(entry, "volume_mounts", list, "a list", where),
        }
        if label != USER_PROVIDED or "plan" in entry:
            binding["plan"] = self._text(entry, "plan", where)
        return binding

    def _text(self, entry: dict[str, Any], field: str, where: str) -> str | None:
        text = scalar_text(entry.get(field))
        if text is None:
            raise BadBinding(self.path, f"'{field}' of {where} must be a text")
        self._check_text(text, f"'{field}' of {where}")
        return text or None

    def _tags(self, entry: dict[str, Any], where: str) -> list[str]:
        tags = [scalar_text(tag) for tag in self._typed(entry, "tags", list, "a list", where)]
        if not all(tags):
            raise BadBinding(self.path, f"'tags' of {where} must be a list of texts")
        return [tag for tag in tags if tag]

    def _typed(self, entry: dict[str, Any], field: str, kind: type, called: str, where: str) -> Any:
        value = entry.get(field)
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise BadBinding(self.path, f"'{field}' of {where} must be {called}")
        return value

    def _check(self, value: Any, where: str) -> None:
        """Refuse what an environment variable cannot hold, at any depth; the readers have bounded the depth."""
        if isinstance(value, str):
            self._check_text(value, where)
        elif isinstance(value, dict):
            for key, each in value.items():
                self._check_text(key, where)
                self._check(each, where)
        elif isinstance(value, list):
            for each in value:
                self._check(each, where)

    def _check_text(self, text: str, where: str) -> None:
        """JSON can write half of a surrogate pair, which no encoding can."""
        if _SURROGATE.search(text):
            raise BadBinding(self.path, f"{where} holds a character that no text has")


def _short(label: str) -> str:
    return label if len(label) <= 60 else f"{label[:60]}…"
