"""app.json: what a Heroku app says of itself.

The keys that touch staging and testing are read; the others (formation, logo, keywords …) are Heroku's business and are passed
over. Rule: Heroku Dev Center, "app.json Schema" (2025-05-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from stagewright.documents import NotReadable, load_json, scalar_text
from stagewright.errors import AppProblem
from stagewright.model.names import StackName
from stagewright.packages.buildpack_list import MOST_REFERENCES, fault_of_reference
from stagewright.packages.plain_files import read_plain

FILE = "app.json"
EnvironmentName = Literal["test", "review"]
"""The environments that Heroku knows; sections of other names are passed over."""


@dataclass(eq=False)
class BadAppJson(AppProblem):
    """app.json is not JSON, or one of its keys has the wrong shape."""

    says: str
    """What is wrong, and at which key. It never quotes a value: the values of ``env`` may be secrets."""

    def brief(self) -> str:
        return f"{FILE} cannot be used: {self.says}."

    def hint(self) -> str:
        return f"Mend {FILE}; its keys are those of Heroku's app.json schema."


@dataclass(frozen=True)
class AppScripts:
    """Commands that app.json gives; None where it gives none."""

    postdeploy: str | None = None
    test: str | None = None
    test_setup: str | None = None


@dataclass(frozen=True)
class AppJson:
    """What app.json says that touches staging and testing."""

    name: str | None = None
    """A title for people, which need not be the name of an app."""
    buildpacks: tuple[str, ...] = ()
    """References as written, in order: what they name is decided later, where buildpacks are known."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that have a value; one that the app was given otherwise goes before it."""
    required: tuple[str, ...] = ()
    """Variables that must be given a value from outside: ``required`` is true unless it says false."""
    generated: tuple[str, ...] = ()
    """Variables that the platform should fill with a random secret."""
    stack: StackName | None = None
    scripts: AppScripts = AppScripts()
    addons: tuple[str, ...] = ()
    """Names of add-ons, without their plans. Nothing provisions them here."""
    environments: Mapping[EnvironmentName, AppJson] = field(default_factory=dict)
    """For each environment that the file describes, what holds there, whole."""

    def for_environment(self, name: EnvironmentName) -> AppJson:
        """What holds in the environment ``name``: a key that its section gives replaces that key of the base completely.

        An ``env`` there is therefore the whole env: nothing is merged name by name, as on Heroku.
        """
        return self.environments.get(name, self)


def read_app_json(app: Path) -> AppJson | None:
    """What the app.json of the source ``app`` says; None where there is none, or a link, which is not followed.

    Raises BadAppJson.
    """
    try:
        content = read_plain(app / FILE)
        document = None if content is None else load_json(content)
    except NotReadable as error:
        raise BadAppJson(str(error)) from error
    if content is None:
        return None
    base = _map(document, "the document")
    said = _Reading("").app_json(base)
    environments = _map(base.get("environments"), "'environments'")
    sections: dict[EnvironmentName, AppJson] = {}
    for name in get_args(EnvironmentName):
        section = environments.get(name)
        if section is not None:
            where = f"environments.{name}"
            sections[name] = _Reading(f"{where}.").app_json({**base, **_map(section, f"'{where}'")})
    return replace(said, environments=sections)


def _map(value: Any, what: str) -> dict[str, Any]:
    if value is None and what != "the document":
        return {}
    if not isinstance(value, dict):
        raise BadAppJson(f"{what} must be a map")
    return value


