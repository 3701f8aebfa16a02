"""The deployer: who CloudFormation's custom resource is to Google, as a federation of its own."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from keyless_cli.bootstrap import bounds
from keyless_cli.bootstrap.custom_roles import CustomRole, base_of
from keyless_cli.bootstrap.permissions import FEDERATION, GRANTS_ELSEWHERE, PROJECT_GRANTS, grants_on
from keyless_federation.conditions.boundary import check
from keyless_federation.model.bindings import Binding
from keyless_federation.model.condition import MAPPING, attribute_condition
from keyless_federation.model.federation import Federation
from keyless_federation.model.grants import Grant
from keyless_federation.model.ownership import Marker
from keyless_federation.model.resources import Account, Pool, Provider
from keyless_federation.model.rules import CHAIN_APIS, handler_name, service_account_email
from keyless_federation.model.targets import project

POOL, ACCOUNT = "keyless-bootstrap", "keyless-deployer"
FEDERATION_ROLE, PROJECT_ROLE, KIND_ROLE = "keylessFederation", "keylessProjectGrants", "keylessGrantsOn."
APIS = tuple(sorted((*CHAIN_APIS, "serviceusage.googleapis.com")))
APIS_FOR_GRANTS = ("cloudresourcemanager.googleapis.com", "iam.googleapis.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployerSpec:
    """What is asked of a bootstrap, and with `keyless_cli.bootstrap.present.kept` also what it gave before.

    `project` is where federations are made, `home` where the deployer itself lives (by default the same).
    `grantable` are the roles that it may grant on the project, `kinds` the kinds of resource whose policies it may
    set; `earlier_roles` are AWS roles that become it already, `role_ids` the IDs that its custom roles have
    where Google blocks the usual ones. With `grants_only`, no federations are made in `project`: a deployer that
    works elsewhere grants on it.
    """

    project: str
    home: str
    home_number: str
    account: str
    stages: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    grantable: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    earlier_roles: tuple[str, ...] = ()
    role_ids: Mapping[str, str] = field(default_factory=dict)
    grants_only: bool = False

    @property
    def aws_roles(self) -> tuple[str, ...]:
        """The AWS roles that are asked for: one for each stage and region."""
        return tuple(handler_name(stage, region) for stage, region in product(self.stages, self.regions))

    @property
    def apis(self) -> dict[str, tuple[str, ...]]:
        """The APIs that are enabled in each project."""
        return {self.project: APIS_FOR_GRANTS} if self.grants_only else {self.project: APIS, self.home: APIS}

    @property
    def roles(self) -> tuple[CustomRole, ...]:
        """The custom roles, in the project where they are granted."""
        return tuple(
            CustomRole(
                project=self.project,
                id=self.role_ids.get(role_id, role_id),
                title=f"Keyless: {title}",
                permissions=permissions,
                marker=self.marker,
            )
            for role_id, title, permissions in self._wanted_roles()
        )

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What it is granted in the project: the custom roles, that on the project's own policy under its bound."""
        bound = bounds.only(self.grantable or (bounds.DEFAULT,))
        return tuple(
            Grant(
                role=role.name,
                on=project(self.project),
                condition=bound if base_of(role.id) == PROJECT_ROLE else None,
            )
            for role in self.roles
        )

    @property
    def marker(self) -> Marker:
        """What everything that the bootstrap makes carries."""
        return Marker(f"{self.account}/bootstrap")

    @property
    def email(self) -> str:
        """The deployer's address."""
        return service_account_email(ACCOUNT, self.home)

    def federation(self) -> Federation:
        """The deployer as a federation; `ValueError` where it cannot be had, saying what to change."""
        roles = sorted({*self.aws_roles, *self.earlier_roles})
        condition = attribute_condition(self.account, roles)
        if problems := check(self.account, {role: [role] for role in roles}, MAPPING, condition):
            raise ValueError(" ".join(problems))
        account = Account(
            name=ACCOUNT,
            display_name="Keyless deployer",
            aws_roles=tuple(roles),
            impersonation=("roles/iam.workloadIdentityUser",),
            grants=self.grants,
        )
        return replace(self.outline(), provider=self._provider(condition), accounts=(account,))

    def outline(self) -> Federation:
        """Where the deployer lives and what its parts are called: enough to look for them, and to take them away."""
        return Federation(
            project=self.home,
            number=self.home_number,
            owner=self.marker.owner,
            pool=Pool(id=POOL, display_name="Keyless deployers", retain=True),
            provider=self._provider(""),
            exclusive=False,
        )

    def given(self, federation: Federation, bindings: Iterable[Binding]) -> Federation:
        """`federation` with the custom roles that the deployer holds now: what is not wanted of them is taken away."""
        account = Account(
            name=ACCOUNT,
            display_name="Keyless deployer",
            grants=tuple(
                Grant(role=binding.role, on=project(self.project), condition=binding.condition)
                for binding in self.ours(bindings)
            ),
        )
        return replace(federation, accounts=(account,))

    def contexts(self, number: str, warm: Collection[str] = ()) -> list[dict[str, Any]]:
        """What the CDK app is told of it, for each stage and region; `number` is that of `project`.

        In the regions `warm`, AWS's quota is known to allow a provisioned environment.
        """
        return [
            {
                "account": self.account,
                "region": region,
                "stage": stage,
                "project": self.project,
                "project_number": number,
                "deployer_audience": self.outline().audience,
                "deployer_service_account": self.email,
                "provisioned_concurrency": int(region in warm),
            }
            for stage, region in product(self.stages, self.regions)
        ]

    def ours(self, bindings: Iterable[Binding]) -> list[Binding]:
        """Those of the project's bindings that give the deployer custom roles of the bootstrap."""
        return [binding for binding in bindings if self.base_role(binding) is not None]

    def base_role(self, binding: Binding) -> str | None:
        """Which custom role a binding gives the deployer; None for any other binding."""
        parent, _, role_id = binding.role.rpartition("/")
        if binding.member != f"serviceAccount:{self.email}" or parent != f"projects/{self.project}/roles":
            return None
        base = base_of(role_id)
        return base if base in (FEDERATION_ROLE, PROJECT_ROLE) or base.startswith(KIND_ROLE) else None

    def _wanted_roles(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        if not self.grants_only:
            yield FEDERATION_ROLE, "make federations", FEDERATION
        if self.grantable or not self.grants_only:
            permissions = GRANTS_ELSEWHERE if self.grants_only else PROJECT_GRANTS
            yield PROJECT_ROLE, "grant listed roles on the project", permissions
        for kind in sorted({*self.kinds}):
            yield KIND_ROLE + kind, f"grant on {kind}", grants_on(kind)

    def _provider(self, condition: str) -> Provider:
        return Provider(
            id=f"aws-{self.account}",
            display_name=f"AWS {self.account}",
            aws_account=self.account,
            mapping=MAPPING,
            condition=condition,
        )
