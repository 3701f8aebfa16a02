"""Each test breaks one link of the deployed chain and sees the right refusal; with all links whole, rows come."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from local.clouds import ACCOUNT, PROJECT
from local.deployment import STAGE, Deployment
from local.invoke import FUNCTION, client, invoke
from tests.e2e.breaking import PROVIDER, policy, provider
from tests.e2e.chain import TARGET_RESOURCE, Chain

ROLE = f"{FUNCTION}-eu-west-1"
READER = f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"
PUBLIC = "SELECT COUNT(*) AS n FROM `bigquery-public-data.samples.shakespeare`"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
REJECTED = "The given credential is rejected by the attribute condition."


@pytest.fixture(scope="session")
def chain(deployed: Deployment) -> Chain:
    """The deployed chain, to be called link by link."""
    variables = client("lambda", deployed.clouds.environment).get_function_configuration(FunctionName=FUNCTION)
    return Chain(deployed.clouds.environment, variables["Environment"]["Variables"]["KEYLESS_AUDIENCE"])


def test_with_all_links_whole_the_function_answers_with_rows(deployed: Deployment) -> None:
    rows = invoke({}, deployed.clouds.environment)["rows"]
    assert [row["corpus"] for row in rows] == ["hamlet", "henryv", "cymbeline"]
    assert all(row["words"] > 4000 for row in rows)


def test_a_word_is_searched_for_as_a_parameter(deployed: Deployment) -> None:
    rows = invoke({"word": "' OR 1=1 --"}, deployed.clouds.environment)["rows"]
    assert rows == []
    assert invoke({"word": "wherefore"}, deployed.clouds.environment)["rows"][0]["word_count"] > 1


def test_the_same_chain_taken_by_hand_gives_rows(chain: Chain) -> None:
    answer = chain.query(chain.token(ROLE, FUNCTION, READER), PUBLIC)
    assert answer.status == 200
    assert int(answer.body["rows"][0]["f"][0]["v"]) > 100_000


def test_a_role_that_nobody_attached_is_outside_the_condition(chain: Chain) -> None:
    refused = chain.exchange(chain.sign(chain.assume(new_role(chain, "somebody-else"), FUNCTION)))
    assert (refused.status, refused.body["error"], refused.words) == (400, "unauthorized_client", REJECTED)


def test_a_role_whose_name_extends_an_allowed_one_is_outside_the_condition(chain: Chain) -> None:
    refused = chain.exchange(chain.sign(chain.assume(new_role(chain, f"{ROLE}x"), FUNCTION)))
    assert (refused.body["error"], refused.words) == ("unauthorized_client", REJECTED)


def test_a_role_that_is_let_in_but_not_bound_cannot_become_the_account(chain: Chain) -> None:
    role = new_role(chain, "let-in-not-bound")
    condition = chain.admin("GET", f"/iam/v1/{PROVIDER}").body["attributeCondition"]
    with provider(chain, attributeCondition=f"({condition}) || attribute.aws_role == '{role}'"):
        let_in = chain.exchange(chain.sign(chain.assume(role, FUNCTION)))
    assert let_in.status == 200
    refused = chain.impersonate(let_in.body["access_token"], READER)
    assert (refused.status, refused.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert refused.words.startswith("Permission 'iam.serviceAccounts.getAccessToken' denied on resource")


def test_without_the_bindings_the_right_role_cannot_become_the_account(chain: Chain) -> None:
    federated = chain.exchange(chain.sign(chain.assume(ROLE, FUNCTION))).body["access_token"]
    with policy(chain, f"/iam/v1/projects/{PROJECT}/serviceAccounts/{READER}", without="roles/iam."):
        refused = chain.impersonate(federated, READER)
    assert (refused.status, refused.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert chain.impersonate(federated, READER).status == 200


def test_the_deployer_account_is_closed_to_functions(chain: Chain) -> None:
    federated = chain.exchange(chain.sign(chain.assume(ROLE, FUNCTION))).body["access_token"]
    assert chain.impersonate(federated, f"keyless-deployer@{PROJECT}.iam.gserviceaccount.com").status == 403


def test_another_account_is_refused_whatever_its_role_is_called(chain: Chain) -> None:
    other = Chain({**chain.environment, "AWS_ACCESS_KEY_ID": "999988887777"}, chain.audience)
    role = new_role(other, ROLE)
    refused = chain.exchange(chain.sign(other.assume(role, FUNCTION)))
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")


def test_root_keys_which_the_local_aws_does_not_verify_are_refused(chain: Chain) -> None:
    from google.auth.aws import AwsSecurityCredentials

    root = AwsSecurityCredentials(chain.environment["AWS_ACCESS_KEY_ID"], "not the secret")
    refused = chain.exchange(chain.sign(root))
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")


def test_a_tampered_signature_is_refused(chain: Chain) -> None:
    signed = chain.sign(chain.assume(ROLE, FUNCTION))
    last = signed.headers["Authorization"][-1]
    forged = signed.headers["Authorization"][:-1] + ("0" if last != "0" else "1")
    refused = chain.exchange(signed.with_header("Authorization", forged))
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")


def test_an_hour_old_request_is_refused(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    hour_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    credentials = chain.assume(ROLE, FUNCTION)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: hour_ago)
    old = chain.sign(credentials)
    monkeypatch.undo()
    assert f"{hour_ago:%Y%m%dT%H%M}" in old.headers["x-amz-date"]
    refused = chain.exchange(old)
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")


def test_a_request_signed_for_another_provider_is_refused(chain: Chain) -> None:
    elsewhere = chain.audience.replace("keyless-bigquery", "keyless-elsewhere")
    signed = chain.sign(chain.assume(ROLE, FUNCTION), audience=elsewhere)
    refused = chain.exchange(signed)
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")


def test_the_audience_alone_cannot_be_swapped(chain: Chain) -> None:
    signed = chain.sign(chain.assume(ROLE, FUNCTION))
    bootstrap = deployer_audience(chain)
    assert chain.exchange(signed, audience=bootstrap).body["error"] == "invalid_grant"


def test_header_and_audience_cannot_be_swapped_together_as_the_header_is_signed(chain: Chain) -> None:
    bootstrap = deployer_audience(chain)
    deployer_role = f"keyless-federation-{STAGE}-eu-west-1"  # the bootstrap provider would let this one in
    captured = chain.sign(chain.assume(deployer_role, deployer_role))
    turned = captured.with_header(TARGET_RESOURCE, bootstrap)
    refused = chain.exchange(turned, audience=bootstrap)
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")
    honest = chain.sign(chain.assume(deployer_role, deployer_role), audience=bootstrap)
    assert chain.exchange(honest, audience=bootstrap).status == 200


def test_a_disabled_provider_lets_nobody_in(chain: Chain) -> None:
    with provider(chain, disabled=True):
        refused = chain.exchange(chain.sign(chain.assume(ROLE, FUNCTION)))
    assert (refused.status, refused.body["error"]) == (400, "invalid_target")
    assert "pool or provider is disabled or deleted" in refused.words


def test_without_job_user_no_query_runs(chain: Chain) -> None:
    token = chain.token(ROLE, FUNCTION, READER)
    with policy(chain, f"/cloudresourcemanager/v1/projects/{PROJECT}", without="roles/bigquery.jobUser"):
        refused = chain.query(token, PUBLIC)
    assert refused.status == 403
    assert "bigquery.jobs.create" in refused.words
    assert chain.query(token, PUBLIC).status == 200


def test_without_a_grant_on_the_dataset_its_tables_stay_closed(chain: Chain) -> None:
    token = chain.token(ROLE, FUNCTION, READER)
    datasets = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"
    reference = {"projectId": PROJECT, "datasetId": "sales"}
    chain.admin("POST", datasets, {"datasetReference": reference})
    columns = {"fields": [{"name": "amount", "type": "INTEGER"}]}
    table = {"tableReference": {**reference, "tableId": "orders"}, "schema": columns}
    chain.admin("POST", f"{datasets}/sales/tables", table)
    try:
        refused = chain.query(token, f"SELECT * FROM `{PROJECT}.sales.orders`")
        assert refused.status == 403
        assert f"Access Denied: Table {PROJECT}:sales.orders" in refused.words
        access = chain.admin("GET", f"{datasets}/sales").body["access"]
        reader = {"role": "READER", "userByEmail": READER}
        chain.admin("PATCH", f"{datasets}/sales", {"access": [*access, reader]})
        assert chain.query(token, f"SELECT * FROM `{PROJECT}.sales.orders`").status == 200
    finally:
        chain.admin("DELETE", f"{datasets}/sales?deleteContents=true")


@pytest.mark.parametrize("token", ["garbage", "ya29.garbage", ""])
def test_a_garbage_token_is_refused_everywhere(token: str, chain: Chain) -> None:
    for refused in (chain.query(token, PUBLIC), chain.impersonate(token, READER)):
        assert (refused.status, refused.body["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_a_federated_token_alone_opens_no_data(chain: Chain) -> None:
    federated = chain.exchange(chain.sign(chain.assume(ROLE, FUNCTION))).body["access_token"]
    assert chain.query(federated, PUBLIC).status == 403


def deployer_audience(chain: Chain) -> str:
    """The audience of the bootstrap's provider."""
    number = chain.environment["GCP_PROJECT_NUMBER"]
    pools = f"//iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools"
    return f"{pools}/keyless-bootstrap/providers/aws-{ACCOUNT}"


def new_role(chain: Chain, name: str) -> str:
    """A role of that name, made if need be."""
    iam = client("iam", chain.environment)
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return name
