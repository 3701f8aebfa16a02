"""The desired state of Google's half, as plain values: what properties say, and the names that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self, cast

from keyless_federation.errors import PropertiesError
from keyless_federation.model import rules
from keyless_federation.model.fields import Fields
from keyless_federation.model.grants import Direct
from keyless_federation.model.ownership import Marker
from keyless_federation.model.resources import Account, Pool, Provider
from keyless_federation.model.rules import OnUnreachable

RESOURCE_TYPE = "Custom::KeylessFederation"


class Phase(StrEnum):
    """Which side of a rollout a resource stands on.

    open: comes before the functions, adds and takes nothing away; its deletion removes everything.
    settle: comes after the functions, makes exact; its deletion does nothing. whole: both in one.
    """

    OPEN = "open"
    SETTLE = "settle"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """Everything on Google's side that one custom resource stands for.

    `owner` is stable across re-creations of a stack. `present` is False for what is to be gone: creating,
    updating and deleting are one reconciliation with different desired states. `exclusive` tells whether an
    account of ours that goes loses what others gave it as well, or leaves that dangling. `adopt` lets it take over
    resources without an owner marker; `audit_logs` are the services whose Data Access logs are switched on.
    `skip_unreadable` is for taking back a failed deployment (see `keyless_federation.skipping`).
    """

    project: str
    number: str
    owner: str
    pool: Pool
    provider: Provider
    apis: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    direct: tuple[Direct, ...] = ()
    phase: Phase = Phase.WHOLE
    present: bool = True
    exclusive: bool = True
    adopt: bool = False
    on_unreachable: OnUnreachable = "fail"
    skip_unreadable: bool = False
    audit_logs: tuple[str, ...] = ()

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Self:
        """From CloudFormation's properties; raises `PropertiesError` with every problem at once."""
        fields = Fields(properties)
        project = fields.text("Project", rules.PROJECT)
        federation = cls(
            project=project,
            number=fields.text("ProjectNumber", rules.PROJECT_NUMBER),
            owner=fields.text("Owner", rules.OWNER),
            pool=Pool.read(fields.object("Pool")),
            provider=Provider.read(fields.object("Provider")),
            apis=fields.texts("Apis", rules.API),
            accounts=tuple(Account.read(account, project) for account in fields.objects("ServiceAccounts")),
            direct=tuple(Direct.read(direct, project) for direct in fields.objects("Direct")),
            phase=Phase(fields.choice("Phase", Phase, Phase.WHOLE)),
            adopt=fields.flag("Adopt", "false"),
            on_unreachable=cast(OnUnreachable, fields.text("OnUnreachable", rules.ON_UNREACHABLE, "fail")),
            audit_logs=fields.texts("AuditLogs", rules.API),
        )
        federation._check(fields)
        if fields.problems:
            raise PropertiesError(fields.problems)
        return federation

    def gone(self) -> Self:
        """The desired state of a deleted resource: nothing of it is left."""
        return replace(self, present=False, accounts=(), direct=(), audit_logs=())

    @property
    def id(self) -> str:
        """POOL/PROVIDER: what tells this federation from the owner's others."""
        return f"{self.pool.id}/{self.provider.id}"

    @property
    def physical_id(self) -> str:
        """CloudFormation's name for the resource; the same for the same names, whatever else changes."""
        return f"{self.project}/{self.id}/{self.phase}"

    @property
    def marker(self) -> Marker:
        """What pool and provider carry."""
        return Marker(self.owner)

    @property
    def account_marker(self) -> Marker:
        """What the service accounts carry."""
        return Marker(self.owner, self.id)

    def owns(self, description: str | None, previous: "Federation | None" = None) -> bool:
        """Whether a pool or provider so described is this federation's, or the one's that it replaces."""
        return Marker.find(description) in {federation.marker for federation in (self, previous) if federation}

    def holds(self, description: str | None, previous: "Federation | None" = None) -> bool:
        """Whether a service account so described is this federation's, or the one's that it replaces."""
        return Marker.find(description) in {federation.account_marker for federation in (self, previous) if federation}

    @property
    def pool_path(self) -> str:
        """The pool's resource name, with the project's ID."""
        return rules.pool_name(self.project, self.pool.id)

    @property
    def provider_path(self) -> str:
        """The provider's resource name, with the project's ID."""
        return f"{self.pool_path}/providers/{self.provider.id}"

    @property
    def audience(self) -> str:
        """The provider as STS wants to be asked for it: with the project's number."""
        return rules.audience(self.number, self.pool.id, self.provider.id)

    @property
    def removes(self) -> bool:
        """Whether what is not wanted is taken away."""
        return self.phase is not Phase.OPEN or not self.present

    def email(self, account: str) -> str:
        """The address of the project's service account of this name."""
        return rules.service_account_email(account, self.project)

    @property
    def pool_name(self) -> str:
        """The pool as members of bindings name it: with the project's number."""
        return f"iam.googleapis.com/{rules.pool_name(self.number, self.pool.id)}"

    def principal_set(self, aws_role: str) -> str:
        """Everyone who comes in as this AWS role, as a member of a binding."""
        return f"principalSet://{self.pool_name}/attribute.aws_role/{aws_role}"

    def members(self, whom: Account | Direct) -> tuple[str, ...]:
        """The AWS roles, and the principals by their full ARNs, as members of bindings."""
        principals = (f"principal://{self.pool_name}/subject/{arn}" for arn in whom.aws_principals)
        return (*map(self.principal_set, whom.aws_roles), *principals)

    def _check(self, fields: Fields) -> None:
        names = [account.name for account in self.accounts]
        for name in sorted({name for name in names if name and names.count(name) > 1}):
            fields.add("ServiceAccounts", f"names {name} more than once")
        whom: tuple[Account | Direct, ...] = (*self.accounts, *self.direct)
        for arn in sorted({arn for one in whom for arn in one.aws_principals}):
            if rules.AWS_PRINCIPAL.accepts(arn) and f"::{self.provider.aws_account}:" not in arn:
                fields.add("AwsPrincipals", f"names {arn}, of another AWS account than the provider's")
        if self.owner and self.provider.aws_account and self.marker.aws_account != self.provider.aws_account:
            fields.add("Provider.AwsAccount", f"is not the account of the owner {self.owner}")
        if len(self.account_marker.description().encode()) > rules.MAX_DESCRIPTION:
            fields.add(
                "Owner", f"is too long: the marker must fit Google's {rules.MAX_DESCRIPTION} bytes. Shorten the name"
            )
        room = self.marker.on_adopted().room
        for name, text in (("Pool", self.pool.description), ("Provider", self.provider.description)):
            if (taken := len(text.encode())) > room:
                fields.add(f"{name}.Description", f"takes {taken} bytes, and beside the marker {room} are left")
