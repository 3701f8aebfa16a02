"""Conditions as public repositories write them, each with its right verdict, and for a hole the proof to be found.

The shapes are those of Terraform modules, gcloud scripts and vendors' guides, with accounts and names replaced.
"""

from typing import NamedTuple

import pytest

from keyless_cli.conditions.sources import Provider
from keyless_cli.conditions.verdict import Judgement, judge
from keyless_federation.conditions.boundary import aws_claims
from keyless_federation.conditions.trust import DEFAULT_MAPPING, Trust
from keyless_federation.model.condition import MAPPING

ACCOUNT = "111122223333"
SESSIONS = f"arn:aws:sts::{ACCOUNT}:assumed-role/"
USER = f"arn:aws:iam::{ACCOUNT}:user/"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/"
OTHER = "arn:aws:sts::111122223334:assumed-role/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
ANCHOR = f"assertion.arn.startsWith('{SESSIONS}')"
ANYBODY = f"{SESSIONS}zq-nobody-knows-this-role/SESSION"
SOUND, UNSOUND, NEVER = "sound", "unsound", "never true"

SUBJECT = {"google.subject": "assertion.arn"}
EXTRACT = "assertion.arn.extract('assumed-role/{role}/')"
MAPPINGS = {
    "keyless": MAPPING,
    "google": DEFAULT_MAPPING,
    "arn": SUBJECT,
    "raw": SUBJECT | {"attribute.aws_role": "assertion.arn", "attribute.account": "assertion.account"},
    "role": SUBJECT | {"attribute.aws_role": EXTRACT, "attribute.account": "assertion.account"},
    "slash": SUBJECT | {"attribute.aws_role": "assertion.arn.extract('/assumed-role/{role}/')"},
    "colon": SUBJECT | {"attribute.aws_role": "assertion.arn.extract(':assumed-role/{role}/')"},
    "split": SUBJECT | {"attribute.aws_role": "assertion.arn.split('/')[2]"},
    "split-role": SUBJECT | {"attribute.aws_role": "assertion.arn.split('/')[1]"},
    "subject-is-role": {"google.subject": EXTRACT, "attribute.aws_role": EXTRACT},
    "subject-is-id": {
        "google.subject": "assertion.account + ':' + assertion.userid.split(':')[0]",
        "attribute.account": "assertion.account",
        "attribute.aws_role": EXTRACT,
    },
    "without-session": SUBJECT
    | {
        "attribute.aws_role": "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-"
        "role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_and_session}').split('/')[0]"
        " : assertion.arn"
    },
    "session": SUBJECT
    | {"attribute.session": "assertion.arn.extract('assumed-role/{role_and_session}').extract('/{session}')"},
    "external-id": DEFAULT_MAPPING | {"attribute.external_id": "assertion.external_id"},
    "environment": SUBJECT
    | {"attribute.environment": "assertion.arn.contains(':instance-profile/Production') ? 'prod' : 'test'"},
    "team": SUBJECT | {"attribute.team": "assertion.arn.extract('team-{team}-end')"},
    "decided": SUBJECT | {"attribute.known": f"{EXTRACT} in ['app', 'job'] ? 'in' : ''"},
    "lower": SUBJECT | {"attribute.aws_role": f"{EXTRACT}.lowerAscii()"},
    "no-dashes": SUBJECT | {"attribute.aws_role": f"{EXTRACT}.replace('-', '')"},
    "groups": SUBJECT | {"google.groups": f"[{EXTRACT}]"},
    "framed": SUBJECT | {"attribute.key": f"'p-' + {EXTRACT} + '-s'"},
    "bare-arn-role": SUBJECT | {"attribute.aws_role": "assertion.arn.extract('role/{role}/')"},
}


class Shape(NamedTuple):
    """A mapping (by its name above), a condition, the verdict, and for a hole the ARN that proves it."""

    mapping: str
    condition: str
    verdict: str
    proof: str = ""
    words: str = ""


