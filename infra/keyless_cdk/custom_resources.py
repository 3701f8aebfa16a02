"""The custom resources of a federation: trust is widened before functions change, and narrowed after."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aws_cdk import Aspects, CustomResource, Lazy, Stack

from keyless_cdk.federation_handler import SERVICE_TIMEOUT, Deployer, FederationHandler
from keyless_cdk.grants import apis_of
from keyless_cdk.options import Upkeep
from keyless_cdk.synth import AfterAliases, Late
from keyless_federation.model.condition import MAPPING, ConditionError
from keyless_federation.model.federation import RESOURCE_TYPE
from keyless_federation.model.rules import CHAIN_APIS, service_name

if TYPE_CHECKING:
    from keyless_cdk.federation import GcpFederation


def around_functions(
    federation: "GcpFederation", *, deployer: Deployer, upkeep: Upkeep, retain_pool: bool, apis: Iterable[str]
) -> tuple[CustomResource, CustomResource]:
    """The resource that functions depend on, and the one that depends on functions and aliases."""
    stack = Stack.of(federation)
    handler = FederationHandler.of(
        federation,
        deployer=deployer,
        layer=federation.layer,
        project=federation.project,
        google_endpoint=federation.google_endpoint,
    )
    properties = _properties(federation, upkeep, retain_pool=retain_pool, apis=frozenset(apis))
    opened, settled = (
        CustomResource(
            federation,
            phase,
            resource_type=RESOURCE_TYPE,
            service_token=handler.function_arn,
            service_timeout=SERVICE_TIMEOUT,
            properties={"Phase": phase.lower(), **properties},
        )
        for phase in ("Open", "Settle")
    )
    settled.node.add_dependency(opened)
    Aspects.of(stack).add(AfterAliases(settled))
    return opened, settled


def owner_of(stack: Stack) -> str:
    """What the marker of everything that a stack makes says: the same after the stack was deleted and made again."""
    return f"{stack.account}/{stack.region}/{stack.stack_name}"


def _properties(
    federation: "GcpFederation", upkeep: Upkeep, *, retain_pool: bool, apis: frozenset[str]
) -> dict[str, Any]:
    """What both resources are told; what functions add until the template is written is in it, too."""
    stack = Stack.of(federation)
    return {
        "Project": federation.project,
        "ProjectNumber": federation.project_number,
        "Owner": owner_of(stack),
        "Pool": {
            "Id": federation.pool,
            "DisplayName": federation.pool[:32],
            "Retain": str(retain_pool).lower(),
            **upkeep.pool,
        },
        "Provider": {
            "Id": federation.provider,
            "DisplayName": federation.provider[:32],
            "AwsAccount": stack.account,
            "Mapping": MAPPING,
            "Condition": Lazy.string(Late(lambda: _condition_if_valid(federation))),
            **upkeep.provider,
        },
        "Apis": Lazy.any(Late(lambda: _enabled_apis(federation, apis))),
        "ServiceAccounts": Lazy.any(Late(lambda: [account.properties() for account in federation.accounts])),
        "Direct": Lazy.any(Late(lambda: [access.properties() for access in federation.direct]), omit_empty_array=True),
        **upkeep.whole,
    }


def _condition_if_valid(federation: "GcpFederation") -> str:
    """Resolved before validation, which tells what is wrong in one place and in full."""
    try:
        return federation.condition
    except ConditionError:
        return ""


def _enabled_apis(federation: "GcpFederation", more: frozenset[str]) -> list[str]:
    granted = {api for access in (*federation.accounts, *federation.direct) for api in apis_of(access.grants)}
    return sorted({*CHAIN_APIS, *map(service_name, granted | more)})
