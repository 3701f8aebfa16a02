"""Widening a condition for the time of a rollout."""

import pytest

from keyless_federation.conditions.boundary import aws_claims
from keyless_federation.conditions.trust import Trust
from keyless_federation.errors import PropertiesError
from keyless_federation.model.condition import MAPPING, NOBODY, attribute_condition, roles_of, union, without

ACCOUNT = "111122223333"
OLD, NEW = attribute_condition(ACCOUNT, ["old"]), attribute_condition(ACCOUNT, ["new"])


def admitted(condition: str) -> set[str]:
    """Which of a few roles a condition lets in."""
    trust = Trust.compile(MAPPING, condition)
    found = set()
    for role in ("old", "new", "newer", "evil"):
        try:
            trust.admit(aws_claims(f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/function"))
        except Exception:  # noqa: S112 -- every rejection counts alike
            continue
        found.add(role)
    return found


def test_conditions_that_differ_in_their_roles_become_one_with_both() -> None:
    assert union(OLD, NEW) == attribute_condition(ACCOUNT, ["new", "old"])


def test_other_conditions_are_joined_by_or() -> None:
    handmade = "assertion.arn.endsWith('/function') && attribute.aws_role == 'newer'"
    widened = union(OLD, handmade)
    assert widened == f"({OLD}) || ({handmade})"
    assert admitted(widened) == {"old", "newer"}


@pytest.mark.parametrize("handmade", [False, True])
def test_widening_again_adds_nothing(handmade: bool) -> None:
    wanted = "attribute.aws_role == 'newer'" if handmade else NEW
    once = union(OLD, wanted)
    assert union(once, wanted) == once
    assert union(once, OLD) == once


def test_a_union_lets_in_what_either_did_and_nobody_else() -> None:
    assert admitted(union(OLD, NEW)) == {"old", "new"}


def test_a_union_over_the_limit_is_refused_with_the_way_out() -> None:
    first = attribute_condition(ACCOUNT, [f"first-{number:02}-{'x' * 30}" for number in range(80)])
    second = attribute_condition(ACCOUNT, [f"second-{number:02}-{'x' * 30}" for number in range(80)])
    with pytest.raises(PropertiesError, match="rename fewer roles at once, in two deployments"):
        union(first, second)


def test_the_roles_of_a_condition_are_read_back() -> None:
    assert roles_of(attribute_condition(ACCOUNT, ["b", "a=+,.@_-"])) == {"b", "a=+,.@_-"}
    assert roles_of(f"({OLD}) || (({NEW}) || (true))") == {"old", "new"}
    assert roles_of("") == frozenset()


@pytest.mark.parametrize(
    ("live", "ours", "rest"),
    [
        (
            "true && attribute.aws_role in ['by-hand']",
            "true && attribute.aws_role in ['a']",
            "true && attribute.aws_role in ['by-hand']",
        ),
        ("assertion.arn.startsWith('x')", "true && attribute.aws_role in ['a']", "assertion.arn.startsWith('x')"),
        ("(a) || (b)", "c", "(a) || (b)"),
    ],
)
def test_what_a_union_let_in_before_is_found_again(live: str, ours: str, rest: str) -> None:
    assert without(union(live, ours), ours) == rest


@pytest.mark.parametrize("live", ["true && attribute.aws_role in ['a']", "something else"])
def test_without_a_union_nobody_is_left(live: str) -> None:
    assert without(live, "true && attribute.aws_role in ['a']") == NOBODY
