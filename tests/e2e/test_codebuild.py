"""The deployed build: known to Google by its role, bounded in its rights, leaking nothing, and Terraform in it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import terraform
from local.clouds import ACCOUNT, PROJECT, REGION
from local.deployment import STAGE, Deployment
from local.invoke import client
from local.story import audit
from tests.e2e import secrets_scan
from tests.e2e.chain import Chain
from tests.local.builds import commands, ended, log, statuses, text

NAME = f"keyless-terraform-{STAGE}"
ROLE = f"keyless-tf-{STAGE}-{REGION}"
BUILDER = f"aws-terraform-apply@{PROJECT}.iam.gserviceaccount.com"
LIFETIME = "/_local/lifetime"
STATE, LOCK = "terraform.tfstate", "terraform.tfstate.tflock"
SHORT = "6"  # seconds; half of that is left of keys that are handed out

DATASETS = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"
ASK_GOOGLE = """\
import google.auth, google.auth.transport.requests, os
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
session = google.auth.transport.requests.AuthorizedSession(credentials)
endpoint = os.environ["KEYLESS_GOOGLE_ENDPOINT"]
for service, path in {calls}:
    answer = session.get(endpoint.replace("{{service}}", service) + path)
    print(project, answer.status_code)
"""
OUTLIVE = """\
import boto3, time
keys = boto3.Session().get_credentials().get_frozen_credentials()
first = boto3.client("sts", aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
                     aws_session_token=keys.token)
print(first.get_caller_identity()["Arn"], flush=True)
for _ in range(600):
    try:
        first.get_caller_identity()
    except Exception as error:
        print("the first keys: " + error.response["Error"]["Code"], flush=True)
        break
    time.sleep(0.1)
"""
OUTLIVE_GOOGLE = """\
import google.auth, google.auth.transport.requests, os, requests, time
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
endpoint = os.environ["KEYLESS_GOOGLE_ENDPOINT"].replace("{service}", "bigquery")
url, first = f"{endpoint}/bigquery/v2/projects/{project}/datasets", {"Authorization": f"Bearer {credentials.token}"}
for _ in range(600):
    if (status := requests.get(url, headers=first).status_code) != 200:
        print(f"a token that is younger than Terraform's: {status}", flush=True)
        break
    time.sleep(0.1)
"""
SLOW = """\
terraform {
  backend "s3" {
    use_lockfile = true
  }
}
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "python ../outlive.py"
  }
}
"""
SLOW_ON_GOOGLE = """\
terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
  backend "s3" {
    use_lockfile = true
  }
}
resource "google_bigquery_dataset" "before" {
  dataset_id = "slow_before"
}
resource "terraform_data" "slow" {
  depends_on = [google_bigquery_dataset.before]
  provisioner "local-exec" {
    command = "python ../outlive.py && python ../outlive_google.py"
  }
}
resource "google_bigquery_dataset" "after" {
  depends_on = [terraform_data.slow]
  dataset_id = "slow_after"
}
"""
EXPORT = """\
eval "$(python - <<'END'
import boto3
keys = boto3.Session().get_credentials().get_frozen_credentials()
print(f"export AWS_ACCESS_KEY_ID={keys.access_key} AWS_SECRET_ACCESS_KEY={keys.secret_key}")
print(f"export AWS_SESSION_TOKEN={keys.token}")
END
)"
"""


@dataclass(frozen=True, slots=True)
class Builds:
    """The deployed project and its bucket."""

    environment: Mapping[str, str]

    def build(self, spec: Mapping[str, Any], **variables: str) -> dict[str, Any]:
        """Run a build of `spec` to its end."""
        return self._build(variables, buildspecOverride=text(spec))

    def terraform(self, **variables: str) -> dict[str, Any]:
        """Run a build as it is deployed."""
        return self._build(variables)

    def _build(self, variables: Mapping[str, str], **changed: str) -> dict[str, Any]:
        given = [{"name": name, "value": value} for name, value in variables.items()]
        codebuild = client("codebuild", self.environment)
        started = codebuild.start_build(projectName=NAME, environmentVariablesOverride=given, **changed)
        return ended(codebuild, started["build"]["id"])

    def log(self, build: Mapping[str, Any]) -> str:
        """Its whole log."""
        return "\n".join(log(client("logs", self.environment), build))

    def printed(self, build: Mapping[str, Any]) -> list[str]:
        """What its commands printed."""
        return [line for line in self.log(build).splitlines() if not line.startswith("[Container]")]

    @property
    def bucket(self) -> str:
        """Of the state."""
        (project,) = client("codebuild", self.environment).batch_get_projects(names=[NAME])["projects"]
        name: str = project["artifacts"]["location"]
        return name

    @property
    def s3(self) -> Any:
        """The owner's client."""
        return client("s3", self.environment)

    def names(self) -> list[str]:
        """What lies in the bucket now."""
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def kept(self) -> dict[str, str]:
        """Everything in the bucket, by key and version."""
        versions = self.s3.list_object_versions(Bucket=self.bucket).get("Versions", [])
        return {
            f"{one['Key']} {one['VersionId']}": self._read(one["Key"], one["VersionId"]).decode("latin-1")
            for one in versions
        }

    def _read(self, key: str, version: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version)["Body"].read()
        return body

    def forget_state(self) -> None:
        """The state and its lock taken away, as if nothing had ever been applied."""
        for key in (STATE, LOCK):
            self.s3.delete_object(Bucket=self.bucket, Key=key)


