"""The trust boundary: attribute mapping and condition of an AWS provider, generated, compiled and tried on ARNs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from infra import cel

MAPPING: dict[str, str] = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')",
    "attribute.aws_account": "assertion.account",
}

# https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
MAX_CONDITION_CHARS = 4096
MAX_EXPRESSION_CHARS = 2048
MAX_ATTRIBUTES = 50
MAX_SUBJECT_BYTES = 127
MAX_MAPPED_BYTES = 8192
ATTRIBUTE_KEY = re.compile(r"attribute\.[a-z0-9_]{1,100}")

MAPPING_ENV = cel.environment({"assertion": cel.STRING_MAP})
CONDITION_ENV = cel.environment({"assertion": cel.STRING_MAP, "google": cel.STRING_MAP, "attribute": cel.STRING_MAP})


class ConditionError(ValueError):
    """A mapping or condition that Google would refuse; the message says where and why."""


class Rejected(Exception):
    """A credential that the provider does not let in."""


class ConditionFalse(Rejected):
    """The attribute condition does not hold for this credential."""


class SubjectTooLong(Rejected):
    """`google.subject` is over Google's 127 bytes."""


class AttributesTooLarge(Rejected):
    """All mapped values together are over Google's 8 KB."""


class EvaluationFailed(Rejected):
    """A mapping or the condition has no usable value for this credential: nobody is let in on an error."""


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
        if len(condition) > MAX_CONDITION_CHARS:
            raise ConditionError(
                f"The attribute condition has {len(condition)} characters; Google takes {MAX_CONDITION_CHARS}."
            )
        try:
            compiled = cel.Program.compile(CONDITION_ENV, condition, cel.BOOL) if condition else None
        except cel.CompileError as error:
            raise ConditionError(f"The attribute condition does not compile: {error}") from error
        return cls(programs, compiled)

    def admit(self, claims: Mapping[str, str]) -> Identity:
        """The identity that these claims get, or a `Rejected` that says why they get none."""
        assertion = dict(claims)
        values = {key: _mapped(key, program, assertion) for key, program in self.mapping.items()}
        subject = values.pop("google.subject")
        if not subject:
            raise EvaluationFailed("google.subject is empty")
        if len(subject.encode()) > MAX_SUBJECT_BYTES:
            raise SubjectTooLong(f"google.subject has {len(subject.encode())} bytes: {subject}")
        if sum(len(value.encode()) for value in (subject, *values.values())) > MAX_MAPPED_BYTES:
            raise AttributesTooLarge(f"the mapped values are over {MAX_MAPPED_BYTES} bytes")
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
            raise EvaluationFailed(f"the attribute condition has no value: {error}") from error
        if not holds:
            raise ConditionFalse(f"the attribute condition is false for {identity.subject}")


def attribute_condition(account: str, roles: Iterable[str]) -> str:
    """The condition that admits exactly these roles of this account, and no ARN that only looks like one."""
    names = sorted(set(roles))
    if not names:
        raise ConditionError("No role was given access: attach at least one function or role.")
    anchor = quoted(f"arn:aws:sts::{account}:assumed-role/")
    listed = ", ".join(quoted(name) for name in names)
    condition = (
        f"assertion.account == {quoted(account)} && assertion.arn.startsWith({anchor})"
        f" && attribute.aws_role in [{listed}]"
    )
    if len(condition) > MAX_CONDITION_CHARS:
        raise ConditionError(
            f"{len(names)} roles make an attribute condition of {len(condition)} characters, over Google's "
            f"{MAX_CONDITION_CHARS}. Shorten the role names, or spread the functions over several stacks."
        )
    return condition


