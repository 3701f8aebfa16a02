"""The real gcloud against the local Google: the nine steps of the article, and the whole life of what they make."""

from collections.abc import Iterator

import pytest

from tests.local.gcloud import Gcloud, needed
from tests.local.local_google import NUMBER, PROJECT, LocalGoogle

pytestmark = needed

READER = f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"
ROLE_SET = (
    f"principalSet://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/aws-pool"
    "/attribute.aws_role/reader-role"
)
MAPPING = "google.subject=assertion.arn,attribute.aws_role=assertion.arn.extract('assumed-role/{role}/')"
POOL = "--location=global --workload-identity-pool=aws-pool"
POOLS = "iam workload-identity-pools"
PROVIDERS = f"{POOLS} providers"
ACCOUNTS = "iam service-accounts"


@pytest.fixture(scope="module")
def gcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcloud]:
    """A gcloud that knows one local Google, as its administrator; the tests follow one another on it."""
    folder = tmp_path_factory.mktemp("gcloud")
    with LocalGoogle.started(folder) as google:
        yield Gcloud(google.url, google.token, PROJECT, folder)


def names(things: list[dict[str, str]], key: str = "name") -> list[str]:
    """The last parts of the things' names."""
    return [thing[key].rpartition("/")[2] for thing in things]


def test_the_nine_steps_of_the_article(gcloud: Gcloud) -> None:
    gcloud("services enable iam.googleapis.com iamcredentials.googleapis.com sts.googleapis.com")
    gcloud(f"{POOLS} create aws-pool --location=global --display-name=AWS")
    gcloud(f"{PROVIDERS} create-aws aws-provider {POOL} --account-id=123456789012", f"--attribute-mapping={MAPPING}")
    gcloud(f"{PROVIDERS} update-aws aws-provider {POOL}", "--attribute-condition=attribute.aws_role in ['reader-role']")
    gcloud(f"{ACCOUNTS} create aws-bq-reader --display-name=Reader")
    for role in ("workloadIdentityUser", "serviceAccountTokenCreator"):
        gcloud(f"{ACCOUNTS} add-iam-policy-binding {READER} --role=roles/iam.{role} --member={ROLE_SET}")
    granted = gcloud(
        f"projects add-iam-policy-binding {PROJECT} --role=roles/bigquery.jobUser --member=serviceAccount:{READER}"
    )
    assert {"role": "roles/bigquery.jobUser", "members": [f"serviceAccount:{READER}"]} in granted["bindings"]
    assert gcloud(f"projects describe {PROJECT}")["projectNumber"] == NUMBER
    provider = f"projects/{NUMBER}/locations/global/workloadIdentityPools/aws-pool/providers/aws-provider"
    file = gcloud.folder / "configuration.json"
    gcloud(f"{POOLS} create-cred-config {provider} --service-account={READER} --aws --output-file={file}")
    assert f'"audience": "//iam.googleapis.com/{provider}"' in file.read_text()


def test_pools_from_update_to_undelete(gcloud: Gcloud) -> None:
    gcloud(f"{POOLS} create second-pool --location=global --disabled")
    gcloud(f"{POOLS} update aws-pool --location=global", "--description=For Lambda")  # and nothing else
    described = gcloud(f"{POOLS} describe aws-pool --location=global")
    assert (described["displayName"], described["description"], described["state"]) == ("AWS", "For Lambda", "ACTIVE")
    assert names(gcloud(f"{POOLS} list --location=global --page-size=1")) == ["aws-pool", "second-pool"]
    gcloud(f"{POOLS} delete second-pool --location=global")
    assert names(gcloud(f"{POOLS} list --location=global")) == ["aws-pool"]
    deleted = gcloud(f"{POOLS} list --location=global --show-deleted", "--filter=state=DELETED")
    assert names(deleted) == ["second-pool"]
    assert "ALREADY_EXISTS" in gcloud.refused(f"{POOLS} create second-pool --location=global")
    assert "FAILED_PRECONDITION" in gcloud.refused(f"{POOLS} update second-pool --location=global --display-name=No")
    gcloud(f"{POOLS} undelete second-pool --location=global")
    assert gcloud(f"{POOLS} describe second-pool --location=global")["disabled"] is True


def test_providers_from_update_to_undelete(gcloud: Gcloud) -> None:
    gcloud(f"{PROVIDERS} update-aws aws-provider {POOL} --disabled")
    described = gcloud(f"{PROVIDERS} describe aws-provider {POOL}")
    assert described["attributeCondition"] == "attribute.aws_role in ['reader-role']"
    assert described["aws"] == {"accountId": "123456789012"}
    assert described["disabled"] is True
    gcloud(f"{PROVIDERS} delete aws-provider {POOL}")
    assert gcloud(f"{PROVIDERS} list {POOL}") == []
    assert names(gcloud(f"{PROVIDERS} list {POOL} --show-deleted")) == ["aws-provider"]
    gcloud(f"{PROVIDERS} undelete aws-provider {POOL}")
    assert names(gcloud(f"{PROVIDERS} list {POOL}")) == ["aws-provider"]
    wrong = f"{PROVIDERS} update-aws aws-provider {POOL}"
    assert "INVALID_ARGUMENT" in gcloud.refused(wrong, "--attribute-condition=attribute.aws_role in ['open")


