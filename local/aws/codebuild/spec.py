"""A build specification, as far as the local CodeBuild takes it; anything else is refused, not ignored.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import yaml  # type: ignore[import-untyped] # it ships no types

PHASES = ("install", "pre_build", "build", "post_build")
TOP = {"version", "env", "phases", "artifacts"}
ENV = {"shell", "variables", "parameter-store"}
PHASE = {"commands", "finally", "on-failure", "runtime-versions"}
ARTIFACTS = {"files", "base-directory", "discard-paths", "name"}
SHELLS = {"sh", "bash"}
ABORT, CONTINUE = "ABORT", "CONTINUE"


class InvalidSpec(ValueError):
    """CodeBuild, or this one, does not take the build specification; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The commands of a phase, those that run whatever happened to them, and what a failure means."""

    commands: tuple[str, ...] = ()
    finally_: tuple[str, ...] = ()
    on_failure: str | None = None
    runtimes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """Which files are kept: patterns below `base`; with `flat` without their folders."""

    files: tuple[str, ...]
    base: str = "."
    flat: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A whole specification of version 0.2."""

    shell: str
    variables: Mapping[str, str]
    parameters: Mapping[str, str]
    phases: Mapping[str, Phase]
    artifacts: Artifacts | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read YAML; `InvalidSpec` names what is wrong or not taken here."""
        try:
            document = _mapping(yaml.safe_load(text), "the buildspec", TOP)
        except yaml.YAMLError as error:
            raise InvalidSpec(f"the buildspec is no YAML: {error}") from error
        if str(document.get("version")) != "0.2":
            raise InvalidSpec(f"version {document.get('version')} is not taken here: only 0.2 is")
        env = _mapping(document.get("env") or {}, "env", ENV)
        shell = env.get("shell", "sh")
        if shell not in SHELLS:
            raise InvalidSpec(f"env.shell is {shell!r}, and only {' and '.join(sorted(SHELLS))} are taken here")
        phases = _mapping(document.get("phases"), "phases", set(PHASES))
        artifacts = document.get("artifacts")
        return cls(
            shell=shell,
            variables=_texts(env.get("variables"), "env.variables"),
            parameters=_texts(env.get("parameter-store"), "env.parameter-store"),
            phases={name: _phase(name, value) for name, value in phases.items()},
            artifacts=_artifacts(artifacts) if artifacts else None,
        )


def _phase(name: str, value: Any) -> Phase:
    members = _mapping(value, f"phases.{name}", PHASE)
    on_failure = members.get("on-failure")
    if on_failure not in (None, ABORT, CONTINUE):
        raise InvalidSpec(f"phases.{name}.on-failure is {on_failure!r}, and only ABORT and CONTINUE are taken here")
    return Phase(
        commands=_list(members.get("commands"), f"phases.{name}.commands"),
        finally_=_list(members.get("finally"), f"phases.{name}.finally"),
        on_failure=on_failure,
        runtimes=_texts(members.get("runtime-versions"), f"phases.{name}.runtime-versions"),
    )


def _artifacts(value: Any) -> Artifacts:
    members = _mapping(value, "artifacts", ARTIFACTS)
    files = _list(members.get("files"), "artifacts.files")
    if not files:
        raise InvalidSpec("artifacts.files is missing")
    flat = members.get("discard-paths") in (True, "yes")  # YAML takes a bare yes for True
    return Artifacts(files=files, base=members.get("base-directory") or ".", flat=flat, name=members.get("name"))


def _mapping(value: Any, what: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidSpec(f"{what} is missing or no mapping")
    if unknown := sorted(set(map(str, value)) - known):
        raise InvalidSpec(f"{what} has {', '.join(unknown)}, which the local CodeBuild does not take")
    return value


def _texts(value: Any, what: str) -> dict[str, str]:
    if value is not None and not isinstance(value, dict):
        raise InvalidSpec(f"{what} is no mapping")
    return {str(name): str(one) for name, one in (value or {}).items()}


def _list(value: Any, what: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidSpec(f"{what} is no list of texts")
    return tuple(value)
