"""Who a caller is, and under which identifiers a policy may name them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

POOLS = "iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{pool}"

# Groups that stand for a basic role on a project, in the policies of buckets and datasets.
# https://cloud.google.com/storage/docs/access-control/iam#convenience-values
PROJECT_GROUPS = {
    "projectOwner": ("roles/owner",),
    "projectEditor": ("roles/owner", "roles/editor"),
    "projectViewer": ("roles/owner", "roles/editor", "roles/viewer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller: the name that audit logs show, and every identifier that stands for it in a policy."""

    name: str
    identifiers: frozenset[str]
    email: str | None = None
    delegation: str | None = None


def user(email: str) -> Principal:
    """A person with a Google Account."""
    return _google_account("user", email)


def service_account(email: str, *, delegation: str | None) -> Principal:
    """A service account, and who impersonates it."""
    return _google_account("serviceAccount", email, delegation)


def federated(
    number: str, pool: str, subject: str, attributes: Mapping[str, str], groups: Iterable[str] = ()
) -> Principal:
    """An identity of a workload identity pool.

    It is not among `allAuthenticatedUsers`: those are Google's own accounts only.
    https://cloud.google.com/iam/docs/principals-overview#all-authenticated-users
    """
    base = POOLS.format(number=number, pool=pool)
    name = f"principal://{base}/subject/{subject}"
    sets = {f"principalSet://{base}/attribute.{key}/{value}" for key, value in attributes.items()}
    sets |= {f"principalSet://{base}/group/{group}" for group in groups}
    return Principal(name=name, identifiers=frozenset({name, f"principalSet://{base}/*", "allUsers"} | sets))


def _google_account(kind: str, email: str, delegation: str | None = None) -> Principal:
    identifiers = frozenset({f"{kind}:{email}", "allUsers", "allAuthenticatedUsers"})
    return Principal(name=email, identifiers=identifiers, email=email, delegation=delegation)
