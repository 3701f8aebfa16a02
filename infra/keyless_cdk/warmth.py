"""Two ways out of cold starts that Lambda does not take together: told at synth, for CDK does not check it."""

from collections.abc import Collection, Iterator

from aws_cdk import Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

PROVISIONED_CONCURRENCY = "lambda:function:ProvisionedConcurrency"


def contradictions(stack: Stack, functions: Collection[str]) -> list[str]:
    """What is wrong with those `functions`, by path, that have SnapStart and provisioned concurrency.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-runtimes
    """
    nodes = stack.node.find_all()
    provisioned = [(node.node.path, target) for node in nodes for target in _provisioned(stack, node)]
    snapped = {
        str(stack.resolve(node.ref)): node.node.path.removesuffix("/Resource")
        for node in nodes
        if isinstance(node, lambda_.CfnFunction) and _is_on(stack.resolve(node.snap_start))
    }
    return [
        f"The function {path} has SnapStart and, by {where}, provisioned concurrency: Lambda refuses both together. "
        "Leave out snap_start= (a token that is there before the first request needs provisioned concurrency), "
        "or provisioned_concurrent_executions= and add_auto_scaling()."
        for where, target in provisioned
        if (path := snapped.get(target)) in functions
    ]


def _provisioned(stack: Stack, node: IConstruct) -> Iterator[str]:
    """The function, as the template refers to it, whose provisioned concurrency `node` asks for."""
    if isinstance(node, lambda_.CfnAlias | lambda_.CfnVersion) and node.provisioned_concurrency_config:
        yield str(stack.resolve(node.function_name))
    if isinstance(node, autoscaling.CfnScalableTarget) and node.scalable_dimension == PROVISIONED_CONCURRENCY:
        aliases = [scope for scope in node.node.scopes if isinstance(scope, lambda_.Alias)]
        yield from (str(stack.resolve(alias.version.lambda_.function_name)) for alias in aliases)


def _is_on(snap_start: object) -> bool:
    """SnapStart as the template has it."""
    return isinstance(snap_start, dict) and snap_start.get("applyOn", snap_start.get("ApplyOn")) != "None"
