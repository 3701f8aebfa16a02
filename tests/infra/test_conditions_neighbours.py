"""The other providers of a pool: one that lets somebody in as a role of ours is named, with the ARN that proves it."""

from typing import Any

import pytest

from keyless_federation.conditions.neighbours import Bound, openings
from keyless_federation.conditions.trust import DEFAULT_MAPPING
from keyless_federation.model.condition import MAPPING, attribute_condition

ACCOUNT, OTHER = "111122223333", "999988887777"
NAME = "projects/1/locations/global/workloadIdentityPools/pool/providers/loose"
BOUND = Bound(account=ACCOUNT, roles=frozenset({"app", "job"}))
SUBJECT = f"arn:aws:sts::{ACCOUNT}:assumed-role/task/session"
RAW = {"google.subject": "assertion.arn", "attribute.aws_role": "assertion.arn"}
ANCHOR = f"assertion.arn.startsWith('arn:aws:sts::{ACCOUNT}:assumed-role/')"


def provider(condition: str, mapping: dict[str, str] = MAPPING, account: str = ACCOUNT) -> dict[str, Any]:
    return {
        "name": NAME,
        "aws": {"accountId": account},
        "attributeMapping": mapping,
        "attributeCondition": condition,
    }


@pytest.mark.parametrize(
    ("neighbour", "proof"),
    [
        (provider("", MAPPING | {"attribute.aws_role": "'app'"}), f"sts::{ACCOUNT}:assumed-role/job/SESSION as"),
        (provider(""), f"arn:aws:iam::{ACCOUNT}:user/assumed-role/app/x"),
        (provider("attribute.aws_role == 'app'"), f"arn:aws:iam::{ACCOUNT}:user/assumed-role/app/x"),
        (provider("", account=OTHER), f"arn:aws:sts::{OTHER}:assumed-role/app/SESSION"),
        (provider(attribute_condition(OTHER, ["app"]), account=OTHER), f"sts::{OTHER}:assumed-role/app/SESSION"),
        (provider(ANCHOR, RAW | {"attribute.aws_role": "assertion.arn.split('/')[2]"}), "-this-role/app as"),
        (provider(ANCHOR, MAPPING | {"attribute.aws_role": f"{MAPPING['attribute.aws_role']}.lowerAscii()"}), "/APP/"),
        (
            provider(ANCHOR, RAW | {"attribute.aws_role": "assertion.arn.extract('assumed-role/team-{role}/')"}),
            ":assumed-role/team-app/",
        ),
    ],
)  # fmt: skip
def test_a_loose_neighbour_is_named_with_its_proof(neighbour: dict[str, Any], proof: str) -> None:
    [told] = openings([neighbour], BOUND)
    assert told.startswith("The provider loose of the same pool lets in arn:aws:")
    assert proof in told


@pytest.mark.parametrize(
    "neighbour",
    [
        provider(attribute_condition(ACCOUNT, ["app", "job", "third"])),
        provider(attribute_condition(OTHER, ["third"]), account=OTHER),
        provider("", {}),
        provider("", DEFAULT_MAPPING, OTHER),
        provider("", {"google.subject": "assertion.arn"}, OTHER),
        {"name": NAME, "oidc": {}, "attributeMapping": {"google.subject": "assertion.sub"}},
    ],
)
def test_a_neighbour_that_opens_nothing_of_ours_is_not_named(neighbour: dict[str, Any]) -> None:
    assert openings([neighbour], BOUND) == []


def test_a_subject_of_ours_is_nobody_elses() -> None:
    bound = Bound(account=ACCOUNT, roles=frozenset(), subjects=frozenset({SUBJECT}))
    [told] = openings([provider("", {"google.subject": f"'{SUBJECT}'"}, OTHER)], bound)
    assert f"as google.subject '{SUBJECT}'" in told
    assert openings([provider("", {"google.subject": "assertion.arn"})], bound) == []


@pytest.mark.parametrize(
    ("neighbour", "words"),
    [
        (provider("nonsense =="), "cannot be evaluated"),
        (
            {"name": NAME, "oidc": {}, "attributeMapping": {"attribute.aws_role": "assertion.sub"}},
            "is not for AWS and fills attribute.aws_role",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_no_clean_bill(neighbour: dict[str, Any], words: str) -> None:
    [told] = openings([neighbour], BOUND)
    assert words in told


def test_who_grants_nothing_has_nothing_to_lose() -> None:
    assert openings([provider("")], Bound(account=ACCOUNT, roles=frozenset())) == []