SHAPES = [
    # Everybody of the account, or everybody whose name happens to fit.
    Shape("google", "", UNSOUND, ANYBODY),
    Shape("google", "true", UNSOUND, ANYBODY),
    Shape("role", f"attribute.account == '{ACCOUNT}'", UNSOUND, ANYBODY),
    Shape("arn", f"assertion.account == '{ACCOUNT}'", UNSOUND, ANYBODY),
    Shape("arn", ANCHOR, UNSOUND, ANYBODY),
    Shape("google", f"attribute.aws_role.startsWith('{SESSIONS}')", UNSOUND, ANYBODY),
    Shape("arn", "assertion.arn.contains(':assumed-role/')", UNSOUND, f"{USER}:assumed-role/x"),
    Shape("role", "attribute.aws_role != 'admin'", UNSOUND, ANYBODY),
    Shape("role", "attribute.aws_role != ''", UNSOUND, ANYBODY),
    Shape("role", f"{ANCHOR} && size(attribute.aws_role) > 30", UNSOUND, f"{SESSIONS}{'z' * 31}/SESSION"),
    Shape("arn", f"!assertion.arn.startsWith('{SESSIONS}admin/')", UNSOUND, ANYBODY),
    Shape("raw", f"assertion.arn.startsWith('{SESSIONS}app')", UNSOUND, f"{SESSIONS}appx/SESSION"),
    Shape("raw", f"assertion.arn.startsWith('{SESSIONS}shop-')", UNSOUND, f"{SESSIONS}shop-x/SESSION"),
    Shape("google", f"google.subject.startsWith('{SESSIONS}gcp_if_org1')", UNSOUND, f"{SESSIONS}gcp_if_org1x/SESSION"),
    Shape("google", "attribute.aws_role.contains('-prod-')", UNSOUND, f"{SESSIONS}x-prod-/SESSION"),
    Shape("google", "attribute.aws_role.contains('AWSReservedSSO_Admin')", UNSOUND, f"{USER}AWSReservedSSO_Admin"),
    Shape("subject-is-role", "attribute.aws_role.contains('ReportPullFn')", UNSOUND,
          f"{SESSIONS}ReportPullFnx/SESSION"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role.endsWith('-gcp')", UNSOUND, f"{SESSIONS}x-gcp/SESSION"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role.split('-')[0] == 'app'", UNSOUND, f"{SESSIONS}app-x/SESSION"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role.split('-')[2] == 'app'", UNSOUND, f"{SESSIONS}x-x-app/SESSION"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role.substring(0, 3) == 'app'", UNSOUND, f"{SESSIONS}appx/SESSION"),
    Shape("lower", f"{ANCHOR} && attribute.aws_role == 'app'", UNSOUND, f"{SESSIONS}APP/SESSION"),
    Shape("no-dashes", f"{ANCHOR} && attribute.aws_role == 'app'", UNSOUND, f"{SESSIONS}-app/SESSION"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role.replace('dev', 'prod') == 'prod-app'", UNSOUND,
          f"{SESSIONS}dev-app/SESSION"),
    Shape("keyless", f"{ANCHOR} && size(attribute.aws_role) == 12", UNSOUND, f"{SESSIONS}{'z' * 12}/SESSION"),
    Shape("keyless", f"{ANCHOR} && 'app,job'.contains(attribute.aws_role)", UNSOUND, f"{SESSIONS}ap/x"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role.matches('^app|job$')", UNSOUND, f"{SESSIONS}appx/x"),
    Shape("keyless", f"{ANCHOR} && 'prod' in attribute.aws_role.split('-')", UNSOUND,
          f"{SESSIONS}prod-zq-nobody-knows-this-role/SESSION"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role.startsWith('SSO_') && assertion.arn.endsWith('@x')",
          UNSOUND, f"{SESSIONS}SSO_x/@x"),
    Shape("team", f"{ANCHOR} && attribute.team == 'blue'", UNSOUND, f"{SESSIONS}team-blue-endx/SESSION"),
    # The ARN of an IAM user, whose path imitates a role.
    Shape("role", f"attribute.account == '{ACCOUNT}' && attribute.aws_role == 'app'", UNSOUND,
          f"{USER}assumed-role/app/x"),
    Shape("role", "attribute.aws_role == 'app' || attribute.aws_role == 'job'", UNSOUND, f"{USER}assumed-role/app/x"),
    Shape("role", "attribute.aws_role in ['exporter', 'bridge']", UNSOUND, f"{USER}assumed-role/bridge/x"),
    Shape("slash", "attribute.aws_role == 'app'", UNSOUND, f"{USER}assumed-role/app/x"),
    Shape("colon", "attribute.aws_role == 'app'", UNSOUND, f"{USER}:assumed-role/app/x"),
    Shape("bare-arn-role", "attribute.aws_role == 'app'", UNSOUND, f"{USER}role/app/x"),
    Shape("split-role", "attribute.aws_role == 'app'", UNSOUND, f"{USER}app"),
    Shape("decided", "attribute.known == 'in'", UNSOUND, f"{USER}assumed-role/app/x"),
    Shape("subject-is-id", f"attribute.account == '{ACCOUNT}' && attribute.aws_role in ['Lambda', 'Batch']", UNSOUND,
          f"{USER}assumed-role/Batch/x"),
    Shape("raw", "attribute.aws_role.contains('assumed-role/app/')", UNSOUND, f"{USER}assumed-role/app/x"),
    Shape("raw", "attribute.aws_role.contains('assumed-role/app')", UNSOUND, f"{SESSIONS}appx/SESSION"),
    Shape("arn", "assertion.arn.contains(':assumed-role/app/')", UNSOUND, f"{USER}:assumed-role/app/x"),
    Shape("arn", "assertion.arn.matches('assumed-role/app/')", UNSOUND, f"{USER}assumed-role/app/x"),
    Shape("arn", "assertion.arn.matches('^arn:aws:.*:assumed-role/app/.*')", UNSOUND, f"{USER}:assumed-role/app/x"),
    Shape("environment", "attribute.environment == 'prod'", UNSOUND, f"{USER}:instance-profile/Production/x"),
    Shape("arn", f"assertion.arn.startsWith('{USER}ci')", UNSOUND, f"{USER}cix"),
    Shape("arn", f"assertion.arn.startsWith('{USER}')", UNSOUND, f"{USER}plain"),
    # The name of a session, which callers choose.
    Shape("split", "attribute.aws_role == 'app-role'", UNSOUND, f"{SESSIONS}zq-nobody-knows-this-role/app-role"),
    Shape("session", f"{ANCHOR} && attribute.session == 'app'", UNSOUND, f"{SESSIONS}zq-nobody-knows-this-role/app"),
    Shape("arn", f"{ANCHOR} && assertion.arn.endsWith('/fn')", UNSOUND, f"{SESSIONS}zq-nobody-knows-this-role/fn"),
    Shape("arn", f"{ANCHOR} && assertion.userid.endsWith(':app')", UNSOUND,
          f"{SESSIONS}zq-nobody-knows-this-role/app"),
    # Regular expressions and macros.
    Shape("keyless", "['^app-[a-z]+$', '^job-.*$'].exists(r, attribute.aws_role.matches(r))", UNSOUND,
          f"{SESSIONS}job-/SESSION"),
    Shape("keyless", f"{ANCHOR} && !['^app-.*$', '^app-x'].all(r, !attribute.aws_role.matches(r))", UNSOUND,
          f"{SESSIONS}app-/SESSION"),
    Shape("keyless", f"{ANCHOR} && ['^app.$'].map(r, r).exists(r, attribute.aws_role.matches(r))", UNSOUND,
          f"{SESSIONS}appa/SESSION"),
    Shape("arn", f"assertion.arn.matches('^{SESSIONS}(app|job)-.*/.*')", UNSOUND, f"{SESSIONS}app-/SESSION"),
    Shape("arn", f"['app', 'job'].exists(r, assertion.arn.startsWith('{SESSIONS}' + r))", UNSOUND,
          f"{SESSIONS}jobx/SESSION"),
    Shape("arn", f"['app', 'job'].exists(r, assertion.arn.startsWith('{SESSIONS}' + 'prod-' + r))", UNSOUND,
          f"{SESSIONS}prod-jobx/SESSION"),
    Shape("arn", "assertion.arn.matches('^arn:aws:sts::[0-9]+:assumed-role/app/.*$')", UNSOUND, f"{OTHER}app/x"),
    Shape("keyless", "assertion.arn.startsWith('arn:aws:sts::') && attribute.aws_role == 'app'", UNSOUND,
          f"{OTHER}app/x"),
    # Exactly the roles that are named.
    Shape("google", f"attribute.aws_role == '{SESSIONS}app'", SOUND),
    Shape("google", f'attribute.aws_role in ["{SESSIONS}app", "{SESSIONS}job"]', SOUND),
    Shape("without-session", f'attribute.aws_role in ["{SESSIONS}app"]', SOUND),
    Shape("role", f"assertion.arn.startsWith('{SESSIONS}app/')", SOUND),
    Shape("subject-is-role", f"assertion.arn.startsWith('{SESSIONS}app/')", SOUND),
    Shape("raw", f"attribute.aws_role.startsWith('{SESSIONS}mcp-proxy/')", SOUND),
    Shape("arn", f"assertion.account == '{ACCOUNT}' && assertion.arn.startsWith('{SESSIONS}Fn-Role-gAiVg357/')", SOUND),
    Shape("role", f"{ANCHOR} && attribute.aws_role in ['app', 'job']", SOUND),
    Shape("decided", f"{ANCHOR} && attribute.known == 'in'", SOUND),
    Shape("arn", f"{ANCHOR} && (assertion.arn.contains('assumed-role/app/') || assertion.arn.contains('role/job/'))",
          SOUND),
    Shape("arn", f"assertion.arn.matches('^{SESSIONS}app/.*$')", SOUND),
    Shape("arn", f"['app', 'job'].exists(r, assertion.arn.startsWith('{SESSIONS}' + r + '/'))", SOUND),
    Shape("arn", f"['app'].map(r, '{SESSIONS}' + r + '/').exists(p, assertion.arn.startsWith(p))", SOUND),
    Shape("arn", f"assertion.arn == '{SESSIONS}app/fn'", SOUND),
    Shape("arn", f"assertion.arn == '{USER}ci'", SOUND),
    Shape("framed", f"{ANCHOR} && attribute.key == 'p-app-s'", SOUND),
    Shape("keyless", f"{ANCHOR} && 'app,job'.split(',').exists(r, attribute.aws_role == r)", SOUND),
    Shape("arn", f"{ANCHOR} && assertion.arn.matches('.*/(app|job)/.*')", SOUND),
    Shape("groups", f"{ANCHOR} && 'app' in google.groups", SOUND),
    # Nobody at all.
    Shape("arn", f"assertion.arn == '{ROLE}app'", NEVER, words="role's own ARN"),
    Shape("arn", f"assertion.arn.startsWith('{ROLE}gateway-task')", NEVER, words=f"'{SESSIONS}gateway-task/'"),
    Shape("arn", f"google.subject.startsWith('{ROLE}')", NEVER, words="role's own ARN"),
    Shape("raw", f'attribute.aws_role == "{ROLE}my-app-role"', NEVER, words=f"startsWith('{SESSIONS}my-app-role/')"),
    Shape("raw", f'attribute.aws_role.startsWith("{ROLE}gcp-")', NEVER, words="role's own ARN"),
    Shape("google", f"assertion.arn.startsWith('{ROLE}miru/')", NEVER, words=f"write '{SESSIONS}miru/'"),
    Shape("google", f'attribute.aws_role in ["{ROLE}app"]', NEVER, words=f"write '{SESSIONS}app' instead"),
    Shape("arn", f"assertion.arn == '{SESSIONS}app/*'", NEVER, words="no ARN contains a *"),
    Shape("google", f"attribute.aws_role == '{SESSIONS}app-*'", NEVER, words="no ARN contains a *"),
    Shape("arn", f"assertion.arn == '{SESSIONS}app'", NEVER, words="lacks the session"),
    Shape("arn", f"assertion.arn.startsWith('{SESSIONS}team/app/')", NEVER, words="without the role's path"),
    Shape("google", "attribute.aws_role == 'app'", NEVER, words="Keyless's mapping"),
    Shape("keyless", f"attribute.aws_role == '{SESSIONS}app'", NEVER, words="Google's default mapping"),
    Shape("arn", f"attribute.aws_role == '{SESSIONS}app'", NEVER, words="map attribute.aws_role"),
    Shape("external-id", f"attribute.aws_role == '{SESSIONS}app'", NEVER, words="assertion.external_id"),
    Shape("role", "attribute.aws_role == 'app' && assertion.aud == 'x'", NEVER, words="assertion.aud"),
    Shape("arn", "assertion.sub == 'app'", NEVER, words="no other claim"),
    Shape("arn", f"assertion.account == {ACCOUNT}", NEVER, words="put it in quotes"),
    Shape("arn", "assertion.account == '999988887777'", NEVER, words=f"trusts {ACCOUNT} alone"),
    Shape("arn", f"assertion.arn == 'arn:aws:lambda:eu-west-1:{ACCOUNT}:function:fn'", NEVER, words="no caller's ARN"),
    Shape("arn", f"assertion.arn == 'arn:aws:iam::{ACCOUNT}:instance-profile/web'", NEVER, words="no caller's ARN"),
    Shape("keyless", f"{ANCHOR} && attribute.aws_role == 'team/app'", NEVER, words="attribute.aws_role is"),
]  # fmt: skip


def judged(shape: Shape, *arns: str) -> Judgement:
    """Judge the shape's provider, without any role that is meant."""
    provider = Provider(name="p", account=ACCOUNT, mapping=MAPPINGS[shape.mapping], condition=shape.condition)
    return judge(provider, dict.fromkeys(arns))


def test_there_are_enough_shapes() -> None:
    assert len(set(SHAPES)) >= 60
    assert {shape.mapping for shape in SHAPES} == set(MAPPINGS)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.mapping}: {shape.condition}"[:90])
def test_a_public_shape_gets_its_right_verdict(shape: Shape) -> None:
    judgement = judged(shape)
    told = "\n".join(map(str, judgement.findings))
    proofs = [arn for found in judgement.findings for whose, arn in found.proofs.items() if "lets in" in whose]
    assert (judgement.error, judgement.outcome) == ("", shape.verdict), told
    assert judgement.sound is (shape.verdict == SOUND)
    assert not shape.proof or shape.proof in proofs, told
    assert shape.words.lower() in told.lower()


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.verdict == UNSOUND], ids=lambda s: s.condition)
def test_every_proof_gets_in(shape: Shape) -> None:
    trust = Trust.compile(MAPPINGS[shape.mapping], shape.condition)
    for found in judged(shape).findings:
        for whose, arn in found.proofs.items():
            if "lets in" in whose:
                trust.admit(aws_claims(arn))
