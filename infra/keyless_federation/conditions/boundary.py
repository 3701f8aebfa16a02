"""The trust boundary: the condition of an AWS provider, generated, and tried on the ARNs it must tell apart."""

from collections.abc import Iterable, Mapping

from infra.conditions.lookalikes import lookalikes
from infra.trust import MAX_CONDITION_CHARS, MAX_SUBJECT_BYTES, ConditionError, Rejected, SubjectTooLong, Trust

MAPPING: dict[str, str] = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')",
    "attribute.aws_account": "assertion.account",
}


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
    return [found.arn for found in lookalikes(account, roles)]


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
