"""What the clone of a function is made of, what it is called, and what may interrupt its making."""

import io
import os
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest

from keyless_cli.doctor.aws import Aws
from keyless_cli.doctor.clone import DESCRIPTION, HANDLER, TAG, TIMEOUT, Clone, is_clone, name_for
from keyless_cli.doctor.eligibility import differences, unfit
from keyless_cli.doctor.examination import sweep
from keyless_cli.doctor.function_reference import FunctionReference
from keyless_cli.doctor.interruption import SIGNALS, exposed, sheltered
from keyless_cli.doctor.package import archive, files_of, in_package

FUNCTION: dict[str, Any] = {
    "FunctionName": "keyless-bigquery-query-dev",
    "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:keyless-bigquery-query-dev:3",
    "Role": "arn:aws:iam::111122223333:role/teams/orders/reader",
    "Runtime": "python3.13",
    "Handler": "handler.handler",
    "Description": "Queries",
    "Timeout": 30,
    "MemorySize": 512,
    "Architectures": ["arm64"],
    "KMSKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/1",
    "EphemeralStorage": {"Size": 1024},
    "Layers": [{"Arn": "arn:aws:lambda:eu-west-1:111122223333:layer:keyless:4", "CodeSize": 1}],
    "Environment": {"Variables": {"OWN": "kept"}},
    "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1"},
    "FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:...", "LocalMountPath": "/mnt/files"}],
    "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
    "TracingConfig": {"Mode": "Active"},
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-west-1:111122223333:dead"},
    "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/keyless-bigquery-query-dev"},
    "PackageType": "Zip",
}
CLONE = Clone(name="keyless-bigquery-0a1b2c3d", original=FUNCTION, tags={"team": "orders", "aws:x": "y"}, code=b"zip")


def changed(**more: Any) -> Clone:
    """The clone of a function that differs in this."""
    return Clone(name=CLONE.name, original={**FUNCTION, **more}, tags={}, code=b"")


def test_a_clone_has_what_decides_who_it_is_and_what_it_reaches_and_nothing_else() -> None:
    request = CLONE.request()
    tags = request.pop("Tags")
    assert request == {
        "FunctionName": "keyless-bigquery-0a1b2c3d",
        "Description": DESCRIPTION,
        "Handler": HANDLER,
        "Timeout": 300,
        "Code": {"ZipFile": b"zip"},
        "Role": FUNCTION["Role"],
        "Runtime": "python3.13",
        "MemorySize": 512,
        "Architectures": ["arm64"],
        "KMSKeyArn": FUNCTION["KMSKeyArn"],
        "EphemeralStorage": {"Size": 1024},
        "Layers": ["arn:aws:lambda:eu-west-1:111122223333:layer:keyless:4"],
        "Environment": {"Variables": {"OWN": "kept"}},
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "LoggingConfig": {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "FATAL",
            "SystemLogLevel": "WARN",
            "LogGroup": "/aws/lambda/keyless-bigquery-0a1b2c3d",
        },
    }
    assert set(tags) == {"team", TAG}


def test_outside_a_network_none_is_asked_for() -> None:
    assert "VpcConfig" not in changed(VpcConfig={"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""}).request()


def test_google_sees_the_role_with_another_session_of_the_same_length() -> None:
    name = name_for("keyless-bigquery-query-dev")
    assert (len(name), name[:17]) == (26, "keyless-bigquery-")
    clone = Clone(name=name, original=FUNCTION, tags={}, code=b"")
    theirs, its_own = clone.identities
    assert theirs == f"arn:aws:sts::111122223333:assumed-role/reader/{name}"
    assert its_own == "arn:aws:sts::111122223333:assumed-role/reader/keyless-bigquery-query-dev"
    assert len(theirs) == len(its_own)


@pytest.mark.parametrize("length", range(1, 65))
def test_a_clones_name_never_makes_a_subject_too_long_that_was_not(length: int) -> None:
    name = name_for("f" * length)
    assert name != name_for("f" * length)
    assert is_clone({"FunctionName": name, "Description": DESCRIPTION, "Handler": HANDLER})
    longest = f"arn:aws:sts::111122223333:assumed-role/{'r' * 64}/"
    assert len(name) == length or len(longest + name) <= 127


@pytest.mark.parametrize("other", [{"Description": ""}, {"Handler": "handler.handler"}, {"FunctionName": "orders"}])
def test_a_function_of_somebody_else_is_no_clone(other: dict[str, str]) -> None:
    assert not is_clone({"FunctionName": CLONE.name, "Description": DESCRIPTION, "Handler": HANDLER, **other})


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("orders", FunctionReference(name="orders")),
        ("orders:live", FunctionReference(name="orders", qualifier="live")),
        ("orders:$LATEST", FunctionReference(name="orders", qualifier="$LATEST")),
        ("111122223333:function:orders:7", FunctionReference(name="orders", qualifier="7", account="111122223333")),
        (
            "arn:aws:lambda:eu-west-3:111122223333:function:orders:live",
            FunctionReference(name="orders", qualifier="live", account="111122223333", region="eu-west-3"),
        ),
    ],
)
def test_a_function_is_named_as_lambda_names_it(given: str, target: FunctionReference) -> None:
    assert FunctionReference.parse(given) == target


