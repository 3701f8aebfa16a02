"""What an earlier bootstrap gave: read before anything is planned, so that a later one adds to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from keyless_cli.bootstrap import bounds
from keyless_cli.bootstrap.custom_roles import base_of
from keyless_cli.bootstrap.deployer import KIND_ROLE, PROJECT_ROLE, DeployerSpec
from keyless_cli.bootstrap.role_steps import find_role, list_roles
from keyless_federation.google.client import Google
from keyless_federation.google.providers import provider_of
from keyless_federation.google.step import Step
from keyless_federation.model.bindings import Binding
from keyless_federation.model.condition import roles_of
from keyless_federation.model.fields import Json
from keyless_federation.model.grants import Grant
from keyless_federation.model.rules import HANDLER_NAME
from keyless_federation.model.targets import project
from keyless_federation.policies.iam_policies import bindings_of
from keyless_federation.policies.policies import ChangePolicy, read_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The provider, the project's bindings, and its custom roles by ID, deleted ones included."""

    provider: Json
    bindings: frozenset[Binding]
    roles: Mapping[str, Json]

    @classmethod
    def read(cls, google: Google, deployer: DeployerSpec) -> Self:
        """Look, and change nothing."""
        bindings = frozenset(bindings_of(read_policy(google, project(deployer.project))))
        return cls(
            provider=(None if deployer.grants_only else provider_of(deployer.outline()).find(google)) or {},
            bindings=bindings,
            roles=_roles(google, deployer, bindings),
        )

    @property
    def aws_roles(self) -> frozenset[str]:
        """The AWS roles that come in through the provider now."""
        deleted = self.provider.get("state") == "DELETED"
        return frozenset() if deleted else roles_of(self.provider.get("attributeCondition", ""))

    def grantable(self, deployer: DeployerSpec) -> frozenset[str]:
        """The roles that the deployer may grant on the project now."""
        return bounds.grantable_of(b for b in self.bindings if deployer.base_role(b) == PROJECT_ROLE)

    def kinds(self, deployer: DeployerSpec) -> frozenset[str]:
        """The kinds of resource whose policies it may set now."""
        bases = {deployer.base_role(binding) or "" for binding in self.bindings}
        return frozenset(base.removeprefix(KIND_ROLE) for base in bases if base.startswith(KIND_ROLE))

    def change_grants(self, deployer: DeployerSpec, wanted: Iterable[Grant]) -> list[Step]:
        """What gives the deployer these custom roles in the project, and takes away its others of the bootstrap's."""
        member = f"serviceAccount:{deployer.email}"
        bindings = {Binding(role=grant.role, member=member, condition=grant.condition) for grant in wanted}
        add, remove = bindings - self.bindings, set(deployer.ours(self.bindings)) - bindings
        return [_change(deployer, add, remove)] if add or remove else []

    def role_ids(self, deployer: DeployerSpec) -> dict[str, str]:
        """The ID that each custom role has, or will get."""
        return {base_of(role.id): role.present(self.roles)[0].id for role in replace(deployer, role_ids={}).roles}


def _roles(google: Google, deployer: DeployerSpec, bindings: Iterable[Binding]) -> dict[str, Json]:
    """All custom roles of the project; of those that are wanted or bound, a list that lacks one proves nothing."""
    listed = list_roles(google, deployer.project)
    bound = {binding.role.rpartition("/")[2] for binding in deployer.ours(bindings)}
    missing = sorted(({role.id for role in deployer.roles} | bound) - listed.keys())
    found = {name: find_role(google, f"projects/{deployer.project}/roles/{name}") for name in missing}
    return listed | {name: role for name, role in found.items() if role}


def kept(deployer: DeployerSpec, present: Present) -> DeployerSpec:
    """`deployer` with all that an earlier bootstrap gave. No stage is let in that no bootstrap can have let in."""
    grown = replace(
        deployer,
        grantable=_union(deployer.grantable, present.grantable(deployer)),
        kinds=_union(deployer.kinds, present.kinds(deployer)),
        earlier_roles=tuple(sorted(role for role in present.aws_roles if HANDLER_NAME.fullmatch(role))),
    )
    return replace(grown, role_ids=present.role_ids(grown))


def _change(deployer: DeployerSpec, add: Iterable[Binding], remove: Iterable[Binding]) -> ChangePolicy:
    add, remove = sorted(add, key=str), sorted(remove, key=str)
    return ChangePolicy(on=project(deployer.project), add=tuple(add), remove=tuple(remove))


def _union(asked: Iterable[str], given: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*asked, *given}))
