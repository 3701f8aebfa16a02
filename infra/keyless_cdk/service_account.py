"""Access to Google as constructs: which AWS workloads have it, what it allows, and as which service account."""

from collections.abc import Sequence
from typing import Any, Protocol

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from keyless_cdk import grants, identity
from keyless_cdk.federation_handler import Deployer
from keyless_cdk.grants import Grant
from keyless_cdk.identity import AttachError, function_name, require_fit, role_name
from keyless_cdk.layer import KeylessLayer
from keyless_federation.model import names
from keyless_federation.model.rules import is_regional, service_account_email, session_arn

WORKLOAD_IDENTITY_USER = "roles/iam.workloadIdentityUser"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 -- the name of a role
DEADLINE = 6  # the layer's own default, in seconds


class Trust(Protocol):
    """What an access needs of the federation that it belongs to."""

    project: str
    google_endpoint: str | None
    layer: KeylessLayer
    deployer: Deployer

    @property
    def audience(self) -> str:
        """The provider as the audience of the token exchange."""

    def access_of(self, function: lambda_.Function) -> "GcpAccess | None":
        """Return what `function` was attached to, or None."""

    def record(self, function: lambda_.Function, access: "GcpAccess") -> None:
        """Record that `function` is attached."""

    def trust(self, role: str, session: str) -> None:
        """Admit `role`, with `session` as a session name to try the condition on."""


class GcpAccess(Construct):
    """AWS roles and principals with some grants at Google. Made by the methods of `GcpFederation`."""

    def __init__(self, scope: Construct, name: str, given: Sequence[Grant], *, federation: Trust) -> None:
        super().__init__(scope, name)
        self.federation, self.name, self.grants = federation, name, tuple(given)
        self.roles: set[str] = set()
        self.principals: set[str] = set()

    def attach_to(self, function: lambda_.Function, *, by_arn: bool = False) -> None:
        """Let `function` call Google: layer, environment and binding.

        The function and its role need literal names, of 87 bytes together: otherwise `AttachError` names the
        lines to add. A function has one access; attaching it again to the same one changes nothing. Google knows
        it by its role; `by_arn=True` lets in this function alone, and nothing else that has the role.
        """
        if self.federation.access_of(function) is self:
            return
        if not isinstance(function, lambda_.Function):
            raise AttachError(
                f"The function {function.node.path} is not made here (imported, or an alias or a version of one), so "
                "this app cannot give it the layer. docs/attach.md tells how to attach it where it is made."
            )
        role, session = role_name(function.role, Stack.of(self)), function_name(function)
        require_fit(role, len(session.encode()), f"the function {function.node.path}")
        self._require_architecture(function)
        self.federation.record(function, self)
        self._trust(role, session, by_arn=by_arn)
        function.add_layers(self.federation.layer)
        for variable, value in {**self.environment(), **_deadline(function)}.items():
            function.add_environment(variable, value)

    def trust_role(self, role: iam.IRole, session_name_bytes: int = 64, *, session_name: str | None = None) -> None:
        """Let in anything that runs as `role` (CodeBuild, ECS, EC2).

        `session_name_bytes` is the longest session name that it will have: CodeBuild's takes 49 bytes. With
        `session_name`, only the session of this very name is let in.
        """
        name = role_name(role, Stack.of(self))
        session = "s" * session_name_bytes if session_name is None else identity.session(session_name, role)
        require_fit(name, len(session.encode()), f"the role {role.node.path}")
        self._trust(name, session, by_arn=session_name is not None)

    def environment(self) -> dict[str, str]:
        """The variables with which the layer has this access."""
        hosts, endpoint = sorted(grants.hosts_of(self.grants)), self.federation.google_endpoint
        return {
            "KEYLESS_AUDIENCE": self.federation.audience,
            "GOOGLE_CLOUD_PROJECT": self.federation.project,
            **({"KEYLESS_APIS": ",".join(hosts)} if hosts else {}),
            **({"KEYLESS_GOOGLE_ENDPOINT": endpoint} if endpoint else {}),
        }

    def properties(self) -> dict[str, Any]:
        """Who has it and what it allows, as the custom resource takes it."""
        return {
            "AwsRoles": sorted(self.roles),
            **({"AwsPrincipals": sorted(self.principals)} if self.principals else {}),
            "Grants": [grant.properties(self.federation.project) for grant in self.grants],
        }

    def problems(self) -> list[str]:
        """What is wrong with its grants."""
        return grants.problems(self.grants, self.federation.project, self.node.path)

    def _require_architecture(self, function: lambda_.Function) -> None:
        """CDK compares the runtimes of function and layer itself, and leaves this to fail in production."""
        built_for = self.federation.layer.architecture.name
        if function.architecture.name != built_for:
            raise AttachError(
                f"The function {function.node.path} runs on {function.architecture.name}, the layer is built for "
                f"{built_for}: its compiled modules would not load. Give both the same architecture."
            )

    def _trust(self, role: str, session: str, *, by_arn: bool) -> None:
        if by_arn:
            self.principals.add(session_arn(Stack.of(self).account, role, session))
        else:
            self.roles.add(role)
        self.federation.trust(role, session)


class GcpServiceAccount(GcpAccess):
    """One Google service account and the AWS workloads that may become it. Made by `add_service_account`."""

    def __init__(
        self, scope: Construct, name: str, given: Sequence[Grant], *, federation: Trust, token_creator: bool
    ) -> None:
        super().__init__(scope, names.service_account(name), given, federation=federation)
        self.email = service_account_email(name, federation.project)
        if self.email == federation.deployer.service_account:
            raise AttachError(
                f"{self.email} is the deployer's own account: who becomes it may change every policy of the project. "
                "Give the workload an account of another name."
            )
        if federation.google_endpoint and is_regional(federation.google_endpoint):
            raise AttachError(
                f"google_endpoint is a regional endpoint, and IAM Credentials has none: the service account {name} "
                "could not be impersonated. Use add_direct_access(), which needs no impersonation, or another endpoint."
            )
        self._impersonation = [WORKLOAD_IDENTITY_USER, *([TOKEN_CREATOR] if token_creator else [])]

    def grant_impersonation(
        self, role: iam.IRole, session_name_bytes: int = 64, *, session_name: str | None = None
    ) -> None:
        """Let anything that runs as `role` (CodeBuild, ECS, EC2) become this account.

        `session_name_bytes` is the longest session name that it will have: CodeBuild's takes 49 bytes. With
        `session_name`, only the session of this very name may.
        """
        self.trust_role(role, session_name_bytes, session_name=session_name)

    def properties(self) -> dict[str, Any]:
        """This account as the custom resource takes it."""
        return {
            "Name": self.name,
            "DisplayName": self.name,
            "Impersonation": self._impersonation,
            **super().properties(),
        }

    def environment(self) -> dict[str, str]:
        """The variables with which the layer becomes this account."""
        return {**super().environment(), "KEYLESS_SERVICE_ACCOUNT": self.email}


def _deadline(function: lambda_.Function) -> dict[str, str]:
    """A function that ends before the layer gives up dies without saying why; Lambda's default is 3 s."""
    timeout = function.timeout.to_seconds() if function.timeout else 3
    return {"KEYLESS_DEADLINE": str(max(1, int(timeout) - 1))} if timeout <= DEADLINE else {}
