"""The deployer: who CloudFormation's custom resource is to Google, and the least that it must be allowed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from functions.gcp_federation.desired import Federation
from functions.gcp_federation.ownership import Marker
from functions.gcp_federation.policies import Binding
from functions.gcp_federation.resources import Account, Condition, Grant, Pool, Project, Provider
from infra import conditions, names
from infra.bootstrap.custom_roles import CustomRole

POOL, ACCOUNT = "keyless-bootstrap", "keyless-deployer"
APIS = (
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "serviceusage.googleapis.com",
    "sts.googleapis.com",
)
# A hasOnly() takes ten roles. https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
MOST_GRANTABLE = 10
CONDITION_TITLE = "keyless-grantable-roles"

FEDERATION_PERMISSIONS = (
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.delete",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getIamPolicy",
    "iam.serviceAccounts.list",
    "iam.serviceAccounts.setIamPolicy",
    "iam.serviceAccounts.update",
    "iam.workloadIdentityPoolProviders.create",
    "iam.workloadIdentityPoolProviders.delete",
    "iam.workloadIdentityPoolProviders.get",
    "iam.workloadIdentityPoolProviders.list",
    "iam.workloadIdentityPoolProviders.undelete",
    "iam.workloadIdentityPoolProviders.update",
    "iam.workloadIdentityPools.create",
    "iam.workloadIdentityPools.delete",
    "iam.workloadIdentityPools.get",
    "iam.workloadIdentityPools.undelete",
    "iam.workloadIdentityPools.update",
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "serviceusage.operations.get",
    "serviceusage.services.enable",
    "serviceusage.services.get",
)
GRANT_PERMISSIONS = ("resourcemanager.projects.setIamPolicy",)
DATASET_PERMISSIONS = (
    "bigquery.datasets.get",
    "bigquery.datasets.getIamPolicy",
    "bigquery.datasets.setIamPolicy",
    "bigquery.datasets.update",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """What is asked of a bootstrap.

    `project` is where federations are made, `home` where the deployer itself lives (by default the same).
    """

    project: str
    home: str
    home_number: str
    account: str
    stages: tuple[str, ...]
    regions: tuple[str, ...]
    grantable: tuple[str, ...]
    dataset_grants: bool

    @property
    def aws_roles(self) -> tuple[str, ...]:
        """The AWS roles that become the deployer: one for each stage and region."""
        return tuple(aws_role(stage, region) for stage, region in product(self.stages, self.regions))

    @property
    def roles(self) -> tuple[CustomRole, ...]:
        """The custom roles, in the project where they are granted."""
        wanted = [
            ("keylessFederation", "Keyless: make federations", FEDERATION_PERMISSIONS),
            ("keylessProjectGrants", "Keyless: grant listed roles on the project", GRANT_PERMISSIONS),
            *([("keylessDatasetGrants", "Keyless: grant on datasets", DATASET_PERMISSIONS)] * self.dataset_grants),
        ]
        return tuple(
            CustomRole(project=self.project, id=role_id, title=title, permissions=permissions, marker=self._marker)
            for role_id, title, permissions in wanted
        )

    def federation(self, kept_roles: Iterable[str] = (), kept_grantable: Iterable[str] = ()) -> Federation:
        """The deployer as a federation of its own, which keeps what earlier bootstraps gave.

        Raises `ValueError` where that cannot be had; the message says what to change.
        """
        roles = sorted({*self.aws_roles, *kept_roles})
        condition = conditions.attribute_condition(self.account, roles)
        if problems := conditions.check(self.account, {role: [role] for role in roles}, conditions.MAPPING, condition):
            raise ValueError(" ".join(problems))
        provider = f"aws-{self.account}"
        return Federation(
            project=self.home,
            number=self.home_number,
            owner=self._marker.owner,
            pool=Pool(id=POOL, display_name="Keyless deployers", retain=True),
            provider=Provider(
                id=provider,
                display_name=f"AWS {self.account}",
                aws_account=self.account,
                mapping=conditions.MAPPING,
                condition=condition,
            ),
            accounts=(
                Account(
                    name=ACCOUNT,
                    display_name="Keyless deployer",
                    aws_roles=tuple(roles),
                    impersonation=("roles/iam.workloadIdentityUser",),
                    grants=tuple(self._grants({*self.grantable, *kept_grantable})),
                ),
            ),
            exclusive=False,
        )

    def earlier(self, desired: Federation, bindings: Iterable[Binding]) -> Federation:
        """`desired` with the bounded grants that it has now, as they are to be replaced."""
        [account] = desired.accounts
        grants = tuple(
            Grant(role=binding.role, on=Project(self.project), condition=binding.condition)
            for binding in self.bounded(bindings)
        )
        return replace(desired, accounts=(replace(account, grants=grants),))

    def contexts(self, number: str) -> list[dict[str, Any]]:
        """What the CDK app is told of it, for each stage and region; `number` is that of `project`."""
        federation = self.federation()
        return [
            {
                "account": self.account,
                "region": region,
                "stage": stage,
                "project": self.project,
                "project_number": number,
                "deployer_audience": federation.audience,
                "deployer_service_account": federation.email(ACCOUNT),
            }
            for stage, region in product(self.stages, self.regions)
        ]

    def bounded(self, bindings: Iterable[Binding]) -> list[Binding]:
        """Those of the project's bindings that let the deployer grant roles."""
        email = names.service_account_email(ACCOUNT, self.home)
        role = f"projects/{self.project}/roles/keylessProjectGrants"
        return [b for b in bindings if b.role == role and b.member == f"serviceAccount:{email}" and b.condition]

    @property
    def _marker(self) -> Marker:
        return Marker(f"{self.account}/bootstrap")

    def _grants(self, grantable: set[str]) -> Iterable[Grant]:
        for role in self.roles:
            bounds = role.permissions == GRANT_PERMISSIONS
            yield Grant(role=role.name, on=Project(self.project), condition=_only(grantable) if bounds else None)


def aws_role(stage: str, region: str) -> str:
    """The role (and the function) of the custom resource of one stage in one region."""
    return f"keyless-federation-{stage}-{region}"


def grantable_of(bindings: Iterable[Binding]) -> set[str]:
    """The roles that bounded bindings let their member grant."""
    return {role for binding in bindings if binding.condition for role in roles_in(binding.condition.expression)}


def roles_in(expression: str) -> list[str]:
    """The Google roles that a condition lists."""
    return re.findall(r"'((?:[a-z]+/[^/']+/)?roles/[^']+)'", expression)


def _only(roles: set[str]) -> Condition:
    if len(roles) > MOST_GRANTABLE:
        raise ValueError(
            f"Google bounds a grantor to {MOST_GRANTABLE} roles, and with the earlier ones there are {len(roles)}: "
            f"{', '.join(sorted(roles))}. Leave out a --grantable-role."
        )
    listed = ", ".join(f"'{role}'" for role in sorted(roles))
    return Condition(
        title=CONDITION_TITLE,
        description="The only roles that the Keyless deployer may grant or take away on this project",
        expression=f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{listed}])",
    )
