"""An AWS provider's trust: its mapping and condition under Google's limits, and whom they let in as what."""

from collections.abc import Mapping
from dataclasses import dataclass

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
    """What Google calls a credential once it is in: `google.subject`, and attributes by their bare names."""

    subject: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trust:
    """A compiled mapping and condition, ready to admit or reject claims."""

    mapping: Mapping[str, cel.Program]
    condition: cel.Program | None

    @classmethod
    def compile(cls, mapping: Mapping[str, str], condition: str) -> "Trust":
        """Type-check both under Google's limits, or raise `ConditionError`. An empty condition admits everyone."""
        _check_keys(mapping)
        programs = {key: _program(f"the mapping of {key}", source) for key, source in mapping.items()}
        if len(condition) > MAX_CONDITION:
            raise ConditionError(
                f"The attribute condition has {len(condition)} characters; Google takes {MAX_CONDITION}."
            )
        try:
            compiled = cel.Program.compile(CONDITION_ENV, condition, cel.BOOL) if condition else None
        except cel.CompileError as error:
            raise ConditionError(f"The attribute condition does not compile: {error}") from error
        return cls(programs, compiled)

    def admit(self, claims: Mapping[str, str]) -> Identity:
        """The identity that these claims get, or a `RejectedError` that says why they get none."""
        assertion = dict(claims)
        values = {key: _mapped(key, program, assertion) for key, program in self.mapping.items()}
        subject = values.pop("google.subject")
        if not subject:
            raise EvaluationFailedError("google.subject is empty")
        if len(subject.encode()) > MAX_SUBJECT_BYTES:
            raise SubjectTooLongError(f"google.subject has {len(subject.encode())} bytes: {subject}")
        if sum(len(value.encode()) for value in (subject, *values.values())) > MAX_MAPPED_BYTES:
            raise AttributesTooLargeError(f"the mapped values are over {MAX_MAPPED_BYTES} bytes")
        identity = Identity(subject, {key.removeprefix("attribute."): value for key, value in values.items()})
        self._require_condition(assertion, identity)
        return identity

    def _require_condition(self, assertion: dict[str, str], identity: Identity) -> None:
        if self.condition is None:
            return
        google, attribute = {"subject": identity.subject}, dict(identity.attributes)
        try:
            holds = self.condition.evaluate({"assertion": assertion, "google": google, "attribute": attribute})
        except cel.EvaluationError as error:
            raise ConditionWithoutValueError(f"the attribute condition has no value: {error}") from error
        if not holds:
            raise ConditionFalseError(f"the attribute condition is false for {identity.subject}")


def _check_keys(mapping: Mapping[str, str]) -> None:
    if "google.subject" not in mapping:
        raise ConditionError("The attribute mapping lacks google.subject, which Google requires.")
    custom = [key for key in mapping if key != "google.subject"]
    if len(custom) > MAX_ATTRIBUTES:
        raise ConditionError(f"The mapping has {len(custom)} custom attributes; Google takes {MAX_ATTRIBUTES}.")
    for key in custom:
        if not ATTRIBUTE_KEY.accepts(key):
            raise ConditionError(f"{key!r} is no attribute key: write {ATTRIBUTE_KEY.meaning}.")


def _program(what: str, source: str) -> cel.Program:
    if len(source) > MAX_EXPRESSION:
        raise ConditionError(
            f"{what[0].upper()}{what[1:]} has {len(source)} characters; Google takes {MAX_EXPRESSION}."
        )
    try:
        return cel.Program.compile(MAPPING_ENV, source, cel.STRING)
    except cel.CompileError as error:
        raise ConditionError(f"{what[0].upper()}{what[1:]} does not compile: {error}") from error


def _mapped(key: str, program: cel.Program, assertion: Mapping[str, str]) -> str:
    try:
        value: str = program.evaluate({"assertion": assertion})
    except cel.EvaluationError as error:
        raise EvaluationFailedError(f"{key} has no value: {error}") from error
    return value
