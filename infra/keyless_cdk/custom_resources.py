"""The custom resources of a federation: trust is widened before functions change, and narrowed after."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from aws_cdk import Aspects, CustomResource, Lazy, Stack
from constructs import Construct

from keyless_cdk.federation_handler import SERVICE_TIMEOUT, FederationHandler
from keyless_cdk.options import FederationOptions
from keyless_cdk.synth import AfterAliases, Deferred
from keyless_federation.model.condition import MAPPING, ConditionError
from keyless_federation.model.federation import RESOURCE_TYPE


def around_functions(
    scope: Construct, handler: FederationHandler, properties: Mapping[str, Any]
) -> tuple[CustomResource, CustomResource]:
    """Make the resource that functions depend on, and the one that depends on functions and aliases."""
    opened, settled = (
        CustomResource(
            scope,
            phase,
            resource_type=RESOURCE_TYPE,
            service_token=handler.function_arn,
            service_timeout=SERVICE_TIMEOUT,
            properties={"Phase": phase.lower(), **properties},
        )
        for phase in ("Open", "Settle")
    )
    settled.node.add_dependency(opened)
    Aspects.of(Stack.of(scope)).add(AfterAliases(settled))
    return opened, settled


def owner_of(stack: Stack) -> str:
    """Return what the owner marker of everything says that a stack makes; a stack made again has the same."""
    return f"{stack.account}/{stack.region}/{stack.stack_name}"


def dynamic_references(stack: Stack, where: str, properties: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with properties that hold dynamic references of CloudFormation's; empty without them.

    CloudFormation replaces these after it has told the stack's events, so nobody can check an event's properties
    against what was asked for, and a secret would be among them. Parameters are resolved before.
    """
    if "{{resolve:" not in json.dumps(stack.resolve(properties)):
        return []
    return [
        f"{where}: a property is a dynamic reference ({{{{resolve:...}}}}), which the federation cannot check. Use an "
        "SSM parameter: ssm.StringParameter.value_for_string_parameter(scope, name)"
    ]


def properties(
    stack: Stack,
    options: FederationOptions,
    *,
    project: str,
    project_number: str,
    pool: str,
    provider: str,
    retain_pool: bool,
    condition: Callable[[], str],
    apis: Callable[[], list[str]],
    accounts: Callable[[], list[dict[str, Any]]],
    direct: Callable[[], list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return the properties of both resources; the callables are asked when the template is written.

    Until then functions may be attached.
    """
    return {
        "Project": project,
        "ProjectNumber": project_number,
        "Owner": owner_of(stack),
        "Pool": {"Id": pool, "DisplayName": pool[:32], "Retain": str(retain_pool).lower(), **options.pool},
        "Provider": {
            "Id": provider,
            "DisplayName": provider[:32],
            "AwsAccount": stack.account,
            "Mapping": MAPPING,
            "Condition": Lazy.string(Deferred(lambda: _if_valid(condition))),
            **options.provider,
        },
        "Apis": Lazy.any(Deferred(apis)),
        "ServiceAccounts": Lazy.any(Deferred(accounts)),
        "Direct": Lazy.any(Deferred(direct), omit_empty_array=True),
        **options.whole,
    }


def _if_valid(condition: Callable[[], str]) -> str:
    """Return an empty condition for an invalid one: validation comes later, and tells in full what is wrong."""
    try:
        return condition()
    except ConditionError:
        return ""
