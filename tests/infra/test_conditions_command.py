"""`keyless conditions`: the clause that keeps a caller out, and who else gets in, with the proof."""

import json
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from keyless_cli.conditions.command import main
from keyless_federation.conditions.boundary import aws_claims
from keyless_federation.conditions.explain import false_clauses, literals, references
from keyless_federation.conditions.search import search
from keyless_federation.conditions.trust import Trust
from keyless_federation.model.condition import MAPPING, attribute_condition

ACCOUNT = "111122223333"
ANCHOR = f"assertion.arn.startsWith('arn:aws:sts::{ACCOUNT}:assumed-role/')"
OWN = f"assertion.account == '{ACCOUNT}'"
SOUND = f"{OWN} && {ANCHOR} && attribute.aws_role in ['app', 'other']"
GIVEN = ["--account", ACCOUNT, "--condition"]


def assumed(role: str, session: str = "f") -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"


def variables(role: str) -> dict[str, dict[str, str]]:
    return {
        "assertion": aws_claims(assumed(role)),
        "attribute": {"aws_role": role, "aws_account": ACCOUNT},
        "google": {"subject": assumed(role)},
    }


@pytest.mark.parametrize(
    ("condition", "clauses"),
    [
        ("attribute.aws_role == 'a'", ["attribute.aws_role == 'a'"]),
        (f"{OWN} && (true && (attribute.aws_role == 'a'))", ["attribute.aws_role == 'a'"]),
        ("google.subject == 'x' && attribute.aws_role == 'a'", ["google.subject == 'x'", "attribute.aws_role == 'a'"]),
        (
            "attribute.aws_role == 'a' || attribute.aws_role == 'b'",
            ["attribute.aws_role == 'a'", "attribute.aws_role == 'b'"],
        ),
        ("true && attribute.aws_role in ['a', ' && ', '|| (']", ["attribute.aws_role in ['a', ' && ', '|| (']"]),
        ("(true || false) && !(attribute.aws_role == 'c')", ["!(attribute.aws_role == 'c')"]),
        ("true ? attribute.aws_role == 'd' || false : true", ["attribute.aws_role == 'd'", "false"]),
        (f"{OWN} && attribute.aws_role == 'd' ? true : false", ["attribute.aws_role == 'd'"]),
        ("attribute.aws_role == 'd' ? true : attribute.aws_role in ['e']", ["attribute.aws_role in ['e']"]),
        ("attribute.nope == 'd' ? true : true", ["attribute.nope == 'd'"]),
        ("attribute.aws_role == 'c' ? false : true", ["attribute.aws_role == 'c' ? false : true"]),
        ("(true ? attribute.aws_role : '') == 'd'", ["(true ? attribute.aws_role : '') == 'd'"]),
        (
            "false ? true : true ? attribute.aws_role == 'd' : true",
            ["false ? true : true ? attribute.aws_role == 'd' : true"],
        ),
        (r"attribute['aws_role'] == 'it\'s'", [r"attribute['aws_role'] == 'it\'s'"]),
    ],
)
def test_the_false_clauses_are_the_smallest_that_decide(condition: str, clauses: list[str]) -> None:
    found = false_clauses(condition, variables("c"))
    assert [clause.source for clause in found] == clauses
    assert all("c" in str(clause).rpartition(" is ")[2] for clause in found if "aws_role" in clause.source)


def test_a_clause_without_a_value_says_why() -> None:
    (clause,) = false_clauses(f"{OWN} && attribute.nope == 'x'", variables("c"))
    assert str(clause) == "attribute.nope == 'x'  has no value (NOT_FOUND: Key not found in map : \"nope\")"


def test_what_stands_in_a_text_is_no_reference() -> None:
    source = 'attribute.aws_role == \'attribute.x\' || attribute["dept"] == "it\'s assertion.y"'
    assert references(source) == ["attribute.aws_role", "attribute.dept"]
    assert literals("a == 'b' && c.startsWith(\"d'\")") == ["b", "d'"]


HOLES = [
    ("true", "every role of the account", assumed("zq-nobody-knows-this-role", "SESSION")),
    (OWN, "every role of the account", assumed("zq-nobody-knows-this-role", "SESSION")),
    (f"{ANCHOR} && attribute.aws_role == 'app'", None, None),
    (f"{ANCHOR} || attribute.aws_role == 'app'", "every role of the account", None),
    ("attribute.aws_role == 'app'", "another account's role", "arn:aws:sts::111122223334:assumed-role/app/x"),
    (
        f"{OWN} && attribute.aws_role == 'app'",
        "an IAM user whose path",
        f"arn:aws:iam::{ACCOUNT}:user/assumed-role/app/x",
    ),
    (
        f"{OWN} && {ANCHOR} && attribute.aws_role.startsWith('app')",
        "name begins with 'app'",
        assumed("appx", "SESSION"),
    ),
    (f"{OWN} && {ANCHOR} && attribute.aws_role.endsWith('app')", "name contains 'app'", assumed("xapp", "SESSION")),
    (
        f"{OWN} && {ANCHOR} && assertion.arn.contains('app')",
        "may choose the session's name",
        assumed("zq-nobody-knows-this-role", "app"),
    ),
    (
        f"{OWN} && assertion.arn.startsWith('arn:aws:sts::{ACCOUNT}:assumed-role/app')",
        "name begins with 'app'",
        assumed("appx", "SESSION"),
    ),
    (f"{OWN} && assertion.arn.startsWith('arn:aws:sts::{ACCOUNT}:assumed-role/app/')", None, None),
    (SOUND, None, None),
]