@dataclass(frozen=True)
class _Reading:
    """One pass over the keys of the base or of an environment; ``prefix`` says which in complaints."""

    prefix: str

    def app_json(self, document: dict[str, Any]) -> AppJson:
        env, required, generated = self._env(document)
        return AppJson(
            name=self._text(document.get("name"), "name"),
            buildpacks=self._buildpacks(document),
            env=env,
            required=required,
            generated=generated,
            stack=self._stack(document),
            scripts=self._scripts(document),
            addons=self._addons(document),
        )

    def _bad(self, key: str, says: str) -> BadAppJson:
        return BadAppJson(f"'{self.prefix}{key}' {says}")

    def _text(self, value: Any, key: str) -> str | None:
        """A text, or a number or truth value as text; null and empty are nothing."""
        text = scalar_text(value)
        if text is None:
            raise self._bad(key, "must be a text")
        if "\0" in text or not _encodes(text):
            raise self._bad(key, "holds a character that no text has")
        return text or None

    def _list(self, document: dict[str, Any], key: str) -> list[Any]:
        value = document.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._bad(key, "must be a list")
        return value

    def _buildpacks(self, document: dict[str, Any]) -> tuple[str, ...]:
        entries = self._list(document, "buildpacks")
        if len(entries) > MOST_REFERENCES:
            raise self._bad("buildpacks", f"names more than {MOST_REFERENCES} buildpacks")
        references = []
        for number, entry in enumerate(entries):
            key = f"buildpacks[{number}]"
            url = entry.get("url") if isinstance(entry, dict) else entry
            if not isinstance(url, str) or not url.strip():
                raise self._bad(key, "must be a map with a 'url', or a text")
            reference = url.strip()
            fault = fault_of_reference(reference)
            if fault:
                raise self._bad(key, fault)
            references.append(reference)
        return tuple(references)

    def _env(self, document: dict[str, Any]) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
        """Values, required names and generated names; a name is in one of the three at most.

        A value goes before a generator, and a generator before ``required``.
        """
        values: dict[str, str] = {}
        required, generated = [], []
        for name, entry in _map(document.get("env"), f"'{self.prefix}env'").items():
            if not name.isprintable() or not name:
                raise self._bad("env", "holds a name that no variable can have")
            key = f"env.{_short(name)}"
            asked = {} if entry is None else entry if isinstance(entry, dict) else {"value": entry}
            value = asked.get("value")
            if value is not None:
                values[name] = self._text(value, key) or ""
            elif asked.get("generator") is not None:
                if asked["generator"] != "secret":
                    raise self._bad(key, "asks for a generator other than 'secret', which is the only one")
                generated.append(name)
            elif self._is_required(asked, key):
                required.append(name)
        return values, tuple(required), tuple(generated)

    def _is_required(self, asked: dict[str, Any], key: str) -> bool:
        required = asked.get("required")
        if required is not None and not isinstance(required, bool):
            raise self._bad(f"{key}.required", "must be true or false")
        return required is not False

    def _stack(self, document: dict[str, Any]) -> StackName | None:
        text = self._text(document.get("stack"), "stack")
        try:
            return None if text is None else StackName(text)
        except ValueError as error:
            raise self._bad("stack", "is not the name of a stack") from error

    def _scripts(self, document: dict[str, Any]) -> AppScripts:
        scripts = _map(document.get("scripts"), f"'{self.prefix}scripts'")

        def command(name: str) -> str | None:
            value = scripts.get(name)
            key = f"scripts.{name}"
            return self._text(value.get("command") if isinstance(value, dict) else value, key)

        return AppScripts(command("postdeploy"), command("test"), command("test-setup"))

    def _addons(self, document: dict[str, Any]) -> tuple[str, ...]:
        names = []
        for number, entry in enumerate(self._list(document, "addons")):
            key = f"addons[{number}]"
            plan = entry.get("plan") if isinstance(entry, dict) else entry
            if not isinstance(plan, str) or not plan.isprintable() or not plan.partition(":")[0].strip():
                raise self._bad(key, "must be a text like 'addon:plan', or a map with such a 'plan'")
            names.append(plan.partition(":")[0].strip())
        return tuple(names)


def _encodes(text: str) -> bool:
    """Whether ``text`` can leave Python at all: JSON can write half a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:60]}…"
