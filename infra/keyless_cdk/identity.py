"""Who an AWS workload will be to Google, known at synth: literal names, and what fits into a subject."""

from aws_cdk import ArnFormat, CfnResource, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from keyless_federation.errors import FederationError
from keyless_federation.model.rules import (
    AWS_ROLE,
    FUNCTION_NAME,
    MAX_SUBJECT_BYTES,
    PARTITION,
    ROLE_AND_SESSION_BYTES,
    SESSION_NAME,
    Rule,
)


class AttachError(FederationError, ValueError):
    """A workload's identity cannot be named in Google's condition; the message says which line to change."""


def role_name(role: iam.IRole | None, stack: Stack) -> str:
    """The literal name of `role`; an imported role has one, a role of this app only where it was given.

    The provider of `stack` trusts the stack's own account, so a role of another one or of another partition is refused:
    a role of the same name in this account would get the access instead.
    """
    if role is None:
        raise AttachError(
            "There is no role: what is imported by its ARN or name does not tell which role it has. "
            'Import the role itself: iam.Role.from_role_arn(scope, "Role", "arn:aws:iam::ACCOUNT:role/NAME")'
        )
    resource = role.node.default_child
    name = resource.role_name if isinstance(resource, iam.CfnRole) else role.role_name
    literal = _literal(name, role, "role", "Google's condition must name it at synth", AWS_ROLE)
    _require_home(role, stack)
    return literal


def function_name(function: lambda_.IFunction) -> str:
    """The literal name of `function`: Lambda makes it the session name, the last part of the caller's ARN."""
    resource = function.node.default_child
    name = resource.function_name if isinstance(resource, lambda_.CfnFunction) else function.function_name
    return _literal(name, function, "function", "its length decides whether Google accepts it", FUNCTION_NAME)


def session(name: str, role: iam.IRole) -> str:
    """Return the name of a session of `role`, if it can be one."""
    if not SESSION_NAME.accepts(name):
        raise AttachError(f"The session name for the role {role.node.path} {SESSION_NAME.refusal(name)}.")
    return name


def require_fit(role: str, session_bytes: int, what: str) -> None:
    """Refuse a role whose ARN with a session name of `session_bytes` bytes is over Google's limit of 127."""
    needed = len(role.encode()) + 1 + session_bytes
    if needed > ROLE_AND_SESSION_BYTES:
        raise AttachError(
            f"The identity of {what} is too long for Google: role name ({len(role.encode())} bytes), '/' and session "
            f"name ({session_bytes} bytes) take {needed} bytes, {ROLE_AND_SESSION_BYTES} are left of the "
            f"{MAX_SUBJECT_BYTES} of google.subject. Shorten the names by {needed - ROLE_AND_SESSION_BYTES} bytes."
        )


def _require_home(role: iam.IRole, stack: Stack) -> None:
    account = role.env.account
    partition = Stack.of(role).split_arn(role.role_arn, ArnFormat.SLASH_RESOURCE_NAME).partition
    if account == stack.account and (Token.is_unresolved(partition) or partition == PARTITION):
        return
    whose = "an account that is not known at synth" if Token.is_unresolved(account) else f"the account {account}"
    raise AttachError(
        f"The role {role.node.path} is of {whose}{'' if Token.is_unresolved(partition) else f' in {partition}'}, and "
        f"Google's provider trusts the account {stack.account} in {PARTITION}: a role of the same name there would get "
        "the access instead. Give that account a stack of its own with a GcpFederation."
    )


def _literal(name: str | None, construct: IConstruct, kind: str, why: str, rule: Rule) -> str:
    if name is None or Token.is_unresolved(name):
        raise AttachError(
            f"No literal name for the {kind} {construct.node.path}: {why}. "
            f'Add to the {kind.title()}: {kind}_name="{_suggestion(construct)}"'
        )
    if not rule.accepts(name):
        raise AttachError(f"The name of the {kind} {construct.node.path} {rule.refusal(name)}.")
    return name


def _suggestion(construct: IConstruct) -> str:
    resource = construct.node.default_child
    unique = resource.node.path if isinstance(resource, CfnResource) else construct.node.path
    parts = [part for part in unique.split("/") if part not in ("Resource", "ServiceRole")]
    return "-".join(parts).lower()[:40]
