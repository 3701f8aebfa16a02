"""How warm an alias is kept, through the day and under load, and what AWS would refuse at deploy."""

from typing import Any

import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from keyless_cdk.scaling import BusinessHours, Scaling, ScalingError, scale
from keyless_cdk.settings import Settings, SettingsError
from tests.infra.conftest import CONTEXT, MakeFunction, MakeStack

TARGET, POLICY, ALARM = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",
)
HOURS = "MON-FRI 8-18 Europe/Dublin"


def scaled(**settings: Any) -> Scaling:
    return Scaling.of(Settings.from_context({**CONTEXT, **settings}))


@pytest.fixture
def synthesize(make_federation: MakeStack, make_function: MakeFunction) -> Any:
    def synth(scaling: Scaling) -> Template:
        stack, federation = make_federation()
        function = make_function(stack)
        federation.add_service_account("aws-bq-reader").attach_to(function)
        alias = lambda_.Alias(stack, "Live", alias_name="live", version=function.current_version)
        scale(alias, scaling)
        return Template.from_stack(stack)

    return synth


def test_the_alias_follows_its_utilization_between_the_least_and_the_most(synthesize: Any) -> None:
    template = synthesize(Scaling(least=2, most=20))
    template.has_resource_properties(
        TARGET,
        {
            "MinCapacity": 2,
            "MaxCapacity": 20,
            "ScalableDimension": "lambda:function:ProvisionedConcurrency",
            "ScheduledActions": Match.absent(),
        },
    )
    template.has_resource_properties(
        POLICY,
        {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
                "TargetValue": 0.7,
            },
        },
    )


def test_the_target_is_made_after_the_alias(synthesize: Any) -> None:
    template = synthesize(Scaling())
    (alias,) = template.find_resources("AWS::Lambda::Alias")
    (target,) = template.find_resources(TARGET).values()
    assert f"'Ref': '{alias}'" in str(target["Properties"]["ResourceId"])


def test_business_hours_raise_the_least_and_their_end_lowers_it_again(synthesize: Any) -> None:
    template = synthesize(scaled(business_hours=HOURS, business_hours_concurrency=5))
    (target,) = template.find_resources(TARGET).values()
    begin, end = target["Properties"]["ScheduledActions"]
    assert (begin["Schedule"], begin["ScalableTargetAction"]) == ("cron(0 8 ? * MON-FRI *)", {"MinCapacity": 5})
    assert (end["Schedule"], end["ScalableTargetAction"]) == ("cron(0 18 ? * MON-FRI *)", {"MinCapacity": 1})
    assert {begin["Timezone"], end["Timezone"]} == {"Europe/Dublin"}


def test_an_alarm_tells_when_requests_go_on_starting_cold(synthesize: Any) -> None:
    synthesize(Scaling()).has_resource_properties(
        ALARM,
        {
            "MetricName": "ProvisionedConcurrencySpilloverInvocations",
            "Statistic": "Sum",
            "TreatMissingData": "notBreaching",
            "Dimensions": Match.array_with([Match.object_like({"Name": "Resource"})]),
        },
    )


def test_equal_numbers_are_fixed_and_zero_switches_everything_off(synthesize: Any) -> None:
    fixed = synthesize(Scaling(least=3, most=3))
    assert (count(fixed, TARGET), count(fixed, ALARM)) == (0, 1)
    off = synthesize(Scaling(least=0))
    assert (count(off, TARGET), count(off, POLICY), count(off, ALARM)) == (0, 0, 0)


def test_more_than_the_default_most_may_be_kept_warm_without_saying_so_twice() -> None:
    assert (scaled().least, scaled().most) == (1, 10)
    assert scaled(provisioned_concurrency=20).most == 20
    assert scaled(provisioned_concurrency="4", provisioned_concurrency_max="6") == Scaling(least=4, most=6)
    assert scaled(business_hours=HOURS).hours == BusinessHours(
        days="MON-FRI", first=8, last=18, zone="Europe/Dublin", concurrency=2
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"provisioned_concurrency": 5, "provisioned_concurrency_max": 4}, "'provisioned_concurrency_max' is 4, less"),
        ({"provisioned_concurrency": 5, "business_hours_concurrency": 3}, "'business_hours_concurrency' is 3, less"),
        ({"provisioned_concurrency_max": 0}, "'provisioned_concurrency_max' is 0"),
        ({"business_hours": "8-18"}, "'business_hours' is '8-18', but must be days, full hours and a time zone"),
        ({"business_hours": "MON-FRI 8-24 Europe/Dublin"}, "'business_hours' is"),
        ({"business_hours_concurrency": "0"}, "'business_hours_concurrency' is '0'"),
    ],
)
def test_what_application_auto_scaling_would_refuse_is_refused_by_name(settings: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Settings.from_context({**CONTEXT, **settings})


def test_a_schedule_cannot_scale_to_nothing_which_would_break_the_next_deploy() -> None:
    with pytest.raises(ScalingError, match="in business hours 0"):
        Scaling(hours=BusinessHours.read(HOURS, 0))


@pytest.mark.parametrize("way", ["alias", "version", "scaling"])
def test_snap_start_and_provisioned_concurrency_are_refused_together(
    way: str, make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    federation.add_service_account("aws-bq-reader").attach_to(snapped(make_function(stack)))
    function = stack.node.find_child("Reader")
    assert isinstance(function, lambda_.Function)
    if way == "version":
        lambda_.Version(stack, "Version", lambda_=function, provisioned_concurrent_executions=1)
    else:
        executions = 1 if way == "alias" else None
        alias = lambda_.Alias(
            stack,
            "Live",
            alias_name="live",
            version=function.current_version,
            provisioned_concurrent_executions=executions,
        )
        if way == "scaling":
            alias.add_auto_scaling(max_capacity=2)
    with pytest.raises(RuntimeError, match=r"The function Demo/Reader has SnapStart and, by Demo/\w+/.*, provisioned"):
        Template.from_stack(stack)


def test_either_alone_and_functions_of_others_are_let_be(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    account.attach_to(snapped(make_function(stack, "snapped")))
    warm = make_function(stack, "warm")
    account.attach_to(warm)
    lambda_.Alias(stack, "Live", alias_name="live", version=warm.current_version, provisioned_concurrent_executions=1)
    stranger = snapped(make_function(stack, "stranger"))
    lambda_.Alias(
        stack, "Other", alias_name="live", version=stranger.current_version, provisioned_concurrent_executions=1
    )
    assert federation.problems() == []


def snapped(function: lambda_.Function) -> lambda_.Function:
    """With SnapStart, past CDK's own look at the runtime: this machine's may be one that has none."""
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    resource.snap_start = lambda_.CfnFunction.SnapStartProperty(apply_on="PublishedVersions")
    return function


def count(template: Template, kind: str) -> int:
    return len(template.find_resources(kind))
