"""What the CDK calls back while it writes a template, as objects that it can hold: Python functions are not."""

from collections.abc import Callable
from typing import Any

import jsii
from aws_cdk import IAspect, IStableAnyProducer, IStableStringProducer
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct, IValidation


@jsii.implements(IStableAnyProducer, IStableStringProducer)
class Deferred:
    """A value that is computed when the template is written: functions may be attached until then."""

    def __init__(self, value: Callable[[], Any]) -> None:
        self._value = value

    def produce(self) -> Any:
        """The value, now."""
        return self._value()


@jsii.implements(IValidation)
class SynthCheck:
    """Stops the synth with the problems that are found, if any."""

    def __init__(self, problems: Callable[[], list[str]]) -> None:
        self._problems = problems

    def validate(self) -> list[str]:
        """One sentence for each problem."""
        return self._problems()


@jsii.implements(IAspect)
class AfterAliases:
    """Makes a resource wait for every alias of the scope that this is applied to, also one added later."""

    def __init__(self, last: Construct) -> None:
        self._last = last

    def visit(self, node: IConstruct) -> None:
        """Called for each construct of the scope."""
        if isinstance(node, lambda_.CfnAlias):
            self._last.node.add_dependency(node)
