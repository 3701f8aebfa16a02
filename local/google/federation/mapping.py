"""An AWS provider's attribute mapping and condition: compiled under Google's limits, evaluated for an AWS identity.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cel_expr_python.cel import Type  # type: ignore[import-untyped]

from keyless_federation.conditions import cel
from local.google.errors import OAuthError, invalid_argument

CLAIMS = {"assertion": cel.STRING_MAP}
MAPPING_ENV = cel.environment(CLAIMS)
CONDITION_ENV = cel.environment({**CLAIMS, "google": cel.STRING_MAP, "attribute": cel.STRING_MAP})
# Applies to an AWS provider whose mapping is empty.
DEFAULT_MAPPING = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": "assertion.arn.contains('assumed-role')"
    " ? assertion.arn.extract('{account_arn}assumed-role/')"
    " + 'assumed-role/'"
    " + assertion.arn.extract('assumed-role/{role_name}/')"
    " : assertion.arn",
}
GOOGLE_KEYS = {"google.subject": cel.STRING, "google.groups": cel.STRING_LIST}
CUSTOM_KEY = re.compile(r"attribute\.[a-z0-9_]{1,100}")
CUSTOM_KEYS = 50
EXPRESSION_CHARACTERS = 2048
CONDITION_CHARACTERS = 4096
SUBJECT_BYTES = 127
TOTAL_BYTES = 8 * 1024

REJECTED = "The given credential is rejected by the attribute condition."
LONG_SUBJECT = (
    f"The size of mapped attribute google.subject exceeds the {SUBJECT_BYTES} bytes limit. Either modify your "
    "attribute mapping or the incoming assertion to produce a mapped attribute that is less than "
    f"{SUBJECT_BYTES} bytes."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The mapped attributes: `google.subject`, `google.groups`, and the custom ones by the name after `attribute.`."""

    subject: str
    groups: tuple[str, ...]
    attributes: Mapping[str, str]


class AttributeMapping:
    """The compiled mapping and condition of one provider."""

    def __init__(self, expressions: Mapping[str, str], condition: str) -> None:
        """Compile both; raise 400 where Google refuses them. An empty condition accepts every valid credential."""
        expressions = expressions or DEFAULT_MAPPING
        if "google.subject" not in expressions:
            raise invalid_argument("The attribute mapping must include google.subject.")
        if len(expressions.keys() - GOOGLE_KEYS.keys()) > CUSTOM_KEYS:
            raise invalid_argument(f"The attribute mapping has more than {CUSTOM_KEYS} custom attributes.")
        self._programs = {key: _mapping_program(key, source) for key, source in expressions.items()}
        if len(condition) > CONDITION_CHARACTERS:
            raise invalid_argument(f"attribute_condition has more than {CONDITION_CHARACTERS} characters.")
        self._condition = _compiled("attribute_condition", CONDITION_ENV, condition or "true", cel.BOOL)

    def identity(self, claims: Mapping[str, str]) -> Identity:
        """Map the claims of an AWS identity; raise `OAuthError` where a limit or the condition rejects them."""
        values = {key: _value(key, program, {"assertion": dict(claims)}) for key, program in self._programs.items()}
        google = {key.removeprefix("google."): values[key] for key in values.keys() & GOOGLE_KEYS.keys()}
        custom = {key.removeprefix("attribute."): values[key] for key in values.keys() - GOOGLE_KEYS.keys()}
        subject, groups = str(google["subject"]), tuple(map(str, google.get("groups", ())))
        if not subject:
            raise _rejected("google.subject is empty")
        if _size(subject) > SUBJECT_BYTES:
            raise OAuthError("invalid_request", LONG_SUBJECT, reason=f"google.subject is too long: {subject}")
        if _size(subject, *groups, *custom.values()) > TOTAL_BYTES:
            raise OAuthError("invalid_request", f"The mapped attributes exceed {TOTAL_BYTES} bytes.")
        known = {"assertion": dict(claims), "google": google, "attribute": custom}
        if not _value("the attribute condition", self._condition, known):
            raise _rejected(f"the attribute condition is false for {subject}")
        return Identity(subject, groups, custom)


def _mapping_program(key: str, source: str) -> cel.Program:
    if key not in GOOGLE_KEYS and not CUSTOM_KEY.fullmatch(key):
        raise invalid_argument(f"Invalid attribute mapping key: {key!r}.")
    if len(source) > EXPRESSION_CHARACTERS:
        raise invalid_argument(f"The mapping of {key} has more than {EXPRESSION_CHARACTERS} characters.")
    program = _compiled(f"attribute_mapping: {key}", MAPPING_ENV, source, GOOGLE_KEYS.get(key, cel.STRING))
    # CEL checks the type of a list's items when it compiles; the value itself is a list of any type.
    return replace(program, result=Type.LIST) if key == "google.groups" else program


def _compiled(what: str, env: Any, source: str, result: Type) -> cel.Program:
    try:
        return cel.Program.compile(env, source, result)
    except cel.CompileError as error:
        raise invalid_argument(f"Invalid {what}: {error}") from error


def _value(what: str, program: cel.Program, data: Mapping[str, Any]) -> Any:
    """The program's value; a credential for which there is none is rejected."""
    try:
        return program.evaluate(data)
    except cel.EvaluationError as error:
        raise _rejected(f"{what} has no value: {error}") from error


def _size(*values: str) -> int:
    return sum(len(value.encode()) for value in values)


def _rejected(reason: str) -> OAuthError:
    return OAuthError("unauthorized_client", REJECTED, reason=reason)
