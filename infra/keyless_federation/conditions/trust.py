"""An AWS provider's trust: its mapping and condition under Google's limits, and whom they let in as what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from keyless_federation.conditions import cel
from keyless_federation.model.condition import ConditionError
from keyless_federation.model.rules import (
    ATTRIBUTE_KEY,
    MAX_ATTRIBUTES,
    MAX_CONDITION,
    MAX_EXPRESSION,
    MAX_MAPPED_BYTES,
    MAX_SUBJECT_BYTES,
)

# What Google maps for an AWS provider that was given no mapping (https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers).
DEFAULT_MAPPING = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": (
        "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/')"
        " + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
    ),
}

SUBJECT, GROUPS = "google.subject", "google.groups"
"""The keys that Google itself knows; every other one is an attribute of the provider's own."""

MAPPING_ENV = cel.environment({"assertion": cel.STRING_MAP})
CONDITION_ENV = cel.environment({"assertion": cel.STRING_MAP, "google": cel.STRING_MAP, "attribute": cel.STRING_MAP})


class RejectedError(Exception):
    """A credential that the provider does not let in."""


class ConditionFalseError(RejectedError):
    """The attribute condition does not hold for this credential."""


class SubjectTooLongError(RejectedError):
    """`google.subject` is over Google's 127 bytes."""


class AttributesTooLargeError(RejectedError):
    """All mapped values together are over Google's 8 KB."""


class EvaluationFailedError(RejectedError):
    """A mapping or the condition has no usable value for this credential: nobody is let in on an error."""


class ConditionWithoutValueError(EvaluationFailedError):
    """The attribute condition itself has none."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What Google calls a credential once it is in: subject, groups, and attributes by their bare names."""

    subject: str
    attributes: Mapping[str, str]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trust:
    """A compiled mapping and condition, ready to admit or reject claims."""

    mapping: Mapping[str, cel.Program]
    condition: cel.Program | None

    @classmethod
    def compile(cls, mapping: Mapping[str, str], condition: str) -> "Trust":
        """Type-check both under Google's limits, or raise `ConditionError`. An empty condition admits everyone."""
        _check_keys(mapping)
        programs = {key: _program(key, source) for key, source in mapping.items()}
        if len(condition) > MAX_CONDITION:
            raise ConditionError(
                f"The attribute condition has {len(condition)} characters; Google takes {MAX_CONDITION}."
            )
        try:
            compiled = cel.Program.compile(CONDITION_ENV, condition, cel.BOOL) if condition else None
        except cel.CompileError as error:
            raise ConditionError(f"The attribute condition does not compile: {error}") from error
        return cls(programs, compiled)

    @property
    def source(self) -> str:
        """The condition's text; empty where there is none."""
        return self.condition.source if self.condition else ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The texts of the condition and of the mapping's expressions."""
        return (self.source, *(program.source for program in self.mapping.values()))

    def identify(self, claims: Mapping[str, str]) -> Identity:
        """Return what these claims are mapped to, or raise a `RejectedError`; the condition is not asked."""
        values = {key: _mapped(key, program, claims) for key, program in self.mapping.items()}
        groups = tuple(map(str, values.pop(GROUPS, ())))
        subject = str(values.pop(SUBJECT))
        if not subject:
            raise EvaluationFailedError("google.subject is empty")
        if len(subject.encode()) > MAX_SUBJECT_BYTES:
            raise SubjectTooLongError(f"google.subject has {len(subject.encode())} bytes: {subject}")
        custom = {key.removeprefix("attribute."): str(value) for key, value in values.items()}
        if sum(len(value.encode()) for value in (subject, *groups, *custom.values())) > MAX_MAPPED_BYTES:
            raise AttributesTooLargeError(f"the mapped values are over {MAX_MAPPED_BYTES} bytes")
        return Identity(subject, custom, groups)

    def variables(self, claims: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Return what a condition can look at, by the variable; raise as `identify` does."""
        return self._known(claims, self.identify(claims))

    def admit(self, claims: Mapping[str, str]) -> Identity:
        """The identity that these claims get, or a `RejectedError` that says why they get none."""
        identity = self.identify(claims)
        if self.condition is None:
            return identity
        try:
            holds = self.condition.evaluate(self._known(claims, identity))
        except cel.EvaluationError as error:
            raise ConditionWithoutValueError(f"the attribute condition has no value: {error}") from error
        if not holds:
            raise ConditionFalseError(f"the attribute condition is false for {identity.subject}")
        return identity

    def _known(self, claims: Mapping[str, str], identity: Identity) -> dict[str, dict[str, Any]]:
        groups = {"groups": list(identity.groups)} if GROUPS in self.mapping else {}
        google = {"subject": identity.subject, **groups}
        return {"assertion": dict(claims), "google": google, "attribute": dict(identity.attributes)}


def _check_keys(mapping: Mapping[str, str]) -> None:
    if SUBJECT not in mapping:
        raise ConditionError("The attribute mapping lacks google.subject, which Google requires.")
    custom = [key for key in mapping if key not in (SUBJECT, GROUPS)]
    if len(custom) > MAX_ATTRIBUTES:
        raise ConditionError(f"The mapping has {len(custom)} custom attributes; Google takes {MAX_ATTRIBUTES}.")
    for key in custom:
        if not ATTRIBUTE_KEY.accepts(key):
            raise ConditionError(f"{key!r} is no attribute key: write {ATTRIBUTE_KEY.meaning}.")


def _program(key: str, source: str) -> cel.Program:
    if len(source) > MAX_EXPRESSION:
        raise ConditionError(f"The mapping of {key} has {len(source)} characters; Google takes {MAX_EXPRESSION}.")
    wanted = cel.STRING_LIST if key == GROUPS else cel.STRING
    try:
        program = cel.Program.compile(MAPPING_ENV, source, wanted)
    except cel.CompileError as error:
        raise ConditionError(f"The mapping of {key} does not compile: {error}") from error
    # The compiler checks the type of a list's items; the value itself is a list of any type.
    return replace(program, result=cel.LIST) if key == GROUPS else program


def _mapped(key: str, program: cel.Program, assertion: Mapping[str, str]) -> Any:
    try:
        return program.evaluate({"assertion": dict(assertion)})
    except cel.EvaluationError as error:
        raise EvaluationFailedError(f"{key} has no value: {error}") from error
