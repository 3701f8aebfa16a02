"""The trust boundary: what the generated condition lets in, what it keeps out, and that errors admit nobody."""

import pytest

from keyless_federation.conditions.boundary import aws_claims, check, hostile_arns
from keyless_federation.conditions.cel import extract
from keyless_federation.conditions.trust import (
    AttributesTooLargeError,
    ConditionFalseError,
    EvaluationFailedError,
    SubjectTooLongError,
    Trust,
)
from keyless_federation.model.condition import MAPPING, ConditionError, attribute_condition

ACCOUNT = "123456789012"
ROLES = ["app", "app-writer"]


def assumed(role: str, session: str = "f", account: str = ACCOUNT) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def test_condition_names_account_anchor_and_sorted_roles_once() -> None:
    assert attribute_condition(ACCOUNT, ["b", "a", "b"]) == (
        "assertion.account == '123456789012'"
        " && assertion.arn.startsWith('arn:aws:sts::123456789012:assumed-role/')"
        " && attribute.aws_role in ['a', 'b']"
    )


def test_condition_without_roles_is_refused() -> None:
    with pytest.raises(ConditionError, match="attach at least one"):
        attribute_condition(ACCOUNT, [])


def test_condition_over_the_limit_says_how_long_it_is() -> None:
    with pytest.raises(ConditionError, match=r"100 roles make .* 4[0-9]{3} characters"):
        attribute_condition(ACCOUNT, [f"{n:040}" for n in range(100)])


@pytest.mark.parametrize("role", ["it's", "back\\slash", "a'] || true || attribute.aws_role in ['b"])
def test_role_names_cannot_break_out_of_their_literal(role: str) -> None:
    trust = Trust.compile(MAPPING, attribute_condition(ACCOUNT, [role]))
    assert trust.admit(aws_claims(assumed(role))).attributes["aws_role"] == role
    with pytest.raises(ConditionFalseError):
        trust.admit(aws_claims(assumed("other")))


def test_admitted_role_gets_subject_and_attributes() -> None:
    identity = Trust.compile(MAPPING, attribute_condition(ACCOUNT, ROLES)).admit(aws_claims(assumed("app")))
    assert identity.subject == assumed("app")
    assert identity.attributes == {"aws_role": "app", "aws_account": ACCOUNT}


@pytest.mark.parametrize("arn", hostile_arns(ACCOUNT, ROLES))
def test_generated_condition_keeps_out_every_hostile_arn(arn: str) -> None:
    with pytest.raises(ConditionFalseError):
        Trust.compile(MAPPING, attribute_condition(ACCOUNT, ROLES)).admit(aws_claims(arn))


def test_hostile_set_holds_every_kind_and_no_attached_role() -> None:
    arns = hostile_arns(ACCOUNT, ["app", "appx"])
    for arn in (
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:iam::{ACCOUNT}:user/plain",
        f"arn:aws:iam::{ACCOUNT}:user/assumed-role/app/x",
        "arn:aws:sts::123456789013:assumed-role/app/x",
        f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/app/x",
        f"arn:aws-us-gov:sts::{ACCOUNT}:assumed-role/app/x",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/ap/x",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/appxx/x",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/evil/assumed-role/app/x",
        f"arn:aws:sts::{ACCOUNT}:federated-user/assumed-role/app/x",
    ):
        assert arn in arns
    assert not any(
        ":assumed-role/app/" in a and a.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/app/") for a in arns
    )
    assert f"arn:aws:sts::{ACCOUNT}:assumed-role/appx/x" not in arns


def test_check_is_content_with_the_generated_condition() -> None:
    assert (
        check(ACCOUNT, {"app": ["f"], "appx": ["g", "h"]}, MAPPING, attribute_condition(ACCOUNT, ["app", "appx"])) == []
    )


def test_check_finds_the_user_whose_path_imitates_a_role() -> None:
    condition = "assertion.account == '123456789012' && attribute.aws_role in ['app']"
    problems = check(ACCOUNT, {"app": ["f"]}, MAPPING, condition)
    assert any(f"arn:aws:iam::{ACCOUNT}:user/assumed-role/app/x" in problem for problem in problems)
    assert all("startsWith" in problem for problem in problems)


def test_check_finds_a_prefix_that_is_too_wide() -> None:
    condition = attribute_condition(ACCOUNT, ["app"]).replace(
        "attribute.aws_role in ['app']", "attribute.aws_role.startsWith('app')"
    )
    assert [p for p in check(ACCOUNT, {"app": ["f"]}, MAPPING, condition) if "assumed-role/appx/x" in p]


