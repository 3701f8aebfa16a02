"""The bootstrap as a script of gcloud commands: what it makes is what the command itself makes."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local.bootstrap_runs import (
    DEPLOYER,
    DEPLOYER_PATH,
    DEV,
    NOTHING,
    POOL,
    PROVIDER,
    bootstrap,
    printed,
    succeed,
)
from tests.local.federation_properties import ACCOUNT
from tests.local.gcloud import Gcloud, needed
from tests.local.local_google import NUMBER, PROJECT, PROJECT_POLICY, LocalGoogle
from tests.local.quick_google import quick_google

ELSEWHERE, ELSEWHERE_NUMBER = "keyless-identities", "915847305512"
GRANTABLE = ("--grantable-role", "roles/bigquery.jobUser", "--grantable-role", "roles/storage.objectViewer")
KINDS = ("bigquery.datasets", "bigquery.tables")
ARGUMENTS = (*DEV, "--stage", "prod", *(word for kind in KINDS for word in ("--grants-on", kind)), *GRANTABLE)
ROLES = ("keylessFederation", "keylessProjectGrants", *(f"keylessGrantsOn.{kind}" for kind in KINDS))
MODIFIED = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly"
OWN = {"etag", "uniqueId", "oauth2ClientId"}  # differ between two things that are otherwise the same


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator of one local Google, with gcloud."""

    google: LocalGoogle
    gcloud: Gcloud


@pytest.fixture
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """The administrator of a fresh local Google."""
    with ExitStack() as stack:
        yield start(stack, tmp_path_factory.mktemp("google"))


def start(stack: ExitStack, folder: Path) -> Admin:
    """A fresh local Google with two projects, and a gcloud that knows nothing yet."""
    google = stack.enter_context(quick_google({ELSEWHERE: ELSEWHERE_NUMBER}))
    return Admin(google, Gcloud(google.url, google.token, PROJECT, folder))


def outcome(google: LocalGoogle) -> dict[str, Any]:
    """All that a bootstrap makes, as Google shows it."""
    conditions = {"options": {"requestedPolicyVersion": 3}}
    made = {
        **{role: google.call("GET", f"iam/v1/projects/{PROJECT}/roles/{role}") for role in ROLES},
        "pool": google.call("GET", POOL),
        "provider": google.call("GET", PROVIDER),
        "account": google.call("GET", DEPLOYER_PATH),
        "on the account": google.call("POST", f"{DEPLOYER_PATH}:getIamPolicy", {}),
        "on the project": google.call("POST", f"{PROJECT_POLICY}:getIamPolicy", conditions),
        "enabled": google.call(
            "GET", f"serviceusage/v1/projects/{PROJECT}/services", filter="state:ENABLED", pageSize="200"
        ),
    }
    return {what: {key: value for key, value in thing.items() if key not in OWN} for what, thing in made.items()}


@needed
def test_the_script_makes_what_the_command_makes_and_can_be_run_again(admin: Admin, tmp_path: Path) -> None:
    script = printed(*ARGUMENTS)
    first = admin.gcloud.script(script)
    assert first.returncode == 0, first.stderr
    contexts = [json.loads(line) for line in first.stdout.splitlines() if line.startswith("{")]
    with ExitStack() as stack:
        other = start(stack, tmp_path)
        shown = succeed(other.google, *ARGUMENTS, "--json").stdout
        assert outcome(admin.google) == outcome(other.google)
    assert contexts == [json.loads(line) for line in shown.splitlines()]
    assert NOTHING in succeed(admin.google, *ARGUMENTS).stderr
    before = outcome(admin.google)
    again = admin.gcloud.script(printed(*ARGUMENTS, "--project-number", NUMBER))
    assert again.returncode == 0, again.stderr
    assert outcome(admin.google) == before
    assert NOTHING in succeed(admin.google, *ARGUMENTS).stderr


@needed
def test_the_script_mends_what_was_deleted_and_adds_to_what_was_there(admin: Admin) -> None:
    google, home = admin.google, ("--identity-project", ELSEWHERE)
    pool = POOL.replace(PROJECT, ELSEWHERE)
    succeed(google, *DEV, *home)
    google.call("DELETE", pool)
    google.call("DELETE", f"iam/v1/projects/{PROJECT}/roles/keylessProjectGrants")
    more = (*DEV, "--stage", "prod", *home, *GRANTABLE)
    ended = admin.gcloud.script(printed(*more))
    assert ended.returncode == 0, ended.stderr
    context = json.loads(ended.stdout.splitlines()[-1])
    assert (context["stage"], context["project_number"]) == ("prod", NUMBER)
    assert f"/projects/{ELSEWHERE_NUMBER}/" in context["deployer_audience"]
    assert google.find(POOL) is None
    assert google.call("GET", pool)["state"] == "ACTIVE"
    assert NOTHING in succeed(google, *more).stderr