def quoted(text: str) -> str:
    """`text` as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def aws_claims(arn: str, userid: str = "AROAEXAMPLE:session") -> dict[str, str]:
    """The claims of an AWS credential, as Google makes them from what GetCallerIdentity answers."""
    return {"arn": arn, "account": arn.split(":")[4], "userid": userid}


def hostile_arns(account: str, roles: Iterable[str]) -> list[str]:
    """ARNs that resemble those of `roles` and must stay out; the order is fixed."""
    allowed = set(roles)
    other = f"{(int(account) + 1) % 10**12:012}"
    plain = [f"arn:aws:iam::{account}:root", f"arn:aws:iam::{account}:user/plain"]
    return plain + [arn for role in sorted(allowed) for arn in _lookalikes(account, other, role, allowed)]


def check(account: str, roles: Mapping[str, Iterable[str]], mapping: Mapping[str, str], condition: str) -> list[str]:
    """What is wrong with a provider for `roles` (name -> session names); empty when all is well.

    Each attached role must be let in as itself, and each hostile ARN kept out.
    """
    try:
        trust = Trust.compile(mapping, condition)
    except ConditionError as error:
        return [str(error)]
    attached = [
        _not_let_in(trust, role, f"arn:aws:sts::{account}:assumed-role/{role}/{session}")
        for role, sessions in roles.items()
        for session in sessions
    ]
    hostile = [_not_kept_out(trust, arn) for arn in hostile_arns(account, roles)]
    return [problem for problem in attached + hostile if problem]


def _check_keys(mapping: Mapping[str, str]) -> None:
    if "google.subject" not in mapping:
        raise ConditionError("The attribute mapping lacks google.subject, which Google requires.")
    custom = [key for key in mapping if key != "google.subject"]
    if len(custom) > MAX_ATTRIBUTES:
        raise ConditionError(f"The mapping has {len(custom)} custom attributes; Google takes {MAX_ATTRIBUTES}.")
    for key in custom:
        if not ATTRIBUTE_KEY.fullmatch(key):
            raise ConditionError(
                f"{key!r} is no attribute key: write attribute.NAME, NAME being 1-100 of a-z, 0-9 and _."
            )


def _program(what: str, source: str) -> cel.Program:
    if len(source) > MAX_EXPRESSION_CHARS:
        raise ConditionError(
            f"{what[0].upper()}{what[1:]} has {len(source)} characters; Google takes {MAX_EXPRESSION_CHARS}."
        )
    try:
        return cel.Program.compile(MAPPING_ENV, source, cel.STRING)
    except cel.CompileError as error:
        raise ConditionError(f"{what[0].upper()}{what[1:]} does not compile: {error}") from error


def _mapped(key: str, program: cel.Program, assertion: Mapping[str, str]) -> str:
    try:
        value: str = program.evaluate({"assertion": assertion})
    except cel.EvaluationError as error:
        raise EvaluationFailed(f"{key} has no value: {error}") from error
    return value


def _lookalikes(account: str, other: str, role: str, allowed: set[str]) -> Iterator[str]:
    extended = f"{role}x"
    while extended in allowed:
        extended += "x"
    yield f"arn:aws:sts::{account}:assumed-role/{extended}/x"
    if role[:-1] and role[:-1] not in allowed:
        yield f"arn:aws:sts::{account}:assumed-role/{role[:-1]}/x"
    yield f"arn:aws:sts::{other}:assumed-role/{role}/x"
    yield f"arn:aws-cn:sts::{account}:assumed-role/{role}/x"
    yield f"arn:aws-us-gov:sts::{account}:assumed-role/{role}/x"
    yield f"arn:aws:iam::{account}:user/assumed-role/{role}/x"
    yield f"arn:aws:iam::{account}:role/assumed-role/{role}/x"
    yield f"arn:aws:sts::{account}:federated-user/assumed-role/{role}/x"
    stranger = "evil"
    while stranger in allowed:
        stranger += "x"
    yield f"arn:aws:sts::{account}:assumed-role/{stranger}/assumed-role/{role}/x"


def _not_let_in(trust: Trust, role: str, arn: str) -> str | None:
    try:
        identity = trust.admit(aws_claims(arn))
    except SubjectTooLong as error:
        return (
            f"{arn} cannot be let in: {error}. Shorten the names: role + '/' + function must fit 88 bytes, "
            f"for google.subject takes {MAX_SUBJECT_BYTES}."
        )
    except Rejected as error:
        return (
            f"The attached role {role} is kept out as {arn}: {error}. Name the role in the condition, "
            "or let Keyless generate it."
        )
    if identity.attributes.get("aws_role") != role:
        return (
            f"{arn} gets attribute.aws_role {identity.attributes.get('aws_role')!r}, but the binding names {role!r}. "
            f"Map attribute.aws_role to {MAPPING['attribute.aws_role']}."
        )
    return None


def _not_kept_out(trust: Trust, arn: str) -> str | None:
    try:
        trust.admit(aws_claims(arn))
    except Rejected:
        return None
    return (
        f"The condition lets in {arn}, which was given no access. Compare the account, anchor the ARN with "
        "startsWith('arn:aws:sts::ACCOUNT:assumed-role/'), and list the roles by their whole names."
    )