def test_check_names_the_attached_role_that_is_kept_out() -> None:
    problems = check(ACCOUNT, {"app": ["f"], "late": ["g"]}, MAPPING, attribute_condition(ACCOUNT, ["app"]))
    assert len(problems) == 1
    assert "late" in problems[0]
    assert "Name the role in the condition" in problems[0]


def test_check_measures_the_subject_in_bytes() -> None:
    role = "r" * 40
    condition = attribute_condition(ACCOUNT, [role])
    assert check(ACCOUNT, {role: ["f" * 47]}, MAPPING, condition) == []
    (problem,) = check(ACCOUNT, {role: ["f" * 48]}, MAPPING, condition)
    assert "88 bytes" in problem


def test_check_wants_the_role_under_its_own_name() -> None:
    mapping = MAPPING | {"attribute.aws_role": "'app'"}
    assert check(ACCOUNT, {"app": ["f"], "b": ["f"]}, mapping, "attribute.aws_role == 'app'")


def test_check_reports_what_does_not_compile() -> None:
    (problem,) = check(ACCOUNT, {"app": ["f"]}, MAPPING, "attribute.aws_role ==")
    assert "1:22" in problem


@pytest.mark.parametrize(
    "condition",
    ["attribute.missing == 'x'", "assertion.missing == 'x'", "assertion.arn.extract('no template') == ''"],
)
def test_an_evaluation_error_admits_nobody(condition: str) -> None:
    with pytest.raises(EvaluationFailedError):
        Trust.compile(MAPPING, condition).admit(aws_claims(assumed("app")))


def test_a_condition_that_is_no_boolean_at_run_time_admits_nobody() -> None:
    with pytest.raises(EvaluationFailedError):
        Trust.compile(MAPPING, "assertion.arn").admit(aws_claims(assumed("app")))


def test_an_empty_condition_admits_everyone_as_google_does() -> None:
    assert Trust.compile(MAPPING, "").admit(aws_claims(assumed("any"))).attributes["aws_role"] == "any"


def test_subject_limit_counts_bytes_not_characters() -> None:
    trust = Trust.compile({"google.subject": "assertion.arn"}, "")
    assert trust.admit({"arn": "x" * 127}).subject == "x" * 127
    with pytest.raises(SubjectTooLongError):
        trust.admit({"arn": "é" * 64})


def test_mapped_values_have_a_limit_together() -> None:
    trust = Trust.compile({"google.subject": "assertion.userid", "attribute.big": "assertion.arn"}, "")
    with pytest.raises(AttributesTooLargeError):
        trust.admit({"arn": "x" * 8192, "userid": "u"})


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ({}, "lacks google.subject"),
        (MAPPING | {"attribute.Upper": "assertion.arn"}, "attribute.Upper"),
        (MAPPING | {"aws_role": "assertion.arn"}, "aws_role"),
        (MAPPING | {"attribute." + "k" * 101: "assertion.arn"}, "no attribute key"),
        (MAPPING | {f"attribute.a{n}": "'x'" for n in range(51)}, "53 custom attributes"),
        (MAPPING | {"attribute.x": "'" + "x" * 2048 + "'"}, "2050 characters"),
        (MAPPING | {"attribute.x": "google.subject"}, "undeclared reference to 'google"),
        (MAPPING | {"attribute.x": "1 + 1"}, "yields INT"),
    ],
)
def test_mapping_rules_are_googles(mapping: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConditionError, match=complaint):
        Trust.compile(mapping, "")


@pytest.mark.parametrize("condition", ["'yes'", "1 +", "unknown == 'x'", "'" + "x" * 4095 + "' == ''"])
def test_condition_rules_are_googles(condition: str) -> None:
    with pytest.raises(ConditionError):
        Trust.compile(MAPPING, condition)


@pytest.mark.parametrize(
    ("value", "template", "expected"),
    [
        ("a/b/c", "{all}", "a/b/c"),
        ("a/b/c", "a/{rest}", "b/c"),
        ("a/b/c", "{head}/c", "a/b"),
        ("a/b/c/b/d", "b/{part}/", "c"),
        ("a/b/c", "x/{rest}", ""),
        ("a/b/c", "a/{part}?", ""),
        ("arn:aws:iam::1:user/assumed-role/app/x", "assumed-role/{role}/", "app"),
    ],
)
def test_extract_follows_the_documented_rules(value: str, template: str, expected: str) -> None:
    assert extract(value, template) == expected