MARKED = f"Managed by Keyless. keyless:{ACCOUNT}/bootstrap"
THERE = {  # what a described thing says of itself, in the columns that the script asks for
    "roles describe keylessFederation": "\t" + MARKED,
    "providers describe": f"ACTIVE\t{MARKED}\tattribute.aws_role in ['keyless-federation-dev-eu-west-1']",
    "service-accounts describe": f"{DEPLOYER}\t{MARKED}#keyless-bootstrap/aws-{ACCOUNT}",
    "projects get-iam-policy": f"{MODIFIED}(['roles/bigquery.jobUser', 'roles/bigquery.user'])",
}


def test_what_an_earlier_run_gave_is_never_taken_away(tmp_path: Path) -> None:
    shut_out = run_with_stub(tmp_path, printed("--stage", "prod", "--region", "eu-west-1"), THERE)
    assert shut_out.returncode == 1
    assert "An earlier bootstrap gave keyless-federation-dev-eu-west-1, too." in shut_out.stderr
    assert "providers update-aws" not in shut_out.stdout
    unbounded = run_with_stub(tmp_path, printed(*DEV), THERE)
    assert unbounded.returncode == 1
    assert "An earlier bootstrap gave roles/bigquery.user, too." in unbounded.stderr
    assert "providers update-aws" in unbounded.stdout
    assert "keylessProjectGrants --member" not in unbounded.stdout
    roles = ("--grantable-role", "roles/bigquery.user", "--grantable-role", "roles/bigquery.jobUser")
    assert run_with_stub(tmp_path, printed(*DEV, *roles), THERE).returncode == 0


@pytest.mark.parametrize("thing", list(THERE)[:3])
def test_what_somebody_else_made_is_not_taken_over(thing: str, tmp_path: Path) -> None:
    for others in ("ACTIVE\t", f"ACTIVE\tManaged by Keyless. keyless:999988887777/bootstrap#{POOL}"):
        ended = run_with_stub(tmp_path, printed(*DEV), {thing: others})
        assert ended.returncode == 1
        assert "is there, but was not made by this bootstrap, and is not taken over." in ended.stderr
        assert thing.replace("describe", "update") not in ended.stdout


def run_with_stub(folder: Path, script: str, there: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The script with a gcloud that prints its arguments, and knows only what is in `there`: quick, for refusals."""
    cases = "".join(f"*{shlex.quote(words)}*) printf '%s\\n' {shlex.quote(says)} ;;\n" for words, says in there.items())
    stub = folder / "gcloud"
    stub.write_text(
        f'#!/bin/sh\ncase "$*" in\n{cases}*projectNumber*) echo {NUMBER} ;;\n'
        '*describe*) exit 1 ;;\n*get-iam-policy*) ;;\n*) echo "$*" ;;\nesac\n'
    )
    stub.chmod(0o755)
    env = {"PATH": f"{folder}:{os.defpath}"}
    return subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_script_is_sound_shell_whatever_the_names_hold() -> None:
    condition = ("--grantable-role", "projects/example.com:my-project/roles/my_role")
    text = printed(*DEV, *condition, "--identity-project", "example.com:identities")
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
    assert "keyless-deployer@identities.example.com.iam.gserviceaccount.com" in text
    assert "@PROJECT_NUMBER@" not in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*DEV, "--print-gcloud", "--dry-run"), "--print-gcloud prints a script and does nothing else"),
        ((*DEV, "--print-gcloud", "--json"), "--print-gcloud prints a script and does nothing else"),
        ((*DEV, "--project-number", NUMBER), "--project-number belongs to --print-gcloud"),
        ((*DEV, "--print-gcloud", "--project-number", PROJECT), "is not a project number, digits only"),
        ((*DEV, "--print-gcloud", "--remove"), "not allowed with argument --print-gcloud"),
    ],
)
def test_options_that_do_not_go_together_are_told(arguments: tuple[str, ...], told: str) -> None:
    result = bootstrap(LocalGoogle("http://127.0.0.1:9", "none"), *arguments)
    assert result.returncode == 2
    assert told in result.stderr


def test_whoever_reads_the_script_is_told_what_cannot_be_bounded() -> None:
    lines = printed(*ARGUMENTS).splitlines()
    told = " ".join(line.removeprefix("# ") for line in lines[: lines.index("set -eu")])
    assert f"it may set the policy of every service account of {PROJECT}, so it can become any of them" in told
    assert f"Let {PROJECT} hold nothing but identities" in told
    assert f"grant any role, to anyone, on each of these resources of {PROJECT}: {', '.join(KINDS)}." in told
