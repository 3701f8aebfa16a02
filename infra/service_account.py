"""A Google service account as a construct: which AWS workloads may become it, and what it may do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import names
from infra.grants import Grant, api_of
from infra.identity import NotAttachable, function_name, require_fit, role_name

if TYPE_CHECKING:
    from infra.federation import GcpFederation

WORKLOAD_IDENTITY_USER = "roles/iam.workloadIdentityUser"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 -- the name of a role

DEADLINE = 6  # the layer's own default, in seconds


class GcpServiceAccount(Construct):
    """One Google service account and the AWS workloads that may become it. Made by `add_service_account`."""

    def __init__(self, federation: "GcpFederation", name: str, *, grants: Sequence[Grant], token_creator: bool) -> None:
        super().__init__(federation, name)
        self.federation = federation
        self.name = names.service_account(name)
        self.email = names.service_account_email(name, federation.project)
        self.grants = tuple(grants)
        self.roles: set[str] = set()
        self._impersonation = [WORKLOAD_IDENTITY_USER, *([TOKEN_CREATOR] if token_creator else [])]

    def attach_to(self, function: lambda_.Function) -> None:
        """Let `function` call Google as this account: layer, environment and binding.

        The function and its role need literal names, of 87 bytes together: otherwise `NotAttachable`
        names the lines to add. A function has one account; attaching it again to the same one changes nothing.
        """
        if self.federation.account_of(function) is self:
            return
        if function.role is None:
            raise NotAttachable(f"The function {function.node.path} has no role of its own to attach.")
        role, session = role_name(function.role), function_name(function)
        require_fit(role, len(session.encode()), f"the function {function.node.path}")
        self._require_architecture(function)
        self.federation.record(function, self)
        self._trust(role, session)
        function.add_layers(self.federation.layer)
        for variable, value in {**self.environment(), **_deadline(function)}.items():
            function.add_environment(variable, value)

    def grant_impersonation(self, role: iam.IRole, session_name_bytes: int = 64) -> None:
        """Let anything that runs as `role` (CodeBuild, ECS, EC2) become this account.

        `session_name_bytes` is the longest session name that it will have: CodeBuild's takes 49 bytes.
        """
        name = role_name(role)
        require_fit(name, session_name_bytes, f"the role {role.node.path}")
        self._trust(name, "s" * session_name_bytes)

    def properties(self) -> dict[str, Any]:
        """This account as the custom resource takes it."""
        return {
            "Name": self.name,
            "DisplayName": self.name,
            "AwsRoles": sorted(self.roles),
            "Impersonation": self._impersonation,
            "Grants": [grant.properties(self.federation.project) for grant in self.grants],
        }

    def environment(self) -> dict[str, str]:
        """The variables with which the layer becomes this account."""
        apis = sorted({api for grant in self.grants if (api := api_of(grant.role))})
        endpoint = self.federation.google_endpoint
        return {
            "KEYLESS_AUDIENCE": self.federation.audience,
            "KEYLESS_SERVICE_ACCOUNT": self.email,
            "GOOGLE_CLOUD_PROJECT": self.federation.project,
            **({"KEYLESS_APIS": ",".join(apis)} if apis else {}),
            **({"KEYLESS_GOOGLE_ENDPOINT": endpoint} if endpoint else {}),
        }

    def _require_architecture(self, function: lambda_.Function) -> None:
        """CDK compares the runtimes of function and layer itself, and leaves this to fail in production."""
        built_for = self.federation.layer.architecture.name
        if function.architecture.name != built_for:
            raise NotAttachable(
                f"The function {function.node.path} runs on {function.architecture.name}, the layer is built for "
                f"{built_for}: its compiled modules would not load. Give both the same architecture."
            )

    def _trust(self, role: str, session: str) -> None:
        self.roles.add(role)
        self.federation.trust(role, session)


def _deadline(function: lambda_.Function) -> dict[str, str]:
    """A function that ends before the layer gives up dies without saying why; Lambda's default is 3 s."""
    timeout = function.timeout.to_seconds() if function.timeout else 3
    return {"KEYLESS_DEADLINE": str(max(1, int(timeout) - 1))} if timeout <= DEADLINE else {}
