"""`keyless conditions` on what gcloud and Terraform print or take: providers as JSON, and mappings in gcloud's form."""

import json
from pathlib import Path
from typing import Any

import pytest

from keyless_cli.conditions.command import main
from keyless_cli.conditions.documents import TERRAFORM_TYPE, from_document
from keyless_cli.conditions.mappings import parse_mapping
from keyless_cli.conditions.sources import NotFoundError
from keyless_federation.conditions.trust import DEFAULT_MAPPING

ACCOUNT = "111122223333"
NAME = "projects/123/locations/global/workloadIdentityPools/pool/providers/aws"
SESSIONS = f"arn:aws:sts::{ACCOUNT}:assumed-role/"
CONDITION = f"attribute.aws_role == '{SESSIONS}app'"
PROVIDER = {"name": NAME, "state": "ACTIVE", "aws": {"accountId": ACCOUNT}, "attributeCondition": CONDITION}
OIDC = {"name": f"{NAME}-oidc", "oidc": {"issuerUri": "https://example.com"}, "attributeCondition": "true"}


def resource(address: str, **values: Any) -> dict[str, Any]:
    aws = {"aws": [{"account_id": ACCOUNT}], "attribute_mapping": None, "attribute_condition": CONDITION}
    return {"address": address, "mode": "managed", "type": TERRAFORM_TYPE, "values": {**aws, **values}}


def plan(*resources: dict[str, Any], unknown: dict[str, Any] | None = None) -> dict[str, Any]:
    child = {"address": "module.wif", "resources": [resource("module.wif.x.child", attribute_condition="true")]}
    root = {"resources": [{"address": "x.pool", "type": "google_pool", "values": {}}, *resources]}
    changes = [{"address": each["address"], "change": {"after_unknown": unknown or {}}} for each in resources]
    planned = {"planned_values": {"root_module": {**root, "child_modules": [child]}}, "resource_changes": changes}
    return {"format_version": "1.2", "terraform_version": "1.9.0", **planned}


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "document.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (PROVIDER, [NAME]),
        ([PROVIDER, OIDC], [NAME]),
        (plan(resource("x.one")), ["x.one", "module.wif.x.child"]),
        (plan(resource("x.oidc", aws=[], oidc=[{}])), ["module.wif.x.child"]),
        ({"format_version": "1.0", "values": {"root_module": {"resources": [resource("x.state")]}}}, ["x.state"]),
    ],
    ids=["describe", "list", "plan", "plan with another type", "state"],
)
def test_a_document_is_recognised_by_its_shape(document: object, names: list[str], tmp_path: Path) -> None:
    found = from_document(written(tmp_path, document))
    assert [provider.name for provider in found] == names
    assert {provider.account for provider in found} == {ACCOUNT}
    assert all(dict(provider.mapping) == DEFAULT_MAPPING for provider in found), "none was given, so Google's own"
    assert found[0].condition in (CONDITION, "true")


def test_a_mapping_and_a_condition_are_taken_as_they_are(tmp_path: Path) -> None:
    mapping = {"google.subject": "assertion.arn", "attribute.r": "assertion.arn.extract('assumed-role/{r}/')"}
    documents = [
        {**PROVIDER, "attributeMapping": mapping, "attributeCondition": "attribute.r == 'app'"},
        {"values": {"root_module": {"resources": [resource("x.a", attribute_mapping=mapping)]}}},
    ]
    for document in documents:
        assert from_document(written(tmp_path, document))[0].mapping == mapping


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        ({"attribute_condition": True}, "attribute_condition"),
        ({"attribute_mapping": {"google.subject": True}}, "attribute_mapping"),
        ({"aws": [{"account_id": True}]}, "aws.account_id"),
    ],
)
def test_what_terraform_cannot_know_yet_is_not_judged(unknown: dict[str, Any], words: str, tmp_path: Path) -> None:
    values: dict[str, Any] = {"aws": [{}]} if "aws" in unknown else {}
    path = written(tmp_path, plan(resource("x.one", **values), unknown=unknown))
    with pytest.raises(NotFoundError, match=rf"x\.one: {words} cannot be known before `terraform apply`"):
        from_document(path)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("name: projects/1\naws:\n  accountId: '1'\n", "--format=json"),
        (OIDC, "no provider for AWS"),
        ([], "no provider for AWS"),
        ({"aws": "x"}, "no provider for AWS"),
        ('"text"', "no provider for AWS"),
    ],
)
def test_a_document_without_a_provider_is_named(
    document: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--from", str(written(tmp_path, document))]) == 2
    told = capsys.readouterr().err
    assert "document.json" in told
    assert words in told


def test_the_command_judges_every_provider_of_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [PROVIDER, {**PROVIDER, "name": f"{NAME}-2", "attributeCondition": "true"}])
    assert main(["--from", str(path), "--json"]) == 1
    assert [judged["outcome"] for judged in json.loads(capsys.readouterr().out)] == ["sound", "unsound"]


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("google.subject=assertion.arn", {"google.subject": "assertion.arn"}),
        (
            "google.subject=assertion.arn, attribute.a=assertion.arn.extract('a,b={x}'),"
            "attribute.b=[1, 2][0] == 1 ? 'a' : ''",
            {
                "google.subject": "assertion.arn",
                "attribute.a": "assertion.arn.extract('a,b={x}')",
                "attribute.b": "[1, 2][0] == 1 ? 'a' : ''",
            },
        ),
        ("^;^a.b=x;c=f('d,e', g)", {"a.b": "x", "c": "f('d,e', g)"}),
        ("default", DEFAULT_MAPPING),
    ],
)
def test_a_mapping_is_taken_as_gcloud_takes_it(text: str, mapping: dict[str, str]) -> None:
    assert parse_mapping(text) == mapping


@pytest.mark.parametrize("text", ["assertion.arn", "google.subject=assertion.arn,assertion.account", "f('a')=b"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not KEY=CEL"):
        parse_mapping(text)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], ["with Keyless's mapping", "  attribute.aws_role = assertion.arn.extract('assumed-role/{role}/')"]),
        (["--mapping", "default"], ["with Google's default mapping", "  google.subject = assertion.arn"]),
        (["--mapping", "google.subject=assertion.arn"], ["with the mapping", "  google.subject = assertion.arn"]),
    ],
)
def test_the_mapping_in_force_is_printed(
    arguments: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--account", ACCOUNT, "--condition", CONDITION, *arguments])
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line in shown] == shown


def test_several_mappings_are_one(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--mapping", "google.subject=assertion.arn", "--mapping", "attribute.aws_role=assertion.arn"]
    assert main(["--account", ACCOUNT, "--condition", f"attribute.aws_role == '{SESSIONS}app/fn'", *arguments]) == 0
