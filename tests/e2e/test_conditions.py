"""`keyless conditions` on what is deployed: the live provider, tried on every role of the AWS account."""

import json
import subprocess
import sys

from local.deployment import Deployment
from local.invoke import client
from local.setup import ROOT

READER = "keyless-bigquery-query-local-eu-west-1"


def test_a_live_provider_is_tried_on_every_role_of_the_account(deployed: Deployment) -> None:
    aws = deployed.clouds.environment
    variables = client("ssm", aws).get_parameter(Name="/keyless/local/aws-bq-reader/environment")["Parameter"]["Value"]
    audience = json.loads(variables)["KEYLESS_AUDIENCE"]
    google = {
        "GOOGLE_OAUTH_ACCESS_TOKEN": aws["GOOGLE_ADMIN_TOKEN"],
        "KEYLESS_GOOGLE_ENDPOINT": aws["GOOGLE_ENDPOINT"] + "/{service}",
    }
    command = [sys.executable, "-m", "keyless_cli", "conditions", "--provider", audience, "--from-aws", "--json"]
    done = subprocess.run(command, cwd=ROOT, env={**aws, **google}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    [judged] = json.loads(done.stdout)
    admitted = {verdict["arn"].split("/")[1]: verdict["admitted"] for verdict in judged["verdicts"]}
    assert admitted[READER]
    refused = [role for role, inside in admitted.items() if not inside]
    assert any(role.startswith("keyless-federation-") for role in refused), "the deployer's own role stays out"
    assert any(role.startswith("cdk-hnb659fds-") for role in refused)
    assert all(verdict["reasons"] for verdict in judged["verdicts"] if not verdict["admitted"])
