"""Terraform in the deployed build: what it makes, approves, keeps and outlives."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from local.deployment import STAGE
from tests.e2e.chain import Chain
from tests.e2e.deployed_builds import DATASETS, LOCK, STATE, Builds, leaks
from tests.local.builds import commands

LIFETIME = "/_local/lifetime"
pytestmark = pytest.mark.needs("terraform")

SHORT = "6"  # seconds; half of that is left of keys that are handed out

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


@pytest.fixture
def short_tokens(builds: Builds) -> Iterator[None]:
    """Google's tokens live for seconds: 2 more than the 10 that Go's library wants left of one that it uses."""
    google = Chain(builds.environment, "")
    assert google.admin("PUT", LIFETIME, {"seconds": 12}).status == 200
    yield
    assert google.admin("PUT", LIFETIME, {"seconds": None}).status == 200
    for dataset in ("slow_before", "slow_after"):
        google.admin("DELETE", f"{DATASETS}/{dataset}")


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


def nothing_leaked(builds: Builds, *made: Mapping[str, Any]) -> None:
    """No token or key in the logs of builds, in what they kept, or in any version of the state."""
    texts = {one["id"]: builds.log(one) for one in made} | builds.kept()
    assert {name.partition(" ")[0] for name in texts} >= {STATE}
    assert any(text.startswith("tfplan:") for text in texts.values())
    assert leaks(texts, builds.environment) == []


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
