"""Resource types that MiniStack's CloudFormation refuses: recorded as declared, and not emulated.

They keep the template the same on both clouds. To add one, add a row to `DECLARED_TYPES`.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.aws.internals import provisioners

Properties = Mapping[str, Any]

logger = logging.getLogger("keyless.declared")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredType:
    """What a type requires, what `Ref` answers, and the attribute of `Fn::GetAtt` that answers the same.

    `reference` takes the properties and a name that is unique to the resource. Properties that force a
    replacement on AWS must be part of the reference: a changed reference is a replacement here too.
    """

    required: tuple[str, ...]
    reference: Callable[[Properties, str], str]
    attribute: str


def _scalable_target(properties: Properties, _: str) -> str:
    return "|".join(properties[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))


def _scaling_policy(properties: Properties, name: str) -> str:
    target = properties.get("ScalingTargetId") or _scalable_target(properties, name)
    resource, _, namespace = target.split("|")
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{target}")
    account, region = provisioners.get_account_id(), provisioners.get_region()
    return (
        f"arn:aws:autoscaling:{region}:{account}:scalingPolicy:{identifier}"
        f":resource/{namespace}/{resource}:policyName/{properties['PolicyName']}"
    )


DECLARED_TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": DeclaredType(
        required=("MaxCapacity", "MinCapacity", "ResourceId", "ScalableDimension", "ServiceNamespace"),
        reference=_scalable_target,
        attribute="Id",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": DeclaredType(
        required=("PolicyName", "PolicyType"), reference=_scaling_policy, attribute="Arn"
    ),
}


def install() -> None:
    """Teach MiniStack's CloudFormation the types of the table."""
    for name, kind in DECLARED_TYPES.items():
        provisioners._RESOURCE_HANDLERS[name] = _handlers(name, kind)


def _handlers(name: str, kind: DeclaredType) -> dict[str, Any]:
    def declare(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, dict[str, str]]:
        missing = [required for required in kind.required if required not in properties]
        if missing:
            raise ValueError(f"{name} {logical_id}: required properties are missing: {', '.join(missing)}")
        reference = kind.reference(properties, f"{stack_name}/{logical_id}")
        logger.info("%s %s is declared, not emulated: %s", name, logical_id, reference)
        return reference, {kind.attribute: reference}

    def update(_: str, __: Properties, new: Properties, stack_name: str, logical_id: str) -> Any:
        return declare(logical_id, new, stack_name)

    def delete(reference: str, _: Properties) -> None:
        logger.info("%s %s is no longer declared", name, reference)

    return {"create": declare, "update": update, "update_with_logical_id": True, "delete": delete}
