"""Google's side of the smoke test, as an administrator: what is there, and the link that is broken and mended."""

from dataclasses import dataclass

from keyless_cli.bootstrap import administrator
from keyless_federation.google.accounts import list_accounts, marker_of
from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import OPERATION, PROVIDER
from keyless_federation.model.condition import roles_of
from keyless_federation.model.fields import Json
from keyless_federation.model.targets import project
from keyless_federation.policies.iam_policies import bindings_of
from keyless_federation.policies.policies import read_policy
from keyless_federation.read import project_number
from stacks.verify.stage import SmokeStage

SECONDS = 3600.0  # a whole run


@dataclass(frozen=True, slots=True)
class GoogleCloud:
    """One project, as whoever the administrator's credentials stand for."""

    target: SmokeStage
    google: Google

    @classmethod
    def of(cls, target: SmokeStage) -> "GoogleCloud":
        """At Google, or where KEYLESS_GOOGLE_ENDPOINT points; raises for want of credentials."""
        return cls(target, Google.from_env(administrator.session(), seconds=SECONDS))

    def number(self) -> str:
        """The project's number."""
        return project_number(self.google, self.target.settings.project)

    def deployer_roles(self) -> frozenset[str] | None:
        """The AWS roles that become the deployer; None: there is no such provider, or it is closed."""
        found = self._find(self.target.deployer_provider)
        if found is None or found.get("state") != "ACTIVE" or found.get("disabled"):
            return None
        return roles_of(found.get("attributeCondition", ""))

    def set_provider(self, *, disabled: bool) -> None:
        """Close or open the provider of the smoke test."""
        self.google.run(
            Request(
                what=f"{'close' if disabled else 'open'} the provider {self.target.stack}",
                method="PATCH",
                service="iam",
                path=f"v1/{self.target.provider}",
                query={"updateMask": "disabled"},
                body={"disabled": disabled},
                needs=("iam.workloadIdentityPoolProviders.update",),
                answer=OPERATION,
            )
        )

    def left(self) -> list[str]:
        """What of the smoke test is still there; a deleted pool or provider blocks its ID and is nothing else."""
        found = [
            f"the {kind} {path.rpartition('/')[2]}"
            for kind, path in (("provider", self.target.provider), ("pool", self.target.pool))
            if (self._find(path) or {}).get("state") == "ACTIVE"
        ]
        accounts = list_accounts(self.google, self.target.settings.project)
        found += [f"the service account {email}" for email, account in accounts.items() if self._is_ours(account)]
        bindings = bindings_of(read_policy(self.google, project(self.target.settings.project)))
        found += [f"the grant {binding}" for binding in bindings if self.target.email in binding.member]
        if not self.target.bootstrapped and self.target.deployer_role in (self.deployer_roles() or ()):
            found.append(f"the deployer's trust in the AWS role {self.target.deployer_role}")
        return found

    def _is_ours(self, account: Json) -> bool:
        marker = marker_of(account)
        return marker is not None and marker.owner == self.target.owner

    def _find(self, path: str) -> Json | None:
        return self.google.find(
            Request(
                what=f"read {path}",
                method="GET",
                service="iam",
                path=f"v1/{path}",
                needs=("iam.workloadIdentityPools.get", "iam.workloadIdentityPoolProviders.get"),
                answer=PROVIDER,
            )
        )