@pytest.fixture(scope="module")
def builds(deployed: Deployment) -> Builds:
    return Builds(deployed.clouds.environment)


@pytest.fixture
def no_state(builds: Builds) -> Iterator[None]:
    """Nothing applied before and nothing left after."""
    builds.forget_state()
    yield
    builds.forget_state()


@pytest.fixture(scope="module")
def with_terraform() -> None:
    """A terraform on PATH, where the local CodeBuild finds it."""
    binary = shutil.which("terraform")
    if not binary or terraform.version(binary) < terraform.OLDEST_TERRAFORM:
        pytest.skip("no terraform 1.10 or newer is on PATH")


@pytest.fixture(scope="module")
def with_provider(with_terraform: None) -> None:
    """Google's real provider in the cache, where the local CodeBuild finds it, too."""
    try:
        terraform.find()
    except terraform.Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture
def short_tokens(builds: Builds) -> Iterator[None]:
    """Google's tokens live for seconds: 2 more than the 10 that Go's library wants left of one that it uses."""
    google = Chain(builds.environment, "")
    assert google.admin("PUT", LIFETIME, {"seconds": 12}).status == 200
    yield
    assert google.admin("PUT", LIFETIME, {"seconds": None}).status == 200
    for dataset in ("slow_before", "slow_after"):
        google.admin("DELETE", f"{DATASETS}/{dataset}")


def under_exec(*calls: tuple[str, str]) -> dict[str, Any]:
    """A build that asks Google for these, each a service and a path."""
    script = ASK_GOOGLE.format(calls=repr(list(calls)))
    install = ['export PYTHONPATH="$CODEBUILD_SRC_DIR_keyless/python"']
    return commands(
        install=install, build=[f"cat > ask.py <<'END'\n{script}END", "python -m keyless exec -- python ask.py"]
    )


