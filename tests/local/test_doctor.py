"""`python -m keyless doctor`: whatever is broken, it names the right link and the right cause, and no secret."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from keyless.doctor import EXIT_CODES, Check, Report, examine
from keyless.failures.catalogue import ALL, BY_ID

from tests.e2e.secrets_scan import found
from tests.local import doctor_document, gcloud
from tests.local.doctor_document import LINKS, NOT_STAGED
from tests.local.doctor_servers import answering
from tests.local.doctor_stages import STAGES
from tests.local.doctor_staging import Stage
from tests.local.doctor_world import LAYER, NOWHERE, World, world
from tests.local.google_fixtures import ADMIN_TOKEN, PROJECT
from tests.unit.google_server import KEYS, Fault, GoogleServer

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
STAGED = ("password-of-it", "one-of-two", "key-of-no-one-at-all")
KNOWN = {"AWS_SECRET_ACCESS_KEY": "searched for by value", "GOOGLE_ADMIN_TOKEN": ADMIN_TOKEN}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where things are broken."""
    with world(tmp_path_factory.mktemp("doctor")) as made:
        yield made


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.what)
def test_what_is_broken_is_named(broken: World, stage: Stage) -> None:
    with stage.breaks(broken) as environ:
        report = stage.examined(environ)
    assert_no_secret(report, environ)
    told = [check for check in report.checks if check.failure == stage.failure]
    assert told, report.as_text(verbose=True)
    check = told[0]
    assert (check.link, check.verdict) == (stage.link, stage.verdict), report.as_text(verbose=True)
    assert all((check.cause, check.confirm, check.remedy))
    assert stage.says in " ".join((check.check, check.detail, check.words, check.cause, check.confirm, check.remedy))
    if stage.verdict == "broken":
        assert report.checks[-1] is check  # it stops there
        assert report.exit_code == EXIT_CODES[stage.link]
        assert {one.verdict for one in report.checks[:-1]} <= {"ok", "skipped", "warning"}


CONFIRMED = {"provider-disabled", "other-account", "no-binding", "account-disabled", "no-job-user", "sts-off"}


@gcloud.needed
@pytest.mark.parametrize("stage", [s for s in STAGES if s.name in CONFIRMED], ids=lambda stage: stage.name)
def test_what_confirms_it_can_be_run_as_it_is_told(broken: World, stage: Stage, tmp_path: Path) -> None:
    run = gcloud.Gcloud(str(broken.google.http.base_url).rstrip("/"), ADMIN_TOKEN, PROJECT, tmp_path)
    with stage.breaks(broken) as environ:
        told = stage.examined(environ).checks[-1].confirm
        for command in re.findall(r"`(gcloud [^`]+)`", told):
            ended = run.script(command)
            assert (ended.returncode, "ERROR" in ended.stderr) == (0, False), (command, ended.stderr)


MENDED = {
    "provider-disabled", "provider-deleted", "pool-disabled", "pool-deleted", "no-binding", "account-disabled",
    "no-job-user", "iamcredentials-off",
}  # fmt: skip


@gcloud.needed
@pytest.mark.parametrize("stage", [s for s in STAGES if s.name in MENDED], ids=lambda stage: stage.name)
def test_what_mends_it_can_be_run_as_it_is_told(broken: World, stage: Stage, tmp_path: Path) -> None:
    run = gcloud.Gcloud(str(broken.google.http.base_url).rstrip("/"), ADMIN_TOKEN, PROJECT, tmp_path)
    with stage.breaks(broken) as environ:
        commands = re.findall(r"`(gcloud [^`]+)`", stage.examined(environ).checks[-1].remedy)
        assert commands
        ended = [run.script(command).returncode for command in commands]
        assert 0 in ended, "of several, one is for this cause"
        assert {check.verdict for check in stage.examined(environ).checks} <= {"ok", "skipped"}


def test_there_is_gcloud_to_confirm_each() -> None:
    staged = {stage.name: BY_ID[stage.failure].confirm for stage in STAGES}
    assert all("`gcloud " in staged[name] for name in CONFIRMED)


def test_every_failure_is_staged_or_it_is_said_why_not() -> None:
    named = {stage.failure for stage in STAGES}
    assert named | NOT_STAGED.keys() == BY_ID.keys()
    assert not named & NOT_STAGED.keys()


def test_a_whole_chain_is_told_link_by_link(broken: World) -> None:
    chain = broken.chain()
    done = doctor(chain, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["verdict"], said["broken"], said["exit_code"]) == ("ok", None, 0)
    checks = said["checks"]
    assert list(dict.fromkeys(check["link"] for check in checks)) == list(LINKS)
    assert set(checks[0]) == {field.name for field in fields(Check)}
    assert all(check["milliseconds"] >= 0 for check in checks)
    by_name = {check["check"]: check for check in checks}
    assert by_name["caller identity"]["detail"] == "arn:aws:sts::123456789012:assumed-role/reader-role/fn"
    assert "google.subject: 53 of 127 bytes" in by_name["caller identity"]["more"]
    pool = chain["KEYLESS_AUDIENCE"].partition("/providers")[0]
    assert by_name["mapped identity"]["detail"] == f"principalSet:{pool}/attribute.aws_role/reader-role"
    assert by_name["bigquery: SELECT 1"]["verdict"] == "ok"


