"""Who an AWS workload will be to Google, known at synth: literal names, and what fits into a subject."""

from aws_cdk import CfnResource, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from keyless_federation.errors import FederationError
from keyless_federation.model.rules import MAX_SUBJECT_BYTES, ROLE_AND_SESSION_BYTES


class AttachError(FederationError, ValueError):
    """A workload's identity is not a literal or too long for Google; the message says which line to change."""


def role_name(role: iam.IRole) -> str:
    """The literal name of `role`; an imported role has one, a role of this app only where it was given."""
    resource = role.node.default_child
    name = resource.role_name if isinstance(resource, iam.CfnRole) else role.role_name
    return _literal(name, role, "role", "Google's condition must name it at synth")


def function_name(function: lambda_.IFunction) -> str:
    """The literal name of `function`: Lambda makes it the session name, the last part of the caller's ARN."""
    resource = function.node.default_child
    name = resource.function_name if isinstance(resource, lambda_.CfnFunction) else function.function_name
    return _literal(name, function, "function", "its length decides whether Google accepts it")


def require_fit(role: str, session_bytes: int, what: str) -> None:
    """Refuse a role whose ARN with a session name of `session_bytes` bytes is over Google's limit of 127."""
    needed = len(role.encode()) + 1 + session_bytes
    if needed > ROLE_AND_SESSION_BYTES:
        raise AttachError(
            f"The identity of {what} is too long for Google: role name ({len(role.encode())} bytes), '/' and session "
            f"name ({session_bytes} bytes) take {needed} bytes, {ROLE_AND_SESSION_BYTES} are left of the "
            f"{MAX_SUBJECT_BYTES} of google.subject. Shorten the names by {needed - ROLE_AND_SESSION_BYTES} bytes."
        )


def _literal(name: str | None, construct: IConstruct, kind: str, why: str) -> str:
    if name is None or Token.is_unresolved(name):
        raise AttachError(
            f"No literal name for the {kind} {construct.node.path}: {why}. "
            f'Add to the {kind.title()}: {kind}_name="{_suggestion(construct)}"'
        )
    return name


def _suggestion(construct: IConstruct) -> str:
    resource = construct.node.default_child
    unique = resource.node.path if isinstance(resource, CfnResource) else construct.node.path
    parts = [part for part in unique.split("/") if part not in ("Resource", "ServiceRole")]
    return "-".join(parts).lower()[:40]
