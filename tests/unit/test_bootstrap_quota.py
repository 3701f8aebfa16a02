"""The settings that the bootstrap prints: warm environments only where AWS's quota is known to have room for them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from keyless_cdk.settings import Settings
from keyless_cli.bootstrap.command import _report
from keyless_cli.bootstrap.deployer import DeployerSpec

ACCOUNT = "111122223333"
IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{0}:user/a</Arn><UserId>A</UserId><Account>{0}</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""


class Aws:
    """STS and Lambda on loopback, for one account and quota."""

    def __init__(self) -> None:
        self.account, self.unreserved, self.status = ACCOUNT, 1000, 200
        aws = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._answer(200, IDENTITY.format(aws.account))

            def do_GET(self) -> None:
                limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": aws.unreserved}
                self._answer(aws.status, json.dumps({"AccountLimit": limits, "Message": "no", "Type": "User"}))

            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status != 200:
                    self.send_header("x-amzn-ErrorType", "AccessDeniedException")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS, with credentials for it in the environment."""
    aws = Aws()
    threading.Thread(target=aws.server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{aws.server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield aws
    aws.server.shutdown()
    aws.server.server_close()


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Which concurrency the settings have, and what stderr says."""
    spec = DeployerSpec(
        project="my-project",
        home="my-project",
        home_number="1",
        account=ACCOUNT,
        stages=("dev",),
        regions=("eu-west-1",),
    )
    _report(spec, "1", plain=True)
    out, err = capsys.readouterr()
    settings = Settings.from_context(out)
    assert "provisioned_concurrency" in json.loads(out)
    return settings.provisioned_concurrency, err


def test_a_quota_with_room_gives_one_warm_environment(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys) == (1, "")


@pytest.mark.parametrize("unreserved", [10, 50, 100])
def test_a_small_quota_gives_none_and_the_reason(unreserved: int, aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.unreserved = unreserved
    concurrency, told = printed(capsys)
    assert concurrency == 0
    assert f"the account's quota leaves {unreserved} environments" in told
    assert "docs/rollouts.md" in told


def test_another_account_and_a_refusal_give_none(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.status = 403
    assert printed(capsys)[0] == 0
    aws.account = "222222222222"
    concurrency, told = printed(capsys)
    assert (concurrency, "for the account 222222222222" in told) == (0, True)


def test_without_credentials_there_is_none(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    concurrency, told = printed(capsys)
    assert (concurrency, "there are no AWS credentials here" in told) == (0, True)
