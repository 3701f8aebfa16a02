"""A Google service account as a construct: which AWS workloads may become it, and what it may do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_iam as iam

from keyless_cdk.access import GcpAccess
from keyless_cdk.grants import Grant
from keyless_federation.model import names
from keyless_federation.model.rules import service_account_email

if TYPE_CHECKING:
    from keyless_cdk.federation import GcpFederation

WORKLOAD_IDENTITY_USER = "roles/iam.workloadIdentityUser"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 -- the name of a role


class GcpServiceAccount(GcpAccess):
    """One Google service account and the AWS workloads that may become it. Made by `add_service_account`."""

    def __init__(self, federation: "GcpFederation", name: str, *, grants: Sequence[Grant], token_creator: bool) -> None:
        super().__init__(federation, names.service_account(name), grants)
        self.email = service_account_email(name, federation.project)
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
