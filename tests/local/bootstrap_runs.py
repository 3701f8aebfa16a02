"""The bootstrap's command, run as an administrator runs it, and what it makes."""

import os
import subprocess
import sys
from typing import Any

from tests.local.federation_properties import ACCOUNT
from tests.local.local_google import NUMBER, PROJECT, PROJECT_POLICY, LocalGoogle

POOL = f"iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools/keyless-bootstrap"
PROVIDER = f"{POOL}/providers/aws-{ACCOUNT}"
DEPLOYER = f"keyless-deployer@{PROJECT}.iam.gserviceaccount.com"
DEPLOYER_PATH = f"iam/v1/projects/{PROJECT}/serviceAccounts/{DEPLOYER}"
DEV = ("--stage", "dev", "--region", "eu-west-1")
SET = f"principalSet://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/keyless-bootstrap"
NOTHING = "Nothing to do: everything is as it should be."
ON_DATASETS = ("--grants-on", "bigquery.datasets")


def bootstrap(
    google: LocalGoogle, *arguments: str, project: str = PROJECT, url: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with an administrator's token."""
    command = [sys.executable, "-m", "keyless_cli", "bootstrap", "--project", project, "--account", ACCOUNT, *arguments]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "NO_GCE_CHECK": "true",
        "GOOGLE_OAUTH_ACCESS_TOKEN": google.token,
        "KEYLESS_GOOGLE_ENDPOINT": (url or google.url) + "/{service}",
        **environment,
    }
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def succeed(google: LocalGoogle, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A run that must end well."""
    result = bootstrap(google, *arguments, **more)
    assert result.returncode == 0, result.stderr
    return result


def bounded_roles(google: LocalGoogle) -> list[str]:
    """The conditions under which the deployer may set the project's policy; empty for a binding without one."""
    policy = google.call("POST", f"{PROJECT_POLICY}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    role = f"projects/{PROJECT}/roles/keylessProjectGrants"
    return [entry.get("condition", {}).get("expression", "") for entry in policy["bindings"] if entry["role"] == role]


def only(*roles: str) -> str:
    """The condition that bounds a grantor to these roles."""
    listed = ", ".join(f"'{role}'" for role in roles)
    return f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{listed}])"


def printed(*arguments: str) -> str:
    """The script, printed without credentials and with nobody to ask."""
    command = [
        sys.executable,
        "-m",
        "keyless_cli",
        "bootstrap",
        "--project",
        PROJECT,
        "--account",
        ACCOUNT,
        "--print-gcloud",
    ]
    dead = {name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_GCE_CHECK": "true", **dead}
    ended = subprocess.run([*command, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.partition(":")[0]) == (0, "provisioned_concurrency is 0")
    return ended.stdout