@pytest.mark.parametrize(("condition", "whose", "arn"), HOLES)
def test_a_hole_is_found_and_proven(condition: str, whose: str | None, arn: str | None) -> None:
    trust = Trust.compile(MAPPING, condition)
    found = search(trust, ACCOUNT, ["app", *(["other"] if "other" in condition else [])]).findings
    proofs = {problem: proof for finding in found for problem, proof in finding.proofs.items()}
    if whose is None:
        assert proofs == {}
        return
    [proof] = [proof for problem, proof in proofs.items() if whose in problem]
    assert arn in (None, proof)
    for shown in proofs.values():
        assert trust.admit(aws_claims(shown)), "a proof that does not get in proves nothing"


@pytest.mark.parametrize("roles", [["app"], ["it's"], ["a", "a-b", "ab"], [f"role-{n}" for n in range(40)]])
def test_what_keyless_generates_has_no_hole(roles: list[str]) -> None:
    condition = attribute_condition(ACCOUNT, roles)
    assert search(Trust.compile(MAPPING, condition), ACCOUNT, roles).findings == ()


def test_a_pattern_says_that_a_prefix_is_meant() -> None:
    condition = f"{OWN} && {ANCHOR} && attribute.aws_role.startsWith('prod-')"
    assert search(Trust.compile(MAPPING, condition), ACCOUNT, ["prod-*"]).findings == ()


@pytest.mark.parametrize(
    ("condition", "problem", "remedy"),
    [
        (f"{SOUND} && attribute.dept == 'x'", "attribute.dept is nowhere", "map attribute.dept"),
        (f"{SOUND} && assertion.sub == 'x'", "assertion.sub is nowhere", "assertion.userid"),
        (f"{SOUND} && attribute.aws_role == 'third'", "it keeps out app, which is meant", "name the roles"),
    ],
)
def test_what_lets_in_nobody_is_found_too(condition: str, problem: str, remedy: str) -> None:
    found = search(Trust.compile(MAPPING, condition), ACCOUNT, ["app"]).findings
    told = "\n".join(map(str, found))
    assert problem in told
    assert remedy.lower() in told.lower()


def test_the_commands_verdicts_and_exit_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arns = tmp_path / "arns"
    arns.write_text(f"# tried\n\narn:aws:iam::{ACCOUNT}:role/team/thing\n")
    assert main([*GIVEN, SOUND, assumed("app"), "--arns", str(arns), "--refuse", assumed("late")]) == 0
    told = capsys.readouterr().out
    assert f"admitted  {assumed('app')}" in told
    assert f"refused   {assumed('thing', 'SESSION')}" in told, "a role's own ARN stands for its sessions"
    assert "attribute.aws_role in ['app', 'other']  is false: attribute.aws_role is 'thing'" in told
    assert "Nobody else was found to get in." in told

    assert main([*GIVEN, SOUND, "--admit", assumed("late")]) == 1
    assert f"{assumed('late')}  <- expected to be let in" in capsys.readouterr().out
    assert main([*GIVEN, OWN]) == 1
    assert "lets in every role" in capsys.readouterr().out


def test_a_subject_that_is_too_long_is_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    main([*GIVEN, SOUND, assumed("app", "s" * 90)])
    assert "at most 127" in capsys.readouterr().out


def test_what_does_not_compile_is_shown_with_a_caret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*GIVEN, f"{OWN} && attribut.aws_role == 'x'"]) == 1
    lines = capsys.readouterr().out.splitlines()
    [shown] = [number for number, line in enumerate(lines) if line.startswith(" | assertion")]
    assert lines[shown][lines[shown + 1].index("^")] == "."  # where attribut.aws_role breaks
    assert lines[shown][: lines[shown + 1].index("^")].endswith("attribut")


def test_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    main([*GIVEN, OWN, assumed("app"), "--json"])
    [found] = json.loads(capsys.readouterr().out)
    assert found["sound"] is False
    assert found["verdicts"][0]["admitted"] is True
    assert found["findings"][0]["proofs"]


def test_the_synthesized_app_is_looked_at(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, template: Template
) -> None:
    document = template.to_json()
    (tmp_path / "stack.template.json").write_text(json.dumps(document))
    role = "keyless-bigquery-query-dev-eu-west-1"
    assert main(["--app", str(tmp_path), "--admit", f"arn:aws:iam::{ACCOUNT}:role/{role}"]) == 0
    told = capsys.readouterr().out
    assert f"for the AWS account {ACCOUNT}" in told
    assert told.count("Nobody else was found to get in.") == 1, "open and settle are one provider"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--app", "nowhere"], "npx cdk synth"),
        ([*GIVEN, SOUND, "my-role"], "'my-role' is no ARN"),
        ([*GIVEN, SOUND, "--arns", "nowhere"], "nowhere"),
        (["--provider", "my-provider"], "workloadIdentityPools/POOL/providers/NAME"),
    ],
)
def test_nothing_to_look_at_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--condition", "true"], ["--account", "12", "--condition", "true"]])
def test_half_a_question_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