def test_the_text_has_a_line_for_each_check_and_more_on_request(broken: World) -> None:
    chain = broken.chain()
    plain, verbose = doctor(chain), doctor(chain, "--verbose")
    lines = [line for line in plain.stdout.splitlines() if line]
    assert all(line.startswith(("ok ", "skipped ")) for line in lines[:-1])
    assert lines[-1] == "Every link holds."
    assert len(verbose.stdout.splitlines()) > len(plain.stdout.splitlines())
    assert (plain.returncode, verbose.returncode) == (0, 0)


def test_a_broken_chain_ends_with_the_links_code_cause_and_remedy(broken: World) -> None:
    done = doctor(broken.chain(job_user=False), "--table", "bigquery-public-data.samples.shakespeare")
    assert (done.returncode, done.stderr) == (EXIT_CODES["api"], "")
    assert "BROKEN   api" in done.stdout
    assert 'ProjectGrant("roles/bigquery.jobUser")' in done.stdout
    assert "The broken link is api." in done.stdout


def test_an_account_that_only_writes_rows_is_not_called_broken(broken: World) -> None:
    done = doctor(broken.chain(job_user=False))
    assert (done.returncode, done.stderr) == (0, "")
    *_, summary = done.stdout.splitlines()
    assert "warning  api" in done.stdout
    assert summary.startswith("No link is broken; to be known: bigquery-job-user-missing")


def test_nothing_is_left_behind_at_google(broken: World) -> None:
    chain = broken.chain()
    since = len(broken.google.audit())
    assert doctor(chain, "--table", "bigquery-public-data.samples.shakespeare").returncode == 0
    calls = [entry["method"].rpartition(".")[2] for entry in broken.google.audit(since)]
    assert calls.count("ExchangeToken") == calls.count("GenerateAccessToken") == 1
    assert len(calls) == 4  # and two queries that were not run


def test_without_bigquery_among_the_apis_its_check_is_skipped(broken: World) -> None:
    (last,) = [
        check for check in json.loads(doctor(broken.chain({"KEYLESS_APIS": ""}), "--json").stdout)["checks"]
        if check["link"] == "api"
    ]  # fmt: skip
    assert (last["verdict"], "KEYLESS_APIS" in last["detail"]) == ("skipped", True)


ECHO = f"You sent {KEYS.access_key}, {KEYS.token} and {KEYS.secret_key} through http://user:password-of-it@proxy."


@pytest.mark.parametrize("service", ["sts", "iamcredentials", "bigquery"])
def test_a_google_that_repeats_a_secret_gives_nothing_away(service: str) -> None:
    with GoogleServer() as google:
        google.fail(service, Fault(403, ECHO.encode()), times=None)
        environ = google.environ(AWS_ENDPOINT_URL=NOWHERE)
        report = examine(environ, pauses=())
    assert report.broken
    assert "You sent [hidden], [hidden] and [hidden] through http://proxy" in report.broken.words
    assert_no_secret(report, environ)


def test_an_aws_that_repeats_a_secret_gives_nothing_away() -> None:
    with (
        GoogleServer() as google,
        answering(403, f"<Code>InvalidClientTokenId</Code><Message>{ECHO}</Message>".encode()) as aws,
    ):
        environ = google.environ(AWS_ENDPOINT_URL=aws)
        report = examine(environ, pauses=())
    assert report.broken
    assert "You sent [hidden]" in report.broken.words
    assert_no_secret(report, environ)


@pytest.mark.parametrize("wrong", [["--table", "x` OR 1"], ["--table", "a.b"], ["--loud"], ["more"]])
def test_wrong_usage_is_2(wrong: list[str]) -> None:
    assert doctor({}, *wrong).returncode == 2


def test_a_lambdas_own_environment_begins_nothing_at_import(broken: World) -> None:
    done = doctor(broken.chain({"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "KEYLESS_AUDIENCE": ""}, bind=None))
    assert (done.returncode, done.stderr) == (EXIT_CODES["configuration"], "")


def test_exit_codes_are_distinct() -> None:
    codes = list(EXIT_CODES.values())
    assert len({0, 1, 2, *codes}) == len(codes) + 3
    assert {link for failure in ALL for link in failure.links} - {"identity", "deploy"} == EXIT_CODES.keys()


def doctor(environ: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, in a process with this environment and what the layer needs."""
    env = {"PATH": os.defpath, "PYTHONPATH": str(LAYER), **environ}
    command = [sys.executable, "-W", "error", "-m", "keyless", "doctor", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert found({"output": done.stdout, "errors": done.stderr}, KNOWN) == []
    return done


def assert_no_secret(report: Report, environ: Mapping[str, str]) -> None:
    """Neither by shape nor by value, in any form of a report."""
    texts = {"text": report.as_text(verbose=True), "json": json.dumps(report.as_json()), "repr": repr(report)}
    assert found(texts, KNOWN) == []
    for value in [*STAGED, *(environ[name] for name in SECRETS if name in environ)]:
        assert not any(value in text for text in texts.values())


def test_the_document_has_the_table_of_what_is_staged() -> None:
    text = doctor_document.DOCUMENT.read_text()
    assert doctor_document.document(text) == text, "python -m tests.local.doctor_document"
