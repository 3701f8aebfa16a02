"""`keyless conditions` on conditions that are easily judged wrong: verdicts, clauses, false alarms, holes."""

import json
import re

import pytest

from keyless_cli.conditions.command import main
from keyless_cli.conditions.sources import Provider
from keyless_cli.conditions.verdict import Judgement, judge
from keyless_federation.conditions.boundary import aws_claims
from keyless_federation.conditions.search import search
from keyless_federation.conditions.trust import DEFAULT_MAPPING, Trust
from keyless_federation.model.condition import MAPPING

ACCOUNT, OTHER, OTHERS = "111122223333", "999988887777", ":111122223334:"
ANCHOR = f"assertion.arn.startsWith('arn:aws:sts::{ACCOUNT}:assumed-role/')"
OWN = f"assertion.account == '{ACCOUNT}' && {ANCHOR}"
GIVEN = ["--account", ACCOUNT, "--condition"]


def assumed(role: str, session: str = "SESSION", account: str = ACCOUNT) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def judged(condition: str, *arns: str, roles: tuple[str, ...] = (), mapping: dict[str, str] = MAPPING) -> Judgement:
    provider = Provider(name="p", account=ACCOUNT, mapping=mapping, condition=condition)
    return judge(provider, dict.fromkeys(arns), roles)


def proofs(condition: str, *roles: str) -> dict[str, str]:
    trust = Trust.compile(MAPPING, condition)
    found = {whose: arn for each in search(trust, ACCOUNT, roles).findings for whose, arn in each.proofs.items()}
    assert all(trust.admit(aws_claims(arn)) for whose, arn in found.items() if "lets in" in whose)
    return found


@pytest.mark.parametrize(
    ("clause", "role", "told"),
    [
        ("attribute.nope == 'x'", "app", "attribute.nope == 'x'  has no value (NOT_FOUND: Key not found in map"),
        ("{'app': true}[attribute.aws_role]", "dev", "{'app': true}[attribute.aws_role]  has no value"),
        ("(attribute.nope == 'x' || attribute.aws_role == 'app')", "dev", "attribute.aws_role == 'app'  is false"),
    ],
)
def test_the_clause_without_a_value_is_named_and_not_the_whole_condition(clause: str, role: str, told: str) -> None:
    [verdict] = judged(f"{OWN} && {clause}", assumed(role)).verdicts
    assert not verdict.admitted
    assert any(reason.startswith(told) for reason in verdict.reasons), verdict.reasons
    assert not any("startsWith" in reason for reason in verdict.reasons)


def test_comments_and_lines_are_no_part_of_a_clause() -> None:
    condition = f"// don't let 'others in\n{OWN} // all (of ours\n  && attribute.aws_role == 'app' // it's && (the app"
    [verdict] = judged(condition, assumed("dev")).verdicts
    assert verdict.reasons == ("attribute.aws_role == 'app'  is false: attribute.aws_role is 'dev'",)
    assert judged("attribute.aws_role == 'http://x' // y", assumed("dev")).verdicts[0].reasons[0].startswith(
        "attribute.aws_role == 'http://x'  is false"
    )  # fmt: skip


def test_a_caller_of_another_account_does_not_get_to_the_condition() -> None:
    verdict, own = judged("attribute.aws_role == 'app'", assumed("app", account=OTHER), assumed("app")).verdicts
    assert (verdict.admitted, own.admitted) == (False, True)
    assert verdict.reasons == (f"the provider trusts the account {ACCOUNT} and this is of {OTHER}",)
    told = [str(found) for found in judged("attribute.aws_role == 'app'").findings]
    assert any("compare the account" in text.lower() and "provider's own account alone" in text for text in told)


@pytest.mark.parametrize(
    ("condition", "role"),
    [
        (f"{OWN} && assertion.arn.contains('assumed-role/app/')", "app"),
        (f"{OWN} && attribute.aws_role.startsWith('{'a' * 64}')", "a" * 64),
        (f"{OWN} && google.subject == '{assumed('app', 'fn')}'", "app"),
        (f"{OWN} && attribute.aws_role == 'app' && assertion.arn.endsWith('/fn')", "app"),
        (f"{OWN} && attribute.aws_role.matches('^(app|other)$')", "app"),
        (f"{OWN} && attribute.aws_role.matches(r'^app\\.x$')", "app.x"),
        (f"{OWN} && assertion.arn.matches('^{assumed('app', '.*')}$')", "app"),
        (f"{OWN} && assertion.userid.startsWith('AROAABCDEFGHIJKLMNOPQ:')", "app"),
    ],
)
def test_what_is_exact_raises_no_alarm(condition: str, role: str) -> None:
    judgement = judged(condition, assumed(role, "fn"))
    assert judgement.findings == (), judgement.findings
    assert judgement.sound


