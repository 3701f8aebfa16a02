"""The options of a federation, as the custom resource gets them."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from keyless_cdk.settings import Settings, SettingsError
from keyless_federation.model.federation import RESOURCE_TYPE, Federation
from stacks.app import BigQueryStack
from tests.infra.conftest import CONTEXT, THIS_MACHINE, MakeFunction, MakeStack, cdk_app

SPOKEN_OF = {"Adopt", "OnUnreachable", "Reconcile", "AuditLogs"}


def both(make_federation: MakeStack, make_function: MakeFunction, **arguments: Any) -> list[dict[str, Any]]:
    """The properties of the opening and of the settling resource."""
    stack, federation = make_federation(**arguments)
    federation.add_service_account("aws-bq-reader").attach_to(make_function(stack))
    return of(stack)


def of(stack: cdk.Stack) -> list[dict[str, Any]]:
    """The properties of a stack's resources."""
    found = Template.from_stack(stack).find_resources(RESOURCE_TYPE).values()
    assert len(found) == 2
    return [{name: value for name, value in one["Properties"].items() if name != "Phase"} for one in found]


def test_nothing_is_said_of_what_was_not_asked_for(make_federation: MakeStack, make_function: MakeFunction) -> None:
    opened, settled = both(make_federation, make_function)
    assert opened == settled
    assert not SPOKEN_OF & set(opened)
    assert not {"Description", "Disabled"} & {*opened["Pool"], *opened["Provider"]}


def test_two_syntheses_of_one_app_are_the_same(make_federation: MakeStack, make_function: MakeFunction) -> None:
    assert both(make_federation, make_function) == both(make_federation, make_function)


def test_each_synthesis_is_another_where_every_deployment_is_to_reconcile(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    first = both(make_federation, make_function, reconcile="always")
    second = both(make_federation, make_function, reconcile="always")
    assert first[0]["Reconcile"] == first[1]["Reconcile"] != second[0]["Reconcile"]


def test_what_is_asked_for_is_understood_by_the_custom_resource(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    for properties in both(
        make_federation,
        make_function,
        adopt=True,
        on_unreachable="leave",
        audit_logs=True,
        description="Of this stack",
        pool_description="Of all stacks",
        disabled=True,
        pool_disabled=False,
    ):
        federation = Federation.from_properties(properties)
        assert (federation.adopt, federation.on_unreachable) == (True, "leave")
        assert federation.audit_logs == ("iam.googleapis.com", "sts.googleapis.com")
        assert (federation.provider.description, federation.provider.disabled) == ("Of this stack", True)
        assert (federation.pool.description, federation.pool.disabled) == ("Of all stacks", False)


def test_logs_of_other_services_are_named_as_their_apis(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    opened, _ = both(make_federation, make_function, audit_logs=["sts", "storage.googleapis.com", "iamcredentials"])
    assert opened["AuditLogs"] == ["iam.googleapis.com", "storage.googleapis.com", "sts.googleapis.com"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"on_unreachable": "ignore"}, "on_unreachable is 'ignore', but must be fail or leave"),
        ({"reconcile": "never"}, "must be on-change or always"),
        ({"description": "x" * 230}, r"description takes 230 bytes; beside the stack's marker, \d+ are left"),
        ({"pool_description": "\N{SNOWMAN}" * 75}, "pool_description takes 225 bytes"),
    ],
)
def test_a_mistake_is_told_at_synth(make_federation: MakeStack, arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make_federation(**arguments)


def test_the_longest_description_is_taken_by_the_custom_resource(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    room = 256 - len("keyless-adopted:111122223333/eu-west-1/Demo ")
    opened, _ = both(make_federation, make_function, description="d" * room)
    assert Federation.from_properties(opened).provider.description == "d" * room


def test_settings_say_the_same() -> None:
    said = {"adopt": True, "on_unreachable": "leave", "reconcile": "always", "audit_logs": True}
    settings = Settings.from_context({**CONTEXT, **THIS_MACHINE, **said})
    opened, _ = of(BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=settings))
    assert set(opened) >= SPOKEN_OF


@pytest.mark.parametrize("said", [{"adopt": "false"}, {"audit_logs": 1}, {"reconcile": "no"}, {"on_unreachable": "go"}])
def test_settings_that_mean_nothing_are_refused(said: dict[str, Any]) -> None:
    (name,) = said
    with pytest.raises(SettingsError, match=f"'{name}' is .* must be"):
        Settings.from_context({**CONTEXT, **said})
