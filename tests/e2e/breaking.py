"""Links of the deployed chain, broken for as long as a test looks, and mended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from local.clouds import ACCOUNT, PROJECT
from local.deployment import STAGE
from tests.e2e.chain import Answer, Chain

POOL = f"projects/{PROJECT}/locations/global/workloadIdentityPools/keyless-{ACCOUNT}-{STAGE}"
PROVIDER = f"{POOL}/providers/keyless-bigquery-{STAGE}"


@contextmanager
def provider(chain: Chain, **changed: object) -> Iterator[None]:
    """The provider with some fields changed, and put back."""
    before = chain.admin("GET", f"/iam/v1/{PROVIDER}").body
    patch_provider(chain, changed)
    try:
        yield
    finally:
        patch_provider(chain, {field: before.get(field, False) for field in changed})


def patch_provider(chain: Chain, fields: dict[str, object]) -> None:
    """Patch the provider and wait until that is done."""
    operation = chain.admin("PATCH", f"/iam/v1/{PROVIDER}?updateMask={','.join(fields)}", fields)
    assert operation.status == 200, operation
    while not operation.body.get("done"):
        time.sleep(0.05)
        operation = chain.admin("GET", f"/iam/v1/{operation.body['name']}")


@contextmanager
def policy(chain: Chain, resource: str, *, without: str) -> Iterator[None]:
    """An IAM policy without the bindings whose role starts with `without`, and put back."""
    with_conditions = {"options": {"requestedPolicyVersion": 3}}
    before = chain.admin("POST", f"{resource}:getIamPolicy", with_conditions).body
    kept = [binding for binding in before["bindings"] if not binding["role"].startswith(without)]
    assert len(kept) < len(before["bindings"])
    set_policy(chain, resource, kept)
    try:
        yield
    finally:
        set_policy(chain, resource, before["bindings"])


def set_policy(chain: Chain, resource: str, bindings: list[dict[str, object]]) -> Answer:
    """Replace the bindings of an IAM policy."""
    answer = chain.admin("POST", f"{resource}:setIamPolicy", {"policy": {"bindings": bindings, "version": 3}})
    assert answer.status == 200, answer
    return answer
