"""The trust boundary: the condition of an AWS provider, tried on the ARNs that it must tell apart."""

from collections.abc import Iterable, Mapping

from keyless_federation.conditions.lookalikes import lookalikes
from keyless_federation.conditions.trust import RejectedError, SubjectTooLongError, Trust
from keyless_federation.model.condition import MAPPING, ConditionError
from keyless_federation.model.rules import MAX_SUBJECT_BYTES, session_arn


def aws_claims(arn: str) -> dict[str, str]:
    """Return the claims of an AWS credential, as Google makes them from what GetCallerIdentity answers.

    An ARN does not contain the unique ID of a user or a role, which begins `assertion.userid`: an example stands
    for it. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
    """
    _, _, _, _, account, caller = arn.split(":", 5)
    kind, _, name = caller.partition("/")
    userid = {
        "root": account,
        "user": "AIDAEXAMPLE",
        "federated-user": f"{account}:{name}",
    }.get(kind, f"AROAEXAMPLE:{name.rpartition('/')[2]}")
    return {"arn": arn, "account": account, "userid": userid}


def admitted(trust: Trust, arn: str) -> bool:
    """Return whether a provider lets this ARN in."""
    try:
        trust.admit(aws_claims(arn))
    except RejectedError:
        return False
    return True


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
        _not_let_in(trust, role, session_arn(account, role, session))
        for role, sessions in roles.items()
        for session in sessions
    ]
    hostile = [_not_kept_out(trust, arn) for arn in hostile_arns(account, roles)]
    return [problem for problem in attached + hostile if problem]


def _not_let_in(trust: Trust, role: str, arn: str) -> str | None:
    try:
        identity = trust.admit(aws_claims(arn))
    except SubjectTooLongError as error:
        return (
            f"{arn} cannot be let in: {error}. Shorten the names: role + '/' + function must fit 88 bytes, "
            f"for google.subject takes {MAX_SUBJECT_BYTES}."
        )
    except RejectedError as error:
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
    if not admitted(trust, arn):
        return None
    return (
        f"The condition lets in {arn}, which was given no access. Compare the account, anchor the ARN with "
        "startsWith('arn:aws:sts::ACCOUNT:assumed-role/'), and list the roles by their whole names."
    )