@pytest.mark.parametrize("given", ["", "a b", "orders:", "arn:aws:s3:::bucket", "a:b:c", "ordérs", "o" * 65])
def test_what_names_no_function_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="is no function"):
        FunctionReference.parse(given)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"PackageType": "Image"}, "container image"),
        ({"Runtime": "java21"}, "runtime is java21"),
        ({"CapacityProviderConfig": {}}, "managed instances"),
        ({"Environment": {"Error": {"ErrorCode": "AccessDenied", "Message": "not you"}}}, "kms:Decrypt"),
        ({"Layers": []}, "no layer"),
    ],
)
def test_what_no_clone_can_stand_for_is_told(more: dict[str, Any], told: str) -> None:
    assert told in str(unfit({**FUNCTION, **more}))


def test_any_other_function_is_fit() -> None:
    assert unfit(FUNCTION) is None


def test_what_differs_in_a_clone_is_told_where_it_matters() -> None:
    assert list(differences(CLONE, None)) == []
    assert list(differences(CLONE, "api")) == []
    assert CLONE.name in next(differences(CLONE, "sts-exchange"))
    mounted = changed(Environment={"Variables": {"SSL_CERT_FILE": "/mnt/files/roots.pem"}})
    assert "SSL_CERT_FILE" in next(differences(mounted, None))
    wrapped = changed(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}})
    assert "AWS_LAMBDA_EXEC_WRAPPER" in next(differences(wrapped, None))


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("credentials.json", {"credentials.json"}),
        ("/var/task/config/../config/google.json", {"config/google.json"}),
        ("/opt/credentials.json", set()),
        ("/mnt/files/credentials.json", set()),
        ("../task/credentials.json", {"credentials.json"}),
        ("../../etc/passwd", set()),
        ("/var/task", set()),
        ("", set()),
    ],
)
def test_only_paths_within_the_package_are_fetched_from_it(value: str, paths: set[str]) -> None:
    assert in_package({"GOOGLE_APPLICATION_CREDENTIALS": value}) == paths


def test_a_package_is_not_fetched_in_the_clear() -> None:
    with pytest.raises(ValueError, match="its address is not https"):
        files_of("http://example.com/code.zip", {"credentials.json"})


def test_the_package_is_readable_and_its_handler_cannot_be_replaced() -> None:
    with zipfile.ZipFile(io.BytesIO(archive({"index.py": b"other", "a.json": b"{}"}))) as zipped:
        assert "keyless.doctor" in zipped.read("index.py").decode()
        assert zipped.read("a.json") == b"{}"
        assert {member.external_attr >> 16 for member in zipped.infolist()} == {0o644}


@pytest.fixture
def heeded() -> Iterator[None]:
    """No signal is ignored: nohup, for one, has them start with one that is."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in SIGNALS}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def wait_until_heard(capfd: pytest.CaptureFixture[str]) -> None:
    over = time.monotonic() + 60
    while not capfd.readouterr().err and time.monotonic() < over:
        time.sleep(0.01)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", SIGNALS)
def test_an_interruption_waits_until_it_may_come_and_comes_once(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    reached = []
    before = [signal.getsignal(each) for each in SIGNALS]
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()  # the system may hand the signal to this one
    with pytest.raises(KeyboardInterrupt), sheltered():  # noqa: PT012 -- where it comes is the matter
        os.kill(os.getpid(), number)
        wait_until_heard(capfd)  # where another thread had it, it is handled a little later
        reached.append("sheltered")
        try:
            with exposed():
                reached.append("exposed")
        finally:
            signal.raise_signal(number)
            with exposed():
                reached.append("impatient")
    over.set()
    assert reached == ["sheltered", "impatient"]
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_who_interrupts_is_told_at_once_that_it_was_heard(capfd: pytest.CaptureFixture[str]) -> None:
    heard = []
    with suppress(KeyboardInterrupt), sheltered():
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        heard.append(capfd.readouterr().err)
    assert heard == ["Interrupted. Cleaning up before exit.\n"]


def test_only_the_examination_itself_is_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    aws = Aws.of("eu-west-1")
    waits = [client.meta.config for client in (aws.functions, aws.logs, aws.tagged)]
    assert all(config.read_timeout <= 30 and config.connect_timeout <= 30 for config in waits)
    assert aws.asking.meta.config.read_timeout > TIMEOUT


def test_an_interruption_that_came_last_is_heeded_at_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), sheltered():
        signal.raise_signal(signal.SIGTERM)


class Left:
    """An AWS with two clones of earlier examinations; whoever removes one is interrupted in the middle of it."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    def clones(self) -> list[tuple[str, int]]:
        return [("one-00000001", 1), ("two-00000002", 1), ("three-00000003", int(time.time()) + 60)]

    def remove(self, name: str) -> None:
        signal.raise_signal(signal.SIGINT)
        self.removed.append(name)


def test_what_was_left_is_removed_whole_or_not_begun() -> None:
    aws = Left()
    with pytest.raises(KeyboardInterrupt), sheltered():
        sweep(cast(Aws, aws), print)
    assert aws.removed == ["one-00000001"]


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with sheltered(), exposed():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