@pytest.mark.parametrize(
    ("clause", "whose", "arn"),
    [
        ("attribute.aws_role.matches('^prod-.*')", "name matches '^prod-.*'", assumed("prod-")),
        ("attribute.aws_role.matches('^prod-[a-z]+$')", "name matches", assumed("prod-a")),
        (r"attribute.aws_role.matches('^prod-\\d{2}$')", "name matches", assumed("prod-00")),
        (r"attribute.aws_role.matches(r'^prod-\w+$')", "name matches", assumed("prod-a")),
        ("attribute.aws_role.matches('^(prod|qa)-[^a]{2,3}?x*$')", "name matches", assumed("prod-bb")),
        ("attribute.aws_role.matches('^(?i)[[:upper:]]+-[^a-z]$')", "name matches", assumed("a-0")),
        ("attribute.aws_role.matches('(?s)prod.*')", "name matches", assumed("prod")),
        ("attribute.aws_role.matches('(prod|qa)')", "name begins with 'prod'", assumed("prodx")),
        (f"assertion.arn.matches('^arn:aws:sts::{ACCOUNT}:assumed-role/prod-.+/')", "name matches", assumed("prod-a")),
        ("size(attribute.aws_role) <= 20", "a role that nothing names", assumed("zq")),
        ("attribute.aws_role < 'm'", "a role that nothing names", assumed("a0")),
        (
            "attribute.aws_role.startsWith('prod-') && assertion.arn.endsWith('/fn')",
            "name begins with 'prod-'",
            assumed("prod-x", "fn"),
        ),
        ("assertion.arn.endsWith('/fn')", "choose the session's name", assumed("zq-nobody-knows-this-role", "fn")),
    ],
)
def test_a_hole_that_is_no_mere_prefix_is_proven(clause: str, whose: str, arn: str) -> None:
    found = proofs(f"{OWN} && {clause}")
    [proof] = [proof for problem, proof in found.items() if whose in problem]
    assert proof == arn


@pytest.mark.parametrize(("clause", "role"), [("attribute.aws_role.matches('^prod-.*')", "prod-*")])
def test_a_pattern_that_is_meant_is_no_hole(clause: str, role: str) -> None:
    assert proofs(f"{OWN} && {clause}", role) == {}


def test_a_proof_is_an_arn_that_aws_can_give() -> None:
    found = proofs("assertion.arn.contains('app')", "app")
    assert not any("assumed-role/evil/" in arn or ":role/" in arn or "federated-user/assumed" in arn for arn in
                   found.values())  # fmt: skip
    assert "it lets in an IAM user whose path imitates a role" in found


def test_how_long_a_sessions_name_may_be_is_told_of_a_role_with_a_long_name() -> None:
    role = "r" * 60
    condition = f"{OWN} && attribute.aws_role in ['{role}', 'app']"
    long, whole, short = judged(
        condition, f"arn:aws:iam::{ACCOUNT}:role/{role}", assumed(role, "fn"), f"arn:aws:iam::{ACCOUNT}:role/app"
    ).verdicts
    assert long.session_bytes == 127 - len(assumed(role, ""))
    assert f"its sessions' names may have {long.session_bytes} bytes" in str(long)
    assert (whole.session_bytes, short.session_bytes) == (None, None)
    assert "bytes" not in f"{whole}{short}"


def test_a_userid_is_not_invented() -> None:
    condition = f"{OWN} && assertion.userid.startsWith('AROAABCDEFGHIJKLMNOPQ:')"
    judgement = judged(condition, assumed("app"))
    assert "assertion.userid" in " ".join(judgement.notes)
    assert "which an ARN does not contain" in " ".join(judgement.notes)
    assert judgement.document()["notes"]
    assert judged(f"{OWN} && attribute.aws_role == 'app'").notes == ()


def test_a_role_is_tried_as_a_role_however_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    condition = f"{OWN} && attribute.aws_role == 'app'"
    role = f"arn:aws:iam::{ACCOUNT}:role/team/app"
    assert main([*GIVEN, condition, "--admit", assumed("app").removesuffix("/SESSION"), "--role", role]) == 0
    assert f"admitted  {assumed('app')}" in capsys.readouterr().out