def test_service_accounts_from_update_to_undelete(gcloud: Gcloud) -> None:
    gcloud(f"{ACCOUNTS} update {READER} --display-name=Other")
    described = gcloud(f"{ACCOUNTS} describe {READER}")
    assert described["displayName"] == "Other"
    gcloud(f"{ACCOUNTS} disable {READER}")
    assert gcloud(f"{ACCOUNTS} list")[0]["disabled"] is True
    gcloud(f"{ACCOUNTS} enable {READER}")
    gcloud(f"{ACCOUNTS} delete {READER}")
    assert gcloud(f"{ACCOUNTS} list") == []
    assert "NOT_FOUND" in gcloud.refused(f"{ACCOUNTS} describe {READER}")
    gcloud(f"{ACCOUNTS} undelete {described['uniqueId']}")
    policy = gcloud(f"{ACCOUNTS} get-iam-policy {READER}")
    assert names(policy["bindings"], "role") == ["iam.serviceAccountTokenCreator", "iam.workloadIdentityUser"]
    gcloud(f"{ACCOUNTS} remove-iam-policy-binding {READER} --role=roles/iam.workloadIdentityUser --member={ROLE_SET}")
    assert "Key creation is not allowed" in gcloud.refused(
        f"{ACCOUNTS} keys create {gcloud.folder}/key.json --iam-account={READER}"
    )


def test_custom_roles_from_update_to_undelete(gcloud: Gcloud) -> None:
    one = f"--project={PROJECT}"
    gcloud(f"iam roles create poolReader {one} --title=Reader --stage=GA --permissions=iam.workloadIdentityPools.get")
    gcloud(f"iam roles update poolReader {one} --add-permissions=iam.workloadIdentityPools.list")
    wanted = ["iam.workloadIdentityPools.get", "iam.workloadIdentityPools.list"]
    assert gcloud(f"iam roles describe poolReader {one}")["includedPermissions"] == wanted
    gcloud(f"iam roles delete poolReader {one}")
    assert gcloud(f"iam roles list {one}") == []
    assert names(gcloud(f"iam roles list {one} --show-deleted")) == ["poolReader"]
    gcloud(f"iam roles undelete poolReader {one}")
    assert names(gcloud(f"iam roles list {one}")) == ["poolReader"]
    wrong = f"iam roles update poolReader {one} --permissions=no.such.permission"
    assert "Permission no.such.permission is not valid" in gcloud.refused(wrong)
    gcloud(
        f"iam roles copy --source=roles/iam.workloadIdentityPoolViewer --destination=copied --dest-project={PROJECT}"
    )
    assert set(wanted) < set(gcloud(f"iam roles describe copied {one}")["includedPermissions"])
    resource = f"//cloudresourcemanager.googleapis.com/projects/{PROJECT}"
    grantable = names(gcloud(f"iam list-grantable-roles {resource}"))
    assert {"bigquery.jobUser", "poolReader"} <= set(grantable)


def test_projects_their_policies_and_their_apis(gcloud: Gcloud) -> None:
    assert [project["projectId"] for project in gcloud("projects list")] == [PROJECT]
    member = f"--member=serviceAccount:{READER}"
    for condition in ("title=soon,expression=request.time < timestamp('2030-01-01T00:00:00Z')", "None"):
        gcloud(
            f"projects add-iam-policy-binding {PROJECT} --role=roles/bigquery.user {member}", f"--condition={condition}"
        )
    policy = gcloud(f"projects get-iam-policy {PROJECT}")
    conditional = [entry for entry in policy["bindings"] if entry["role"] == "roles/bigquery.user"]
    assert sorted(entry.get("condition", {}).get("title", "") for entry in conditional) == ["", "soon"]
    gcloud(f"projects remove-iam-policy-binding {PROJECT} --role=roles/bigquery.user {member} --all")
    assert "roles/bigquery.user" not in str(gcloud(f"projects get-iam-policy {PROJECT}"))
    assert gcloud(f"projects get-ancestors {PROJECT}") == [{"id": PROJECT, "type": "project"}]
    enabled = gcloud("services list --enabled")
    assert "iam.googleapis.com" in [service["config"]["name"] for service in enabled]
    assert "does not have permission" in gcloud.refused("projects describe no-such-project")


def test_impersonation_through_gcloud(gcloud: Gcloud) -> None:
    role = "roles/iam.serviceAccountTokenCreator"
    asked = f"auth print-access-token --impersonate-service-account={READER}"
    gcloud.refused(asked)
    gcloud(f"{ACCOUNTS} add-iam-policy-binding {READER} --role={role} --member=user:admin@keyless.local")
    assert gcloud(asked)["token"].startswith("ya29.")