def test_a_build_is_known_to_google_by_its_role_and_its_id(builds: Builds) -> None:
    since = audit(builds.environment, since=0)["next"]
    build = builds.build(under_exec(("bigquery", f"/bigquery/v2/projects/{PROJECT}/datasets")))
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    assert builds.printed(build)[-1] == f"{PROJECT} 200"
    session = f"AWSCodeBuild-{build['id'].partition(':')[2]}"
    entries = audit(builds.environment, since=since)["entries"]
    asked = [entry for entry in entries if entry["method"].endswith("DatasetService.ListDatasets")]
    exchanged = [entry for entry in entries if entry["method"].endswith("ExchangeToken")]
    assert {entry["principal"] for entry in asked} == {BUILDER}
    assert {entry["aws_arn"] for entry in exchanged} == {f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{session}"}


def test_the_build_s_account_may_do_what_its_roles_say_and_no_more(builds: Builds) -> None:
    reads = (
        ("storage", f"/storage/v1/b?project={PROJECT}"),
        ("bigquery", f"/bigquery/v2/projects/{PROJECT}/datasets/shop/tables/events/data"),
        ("iam", f"/v1/projects/{PROJECT}/serviceAccounts"),
    )
    build = builds.build(under_exec(*reads))
    storage, rows, accounts = (line.rpartition(" ")[2] for line in builds.printed(build)[-3:])
    assert storage == "200"
    assert rows in ("403", "404")
    assert accounts == "403"


def test_only_the_build_s_role_becomes_its_account(builds: Builds) -> None:
    (project,) = client("codebuild", builds.environment).batch_get_projects(names=[NAME])["projects"]
    audience = next(
        one["value"] for one in project["environment"]["environmentVariables"] if one["name"] == "KEYLESS_AUDIENCE"
    )
    chain = Chain(builds.environment, audience)
    other = chain.exchange(chain.sign(chain.assume(f"keyless-bigquery-query-{STAGE}-{REGION}", "somebody"))).body
    assert chain.impersonate(other["access_token"], BUILDER).status == 403
    mine = chain.exchange(chain.sign(chain.assume(ROLE, "AWSCodeBuild-x"))).body
    assert chain.impersonate(mine["access_token"], BUILDER).status == 200
    assert chain.impersonate(mine["access_token"], f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com").status == 403


def test_the_role_reaches_state_lock_and_plans_and_nothing_else(builds: Builds, no_state: None) -> None:
    keys = Chain(builds.environment, "").assume(ROLE, "AWSCodeBuild-x")
    s3 = boto3.client(
        "s3",
        endpoint_url=builds.environment["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    bucket = builds.bucket
    for key in (STATE, LOCK, "plans/1/plan"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        s3.get_object(Bucket=bucket, Key=key)
    s3.delete_object(Bucket=bucket, Key=LOCK)
    s3.list_objects_v2(Bucket=bucket)
    assets = next(one["Name"] for one in builds.s3.list_buckets()["Buckets"] if "-assets-" in one["Name"])
    others = [one["Key"] for one in builds.s3.list_objects_v2(Bucket=assets)["Contents"]]
    readable = [key for key in others if allowed(partial(s3.get_object, Bucket=assets, Key=key))]
    assert len(readable) == 2
    refused = [
        lambda: s3.delete_object(Bucket=bucket, Key=STATE),
        lambda: s3.delete_object(Bucket=bucket, Key="plans/1/plan"),
        lambda: s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"x"),
        lambda: s3.put_object(Bucket=assets, Key=readable[0], Body=b"x"),
        lambda: s3.list_objects_v2(Bucket=assets),
        lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}),
        lambda: s3.delete_bucket_policy(Bucket=bucket),
    ]
    assert [allowed(call) for call in refused] == [False] * len(refused)
    builds.s3.delete_object(Bucket=bucket, Key="plans/1/plan")


def test_an_apply_outlives_its_first_credentials(builds: Builds, no_state: None, with_terraform: None) -> None:
    build = builds.build(slow("python -m keyless exec -- "), LOCAL_CREDENTIALS_LIFETIME=SHORT)
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    assert "the first keys: ExpiredToken" in builds.log(build)
    state = json.loads(builds.s3.get_object(Bucket=builds.bucket, Key=STATE)["Body"].read())
    assert [one["type"] for one in state["resources"]] == ["terraform_data"]
    assert LOCK not in builds.names()


def test_google_s_provider_outlives_the_first_credentials_of_both_clouds(
    builds: Builds, no_state: None, with_provider: None, short_tokens: None
) -> None:
    build = builds.build(slow("python -m keyless exec -- ", main=SLOW_ON_GOOGLE), LOCAL_CREDENTIALS_LIFETIME=SHORT)
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    assert "the first keys: ExpiredToken" in builds.log(build)
    assert "a token that is younger than Terraform's: 401" in builds.log(build)
    state = json.loads(builds.s3.get_object(Bucket=builds.bucket, Key=STATE)["Body"].read())
    assert {one["name"] for one in state["resources"]} == {"before", "slow", "after"}


def test_with_exported_keys_the_same_apply_fails(builds: Builds, no_state: None, with_terraform: None) -> None:
    build = builds.build(slow("", EXPORT), LOCAL_CREDENTIALS_LIFETIME=SHORT)
    assert build["buildStatus"] == "FAILED"
    told = builds.log(build)
    assert "the first keys: ExpiredToken" in told
    assert "Error: Failed to save state" in told
    assert STATE not in builds.names()


def test_terraform_makes_keeps_and_removes_what_the_example_says(
    builds: Builds, no_state: None, with_provider: None
) -> None:
    made = builds.terraform()
    assert made["buildStatus"] == "SUCCEEDED", builds.log(made)
    assert "Apply complete! Resources: 3 added, 0 changed, 0 destroyed." in builds.log(made)
    assert Chain(builds.environment, "").admin("GET", f"{DATASETS}/keyless_terraform_{STAGE}").status == 200
    plan = builds.s3.get_object(Bucket=builds.bucket, Key=f"{made['artifacts']['location'].partition('/')[2]}/plan.txt")
    assert "Plan: 3 to add" in plan["Body"].read().decode()
    assert "TERRAFORM_BINARY is set" in builds.log(made)
    again = builds.terraform()
    assert "No changes. Your infrastructure matches the configuration." in builds.log(again)
    nothing_leaked(builds, made, again)
    gone = builds.terraform(TERRAFORM_PLAN_OPTIONS="-destroy")
    assert "3 destroyed" in builds.log(gone)
    assert Chain(builds.environment, "").admin("GET", f"{DATASETS}/keyless_terraform_{STAGE}").status == 404


def test_a_plan_waits_for_approval_and_exactly_that_one_is_applied(
    builds: Builds, no_state: None, with_provider: None
) -> None:
    aws = subprocess.run(["aws", "--version"], env={"PATH": os.environ["PATH"]}, capture_output=True, check=False) if (
        shutil.which("aws")
    ) else None  # fmt: skip
    if aws is None or aws.returncode:
        pytest.skip("no AWS CLI is on PATH, with which an approved plan is fetched")
    planned = builds.terraform(TERRAFORM_APPLY="no")
    assert "this plan is not applied" in builds.log(planned)
    assert Chain(builds.environment, "").admin("GET", f"{DATASETS}/keyless_terraform_{STAGE}").status == 404
    approved = builds.terraform(APPROVED_PLAN=planned["artifacts"]["location"])
    assert "Apply complete! Resources: 3 added" in builds.log(approved), builds.log(approved)
    stale = builds.terraform(APPROVED_PLAN=planned["artifacts"]["location"])
    assert (stale["buildStatus"], "Saved plan is stale" in builds.log(stale)) == ("FAILED", True)
    assert builds.terraform(TERRAFORM_PLAN_OPTIONS="-destroy")["buildStatus"] == "SUCCEEDED"


def test_a_build_that_prints_all_it_has_leaks_nothing_permanent(builds: Builds) -> None:
    """A key of Google's would be one; AWS's keys of the build, which end with it, are in no variable either."""
    spec = under_exec(("storage", f"/storage/v1/b?project={PROJECT}"))
    shown = "python -m keyless exec -- sh -c 'env; cat \"$GOOGLE_APPLICATION_CREDENTIALS\"'"
    spec["phases"]["build"]["commands"].append(shown)
    build = builds.build(spec)
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    told = builds.log(build)
    assert '"type": "external_account"' in told
    assert "GOOGLE_APPLICATION_CREDENTIALS=" in told
    assert secrets_scan.found({"log": told}, builds.environment) == []


def nothing_leaked(builds: Builds, *made: Mapping[str, Any]) -> None:
    """No token or key in the logs of builds, in what they kept, or in any version of the state."""
    texts = {one["id"]: builds.log(one) for one in made} | builds.kept()
    assert {name.partition(" ")[0] for name in texts} >= {STATE}
    assert secrets_scan.found(texts, builds.environment) == []


def slow(prefix: str, first: str = "true", main: str = SLOW) -> dict[str, Any]:
    """A build whose apply ends after its first credentials; `prefix` is before each terraform, `first` before all."""
    backend = {"bucket": "$STATE_BUCKET", "key": "$STATE_KEY", "region": "$AWS_REGION"}
    configured = " ".join(f'-backend-config="{name}={value}"' for name, value in backend.items())
    install = [
        'export PYTHONPATH="$CODEBUILD_SRC_DIR_keyless/python" PATH="$CODEBUILD_SRC_DIR/bin:$PATH"',
        "TERRAFORM_LOCKFILE=readonly CHECKPOINT_DISABLE=1 sh install.sh",
        f"cat > outlive.py <<'END'\n{OUTLIVE}END",
        f"cat > outlive_google.py <<'END'\n{OUTLIVE_GOOGLE}END",
        f"mkdir slow && cd slow && cat > main.tf <<'END'\n{main}END",
    ]
    init, apply = f"terraform init -no-color {configured}", "terraform apply -no-color -auto-approve"
    return commands(install=install, build=[first, prefix + init, prefix + apply])


def allowed(call: Callable[[], object]) -> bool:
    """Whether AWS allows it; any error but AccessDenied is one of the test."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


def test_a_failed_build_says_which_phase(builds: Builds) -> None:
    build = builds.build(commands(pre_build=["false"]))
    assert (build["buildStatus"], statuses(build)["PRE_BUILD"]) == ("FAILED", "FAILED")