def test_a_provider_without_a_mapping_has_googles(capsys: pytest.CaptureFixture[str]) -> None:
    condition = f"{OWN} && attribute.aws_role == 'arn:aws:sts::{ACCOUNT}:assumed-role/app'"
    judgement = judged(condition, assumed("app", "f"), mapping=DEFAULT_MAPPING)
    assert judgement.verdicts[0].admitted
    assert judgement.sound


def test_several_lines_are_shown_as_several(capsys: pytest.CaptureFixture[str]) -> None:
    main([*GIVEN, f"{OWN} &&\n  attribut.aws_role == 'app'"])
    told = capsys.readouterr().out.splitlines()
    assert told[2] == "    attribut.aws_role == 'app'"
    assert any(":2:11: undeclared reference to 'attribut" in line for line in told)
    assert not any("INVALID_ARGUMENT" in line for line in told)


def test_machines_get_json_of_what_does_not_compile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*GIVEN, "nonsense ==", "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)
    assert "1:12" in found["error"]


def test_what_was_searched_is_told_by_number_and_kind(capsys: pytest.CaptureFixture[str]) -> None:
    condition = f"{OWN} && attribute.aws_role == 'app'"
    assert main([*GIVEN, condition]) == 0
    told = capsys.readouterr().out
    said = re.search(r"Nobody else was found to get in\. Tried: (\d+) ARNs .*\((.*)\)", told)
    assert said, told
    counts = {kind: int(count) for kind, count in re.findall(r"([\w ]+): (\d+)", said[2])}
    assert sum(counts.values()) == int(said[1])
    assert counts.keys() >= {" IAM users", " federated users", " root user", "role sessions"}
    assert main([*GIVEN, "attribute.aws_role == 'app' && attribute.aws_role == 'job'"]) == 1
    told = capsys.readouterr().out
    assert "Nobody else" not in told
    assert "Nobody gets in, of all that were tried" in told
    assert "Tried: " in told


@pytest.mark.parametrize("caller", [f"arn:aws:iam::{ACCOUNT}:user/team/x", f"arn:aws:iam::{ACCOUNT}:root"])
def test_an_admitted_caller_that_is_no_roles_session_is_a_finding(caller: str) -> None:
    condition = f"assertion.account == '{ACCOUNT}' && size(assertion.arn) == {len(caller)}"
    judgement = judged(condition, caller)
    assert judgement.outcome == "unsound"
    assert caller in [arn for found in judgement.findings for arn in found.proofs.values()]


def test_a_caller_who_is_expected_is_no_finding() -> None:
    user = f"arn:aws:iam::{ACCOUNT}:user/team/zebra"
    provider = Provider(name="p", account=ACCOUNT, mapping=MAPPING, condition="assertion.arn.endsWith('/team/zebra')")
    proofs = [arn for found in judge(provider, {user: True}).findings for arn in found.proofs.values()]
    assert user not in proofs
    assert proofs, "the same name in another path"


def test_whoever_really_gets_in_comes_first() -> None:
    condition = "attribute.aws_role == 'app' && (attribute.aws_role == 'app' || attribute.nope == 'x')"
    proofs = [arn for found in judged(condition).findings for arn in found.proofs.values()]
    places = [index for index, arn in enumerate(proofs) for text in (":user/", "arn:aws-cn:", OTHERS) if text in arn]
    assert places == sorted(places)
    assert f":{ACCOUNT}:user/assumed-role/app/x" in proofs[0]
    assert OTHERS in proofs[-1]


def test_a_role_that_is_given_and_not_meant_is_a_finding() -> None:
    found = judged(f"{OWN} && attribute.aws_role in ['app', 'ci']", assumed("ci"), roles=("app",)).findings
    assert assumed("ci") in [arn for each in found for arn in each.proofs.values()]


def test_groups_are_a_key_of_google() -> None:
    groups = MAPPING | {"google.groups": "[assertion.arn.extract('assumed-role/{role}/'), 'aws']"}
    condition = f"{OWN} && 'aws' in google.groups && google.groups[0] == 'app'"
    assert judged(condition, assumed("app"), mapping=groups).verdicts[0].admitted
    assert Trust.compile(groups, condition).admit(aws_claims(assumed("app"))).groups == ("app", "aws")
    refused = judged(condition, assumed("dev"), mapping=groups).verdicts[0]
    assert refused.reasons == ("google.groups[0] == 'app'  is false: google.groups is ['dev', 'aws']",)
    assert "STRING" in judged(condition, mapping=MAPPING | {"google.groups": "assertion.arn + ''"}).error
    assert "map google.groups" in str(judged(condition).findings[0]).lower()
