"""IAM policies as JSON: what getIamPolicy shows, and what setIamPolicy takes on which kind of resource."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from keyless_federation.conditions import cel
from local.google.errors import GoogleError, invalid_argument
from local.google.federation.pools import Pools
from local.google.iam import conditions
from local.google.iam.policies import Binding, Condition, Policy
from local.google.iam.principals import PROJECT_GROUPS
from local.google.iam.roles.custom import CustomRoles
from local.google.iam.roles.definition import BUCKET, PROJECT, WITHOUT_CONDITIONS
from local.google.iam.roles.predefined import PREDEFINED
from local.google.iam.service_accounts import ServiceAccounts

FEDERATED = re.compile(
    r"(?:principal|principalSet)://iam\.googleapis\.com/(projects/([^/]+)/locations/global/workloadIdentityPools/([^/]+))/"
    r"(?:subject/.+|attribute\.[a-z0-9_]+/.+|group/.+|\*)"
)
PUBLIC = ("allUsers", "allAuthenticatedUsers")


def shown(policy: Policy, version: int) -> dict[str, Any]:
    """The policy for a caller that asked for `version`; below 3 a condition is only hinted at in the role's name."""
    bindings = [_binding_json(binding, version) for binding in policy.bindings]
    conditional = any(binding.condition for binding in policy.bindings)
    document: dict[str, Any] = {"version": 3 if conditional and version >= 3 else 1, "etag": policy.etag}
    if bindings:
        document["bindings"] = bindings
    return {**document, "auditConfigs": list(policy.audit)} if policy.audit else document


class PolicyReader:
    """Reads a policy's JSON under Google's rules."""

    def __init__(self, custom_roles: CustomRoles, accounts: ServiceAccounts, pools: Pools) -> None:
        self._custom_roles, self._accounts, self._pools = custom_roles, accounts, pools

    def read(self, document: dict[str, Any], kind: str) -> list[Binding]:
        """The bindings of a document for a resource of `kind`, or 400."""
        entries = document.get("bindings") or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise invalid_argument("Invalid value at 'policy.bindings': a list of bindings is expected.")
        bindings = [self._binding(entry, kind) for entry in entries]
        conditional = any(binding.condition for binding in bindings)
        if conditional and kind in WITHOUT_CONDITIONS:
            raise invalid_argument("Conditional role bindings are not supported for this resource.")
        if conditional and document.get("version") != 3:
            raise invalid_argument(
                "Specified policy version is not valid: a policy with conditions must set version 3."
            )
        return bindings

    def require_member(self, member: str, kind: str = "") -> None:
        """400 unless `member` could stand in a policy."""
        prefix, _, name = member.partition(":")
        if member in PUBLIC:
            if kind == PROJECT:
                raise invalid_argument(
                    "Members of type allUsers and allAuthenticatedUsers cannot be set on this resource."
                )
        elif prefix in ("principal", "principalSet"):
            self._require_federated(member)
        elif prefix == "serviceAccount":
            if self._accounts.find(name) is None:
                raise invalid_argument(f"Service account {name} does not exist.")
        elif prefix in PROJECT_GROUPS and kind == BUCKET:
            return
        elif prefix not in ("user", "group", "domain", "deleted") or not name:
            raise invalid_argument(f"Invalid policy member {member!r}.")

    def _binding(self, entry: dict[str, Any], kind: str) -> Binding:
        role, members = str(entry.get("role", "")), entry.get("members") or []
        if not isinstance(members, list):
            raise invalid_argument("Invalid value at 'members': a list of strings is expected.")
        self.require_role(role, kind)
        for member in members:
            self.require_member(str(member), kind)
        return Binding(role, frozenset(map(str, members)), self.condition(entry.get("condition")))

    def require_role(self, role: str, kind: str) -> None:
        """400 unless `role` can be granted on a resource of `kind`."""
        predefined = PREDEFINED.get(role)
        if predefined is None and role.startswith(("projects/", "organizations/")):
            try:
                self._custom_roles.get(role)
            except GoogleError as error:
                raise invalid_argument(f"Role ({role}) does not exist in the resource's hierarchy.") from error
        elif predefined is None or kind not in predefined.grantable_on:
            raise invalid_argument(f"Role {role} is not supported for this resource.")

    def condition(self, document: Any) -> Condition | None:
        """The condition of a binding, compiled and tried, or 400."""
        if not document:
            return None
        if not isinstance(document, dict):
            raise invalid_argument("Invalid value at 'condition': an object is expected.")
        title, expression = str(document.get("title", "")), str(document.get("expression", ""))
        if not title or not expression:
            raise invalid_argument("A condition needs a title and an expression.")
        try:
            # Evaluated once, so that what no check could evaluate (a hasOnly() of eleven roles) is refused here.
            conditions.evaluate(expression, conditions.ANY_RESOURCE, ())
        except (cel.CompileError, cel.EvaluationError) as error:
            raise invalid_argument(f"Condition expression compilation failed: {error}") from error
        return Condition(title, expression, str(document.get("description", "")))

    def _require_federated(self, member: str) -> None:
        match = FEDERATED.fullmatch(member)
        if match is None or (member.startswith("principal:") != ("/subject/" in member)):
            raise invalid_argument(f"Invalid principal: {member}")
        if self._pools.find(match[2], match[3]) is None:
            raise invalid_argument(
                f"Identity Pool does not exist ({match[1]}). Please check that you specified a valid resource name "
                "as returned in the `name` attribute in the configuration API."
            )


def changed_roles(before: Iterable[Binding], after: Iterable[Binding]) -> set[str]:
    """The roles of which any grant differs: what `modifiedGrantsByRole` stands for."""
    return {role for role, _, _ in _grants(before) ^ _grants(after)}


def _grants(bindings: Iterable[Binding]) -> set[tuple[str, str, Condition | None]]:
    return {(binding.role, member, binding.condition) for binding in bindings for member in binding.members}


def _binding_json(binding: Binding, version: int) -> dict[str, Any]:
    document: dict[str, Any] = {"role": binding.role, "members": sorted(binding.members)}
    if binding.condition is None:
        return document
    if version < 3:
        digest = hashlib.sha256(repr(binding.condition).encode()).hexdigest()[:20]
        return {**document, "role": f"{binding.role}_withcond_{digest}"}
    condition = {
        "title": binding.condition.title,
        "description": binding.condition.description,
        "expression": binding.condition.expression,
    }
    return {**document, "condition": {key: value for key, value in condition.items() if value}}
