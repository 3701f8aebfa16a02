"""The permission check: does any visible binding on a resource or above it give this principal this permission?"""

from collections.abc import Collection

from local.google.errors import permission_denied
from local.google.iam import conditions
from local.google.iam.policies import Binding, Policies
from local.google.iam.principals import PROJECT_GROUPS, Principal
from local.google.iam.roles.custom import CustomRoles
from local.google.iam.roles.predefined import PREDEFINED


class Access:
    """Checks against the policies as they are visible now."""

    def __init__(self, policies: Policies, custom_roles: CustomRoles) -> None:
        self._policies, self._custom_roles = policies, custom_roles

    def allowed(
        self, principal: Principal, permission: str, *resources: str, modified_roles: Collection[str] = ()
    ) -> bool:
        """Whether the principal holds the permission on the first of `resources`, the rest being its ancestors."""
        identifiers = principal.identifiers | self._groups(principal, resources[-1])
        return any(
            binding.members & identifiers
            and permission in self.permissions(binding.role)
            and _holds(binding, resources[0], modified_roles)
            for resource in resources
            for binding in self._policies.visible(resource)
        )

    def require(
        self, principal: Principal, permission: str, *resources: str, modified_roles: Collection[str] = ()
    ) -> None:
        """Raise 403 unless `allowed`."""
        if not self.allowed(principal, permission, *resources, modified_roles=modified_roles):
            raise permission_denied(permission, resources[0])

    def _groups(self, principal: Principal, project: str) -> set[str]:
        """The groups that stand for a basic role on the project in what lies below it, such as projectOwner:ID."""
        bindings = [b for b in self._policies.visible(project) if b.members & principal.identifiers and not b.condition]
        held = {binding.role for binding in bindings}
        name = project.removeprefix("projects/")
        return {f"{group}:{name}" for group, roles in PROJECT_GROUPS.items() if held & set(roles)}

    def permissions(self, role: str) -> frozenset[str]:
        """What a role allows, predefined or custom."""
        predefined = PREDEFINED.get(role)
        return predefined.permissions if predefined else self._custom_roles.permissions(role)


def _holds(binding: Binding, resource: str, modified_roles: Collection[str]) -> bool:
    return binding.condition is None or conditions.holds(binding.condition.expression, resource, modified_roles)
