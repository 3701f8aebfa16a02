"""What topics and secrets have in common: made, read, listed, deleted, and a policy of their own."""

from collections.abc import Callable
from dataclasses import dataclass

from local.google.http.methods import Call, Json, Method, page
from local.google.http.policy_methods import get_policy, set_policy, test_permissions


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource of a project, and how its API goes about it.

    `permissions` is the prefix of its permissions, `audited` that of its methods in audit logs; its names hold the
    project's ID, or where `by_number` is set its number; `policy_verb` is the HTTP verb of getIamPolicy.
    """

    role_kind: str
    collection: str
    permissions: str
    audited: str
    by_number: bool
    policy_verb: str

    @property
    def paths(self) -> tuple[str, str]:
        """The paths of all and of one."""
        every = f"/v1/projects/{{project}}/{self.collection}"
        return every, f"{every}/{{resource}}"

    def prefix(self, call: Call) -> str:
        """What the names of all of the project's begin with."""
        project = call.project.number if self.by_number else call.project.id
        return f"projects/{project}/{self.collection}/"

    def permitted(self, call: Call, verb: str, *, exists: bool = True) -> str:
        """The name of the one in the path, if the caller may do this to it and, unless told otherwise, it exists."""
        name = self.prefix(call) + call.path["resource"]
        call.require(f"{self.permissions}.{verb}", name, call.project.resource)
        if exists:
            call.cloud.resources.get(name)
        return name

    def methods(self, created: Method, singular: str) -> list[Method]:
        """Its methods, with the one that makes it."""
        every, one = self.paths

        def get(call: Call) -> Json:
            return call.cloud.resources.get(self.permitted(call, "get"))

        def listed(call: Call) -> Json:
            call.require(f"{self.permissions}.list", call.project.resource)
            found = call.cloud.resources.below(self.prefix(call))
            return page(call, self.collection, found, default=100, most=1000)

        def delete(call: Call) -> Json:
            call.cloud.resources.delete(self.permitted(call, "delete"))
            return {}

        def policy(act: Callable[..., Json], verb: str, *kind: str) -> Callable[[Call], Json]:
            permission = f"{self.permissions}.{verb}"
            return lambda call: act(call, permission, *kind, self.permitted(call, verb), call.project.resource)

        def test_iam_permissions(call: Call) -> Json:
            name = self.prefix(call) + call.path["resource"]
            call.cloud.resources.get(name)
            return test_permissions(call, name, call.project.resource)

        get_iam_policy, set_iam_policy = (
            policy(get_policy, "getIamPolicy"),
            policy(set_policy, "setIamPolicy", self.role_kind),
        )
        policies = "google.iam.v1.IAMPolicy."
        return [
            Method(self.policy_verb, one + ":getIamPolicy", policies + "GetIamPolicy", get_iam_policy),
            Method("POST", one + ":setIamPolicy", policies + "SetIamPolicy", set_iam_policy),
            Method("POST", one + ":testIamPermissions", policies + "TestIamPermissions", test_iam_permissions),
            created,
            Method("GET", every, f"{self.audited}.List{singular}s", listed),
            Method("GET", one, f"{self.audited}.Get{singular}", get),
            Method("DELETE", one, f"{self.audited}.Delete{singular}", delete),
        ]
