"""Provisioned concurrency: how many environments of an alias are kept warm, and what contradicts it at synth."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from keyless_cdk.settings import BUSINESS_HOURS, Settings
from keyless_federation.errors import FederationError

PROVISIONED_CONCURRENCY = "lambda:function:ProvisionedConcurrency"

UTILIZATION = 0.7
"""The share of warm environments in use that target tracking aims at; AWS's own examples have it."""

MOST = 10
"""How many environments target tracking may ask for when nothing else was said."""


class ScalingError(FederationError, ValueError):
    """Numbers or hours that Lambda's scaling would refuse, or that would break a later deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHours:
    """When at least `concurrency` environments are warm: full hours of days of the week, in a time zone."""

    days: str
    first: int
    last: int
    zone: str
    concurrency: int

    @classmethod
    def read(cls, text: str, concurrency: int) -> Self:
        """From words such as `MON-FRI 8-18 Europe/Dublin`; raises `ScalingError`."""
        found = re.fullmatch(BUSINESS_HOURS.pattern, text)
        if not found:
            raise ScalingError(f"The text of business hours {BUSINESS_HOURS.refusal(text)}.")
        return cls(
            days=found["days"],
            first=int(found["first"]),
            last=int(found["last"]),
            zone=found["zone"],
            concurrency=concurrency,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Provisioned concurrency: `least` at any time (0: none at all), up to `most` under load.

    With `most` equal to `least` the number is fixed. A schedule never goes below 1: an alias that was scaled
    to nothing has no provisioned concurrency, and its next deployment would fail.
    """

    least: int = 1
    most: int = MOST
    hours: BusinessHours | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the context object says."""
        least, most = int(settings.provisioned_concurrency), int(settings.provisioned_concurrency_max or 0)
        busy = int(settings.business_hours_concurrency or least + 1) if settings.business_hours else least
        hours = BusinessHours.read(settings.business_hours, busy) if settings.business_hours else None
        return cls(least=least, most=most or max(MOST, busy), hours=hours)

    def __post_init__(self) -> None:
        if not self.least:
            return
        busy = self.hours.concurrency if self.hours else self.least
        if not 1 <= self.least <= busy <= self.most:
            told = f", in business hours {busy}" if self.hours else ""
            raise ScalingError(
                f"Provisioned concurrency is {self.least} at least{told}, {self.most} at most: each must be at least "
                "the one before. Raise provisioned_concurrency_max, or lower the others."
            )


def scale(alias: lambda_.Alias, scaling: Scaling) -> None:
    """Let `alias` follow its utilization, and the clock; the alias itself keeps `scaling.least`.

    The number on the alias makes its deployment wait for warm environments, and fail where init fails.
    A deployment of a new version starts from it again, until tracking or the schedule raises it.
    """
    if not scaling.least:
        return
    _alarm_on_spillover(alias)
    if scaling.most == scaling.least:
        return
    target = alias.add_auto_scaling(min_capacity=scaling.least, max_capacity=scaling.most)
    target.scale_on_utilization(utilization_target=UTILIZATION)
    if hours := scaling.hours:
        _from(target, "BusinessHoursBegin", hours.first, hours, hours.concurrency)
        _from(target, "BusinessHoursEnd", hours.last, hours, scaling.least)


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


def _from(target: lambda_.IScalableFunctionAttribute, name: str, hour: int, hours: BusinessHours, least: int) -> None:
    """From this hour on, keep `least` warm."""
    target.scale_on_schedule(
        name,
        schedule=autoscaling.Schedule.cron(week_day=hours.days, hour=str(hour), minute="0"),
        time_zone=TimeZone.of(hours.zone),
        min_capacity=least,
    )


def _alarm_on_spillover(alias: lambda_.Alias) -> None:
    """Requests go on starting cold, after scaling has had its time: `provisioned_concurrency_max` is too low."""
    spilled = alias.metric("ProvisionedConcurrencySpilloverInvocations", statistic="Sum", period=Duration.minutes(5))
    spilled.create_alarm(
        alias,
        "Spillover",
        alarm_description="Requests have found no warm environment for 15 minutes: raise provisioned_concurrency_max",
        threshold=1,
        evaluation_periods=3,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )


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
