"""The state of this Google Cloud, all of it in memory, and how its parts hang together."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from local.google.federation.pools import Pools
from local.google.iam.access import Access
from local.google.iam.dataset_access import DatasetAccess
from local.google.iam.policies import Binding, Policies
from local.google.iam.policy_documents import PolicyReader
from local.google.iam.principals import user
from local.google.iam.roles.custom import CustomRoles
from local.google.iam.service_accounts import ServiceAccounts
from local.google.iam.tokens import CLOUD_PLATFORM, Grant, Tokens
from local.google.projects import Project, Projects
from local.google.state.audit import Audit
from local.google.state.buckets import Buckets
from local.google.state.operations import Operations
from local.google.state.quotas import Quotas
from local.google.state.resources import Resources

ADMIN = "admin@keyless.local"
PROJECT, PROJECT_NUMBER = "keyless-local", "472918365047"
PUBLIC_DATA, PUBLIC_DATA_NUMBER = "bigquery-public-data", "1057666841514"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this cloud is to behave."""

    aws_endpoint: str
    admin_token: str = field(repr=False)
    project: str = PROJECT
    project_number: str = PROJECT_NUMBER
    propagation_delay: float = 0.0
    long_lifetimes: bool = False
    more_projects: Mapping[str, str] = field(default_factory=dict)
    quotas: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Cloud:
    """Everything that the APIs read and change."""

    settings: Settings
    projects: Projects
    policies: Policies
    tokens: Tokens
    accounts: ServiceAccounts
    pools: Pools
    datasets: DatasetAccess
    custom_roles: CustomRoles
    operations: Operations
    access: Access
    audit: Audit
    documents: PolicyReader
    buckets: Buckets
    resources: Resources
    quotas: Quotas

    @classmethod
    def start(cls, settings: Settings) -> "Cloud":
        """A cloud with the admin's empty projects, and Google's project of public data."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        numbers = {settings.project: settings.project_number, **settings.more_projects}
        owned = [Project(name, number, now) for name, number in numbers.items()]
        projects = Projects(*owned, Project(PUBLIC_DATA, PUBLIC_DATA_NUMBER, now))
        policies = Policies(settings.propagation_delay)
        custom_roles, pools, tokens = CustomRoles(), Pools(), Tokens()
        datasets = DatasetAccess(policies)
        accounts = ServiceAccounts(projects, policies, datasets.rename_member)
        for project in owned:
            policies.begin(project.resource, [Binding("roles/owner", frozenset({f"user:{ADMIN}"}))])
        forever = time.time() + 10 * 365 * 86400
        tokens.register(settings.admin_token, Grant(user(ADMIN), frozenset({CLOUD_PLATFORM}), forever, lambda: True))
        return cls(
            settings=settings,
            projects=projects,
            policies=policies,
            tokens=tokens,
            accounts=accounts,
            pools=pools,
            datasets=datasets,
            custom_roles=custom_roles,
            operations=Operations(),
            access=Access(policies, custom_roles),
            audit=Audit(),
            documents=PolicyReader(custom_roles, accounts, pools),
            buckets=Buckets(policies),
            resources=Resources(policies),
            quotas=Quotas(settings.quotas),
        )
