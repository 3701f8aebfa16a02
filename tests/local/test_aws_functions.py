"""Functions on the local AWS: what they see, who they are, how long they live and what they leave in the logs."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.local.aws_lab import ACCOUNT, HOST_SECRET, PYTHON, REGION, LocalAws, archive, local_aws

ROLE, FUNCTION = "reader", "teller"

HANDLER = """
import json, os, sys
import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
import inlayer

count = 0
print("said during init")

def tell(event, context):
    global count
    count += 1
    print("said by", event.get("word"))
    try:
        open("/opt/python/written", "w")
        writable = True
    except OSError:
        writable = False
    return {
        "count": count, "environment": dict(os.environ), "path": sys.path, "layer": inlayer.__file__,
        "opt": sorted(os.listdir("/opt")), "writable": writable, "log_stream": context.log_stream_name,
        "arn": boto3.client("sts").get_caller_identity()["Arn"],
    }

def sign(event, context):
    request = AWSRequest("POST", "https://sts.eu-west-1.amazonaws.com/", headers=event,
                         params={"Action": "GetCallerIdentity", "Version": "2011-06-15"})
    SigV4Auth(boto3.Session().get_credentials(), "sts", os.environ["AWS_REGION"]).add_auth(request)
    return {"headers": dict(request.headers.items())}

def pack(event, context):
    import pytest
"""
LAYER = {"python/inlayer.py": "", f"python/lib/{PYTHON}/site-packages/deeper.py": "", "bin/tool": "#!/bin/sh\n"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with local_aws(tmp_path_factory.mktemp("aws")) as running:
        role = running.create_role(ROLE)
        layer = running.client("lambda").publish_layer_version(LayerName="layer", Content={"ZipFile": archive(LAYER)})
        for name, handler in ((FUNCTION, "index.tell"), ("signer", "index.sign"), ("packer", "index.pack")):
            running.client("lambda").create_function(
                FunctionName=name,
                Runtime=PYTHON,
                Role=role,
                Handler=handler,
                Code={"ZipFile": archive({"index.py": HANDLER})},
                Layers=[layer["LayerVersionArn"]],
                Timeout=20,
                MemorySize=256,
                Environment={"Variables": {"OWN": "yes", "AWS_ENDPOINT_URL": "https://elsewhere.example"}},
            )
        yield running


@pytest.fixture(scope="module")
def told(aws: LocalAws) -> dict[str, Any]:
    answer: dict[str, Any] = aws.invoke(FUNCTION, {"word": "first"})
    assert "count" in answer, answer
    return answer


def test_a_layer_lies_at_opt_and_nothing_else_of_the_host_does(told: dict[str, Any]) -> None:
    assert told["layer"] == "/opt/python/inlayer.py"
    assert told["opt"] == ["bin", "python"]


def test_a_layer_is_read_only_so_that_no_bytecode_is_written(told: dict[str, Any]) -> None:
    assert told["writable"] is False


def test_the_search_path_is_the_function_then_its_layers(told: dict[str, Any]) -> None:
    task = told["environment"]["LAMBDA_TASK_ROOT"]
    assert told["path"][:3] == [task, f"/opt/python/lib/{PYTHON}/site-packages", "/opt/python"]


def test_the_environment_is_lambdas(told: dict[str, Any]) -> None:
    expected = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
        "AWS_LAMBDA_LOG_STREAM_NAME": told["log_stream"],
        "AWS_REGION": REGION,
        "LANG": "en_US.UTF-8",
        "OWN": "yes",
        "TZ": ":UTC",
        "_HANDLER": "index.tell",
    }
    assert {name: told["environment"].get(name) for name in expected} == expected
    assert told["environment"]["AWS_ACCESS_KEY_ID"].startswith("ASIA")


def test_nothing_of_the_host_leaks_into_a_function(told: dict[str, Any]) -> None:
    assert HOST_SECRET not in json.dumps(told)
    assert not {"AWS_PROFILE", "HOST_SECRET", "HOME", "TMPDIR", "VIRTUAL_ENV"} & set(told["environment"])


def test_a_function_cannot_be_configured_to_leave_the_local_aws(aws: LocalAws, told: dict[str, Any]) -> None:
    assert told["environment"]["AWS_ENDPOINT_URL"] == aws.endpoint


def test_what_the_runtime_lacks_is_absent(aws: LocalAws) -> None:
    answer = aws.invoke("packer")
    assert (answer["errorType"], answer["errorMessage"]) == ("ModuleNotFoundError", "No module named 'pytest'")


def test_the_caller_is_the_functions_session_of_its_role(told: dict[str, Any]) -> None:
    assert told["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{FUNCTION}"


def test_a_warm_environment_is_reused(aws: LocalAws, told: dict[str, Any]) -> None:
    again = aws.invoke(FUNCTION)
    assert (again["count"], again["log_stream"]) == (told["count"] + 1, told["log_stream"])


def test_logs_hold_init_and_invocations_in_order(aws: LocalAws, told: dict[str, Any]) -> None:
    lines = [line.split(":")[0] for line in aws.log(f"/aws/lambda/{FUNCTION}")[:6]]
    assert lines == [
        "INIT_START Runtime Version",
        "said during init",
        "START RequestId",
        "said by first",
        "END RequestId",
        "REPORT RequestId",
    ]
    assert "Init Duration: " in aws.log(f"/aws/lambda/{FUNCTION}")[5]


def test_a_signed_identity_can_be_replayed_from_outside(aws: LocalAws) -> None:
    status, answer = replay(aws, aws.invoke("signer")["headers"])
    assert status == 200
    assert f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/signer" in answer


def test_a_signed_header_that_was_changed_is_refused(aws: LocalAws) -> None:
    headers = aws.invoke("signer", {"x-goog-cloud-target-resource": "//one"})["headers"]
    assert replay(aws, headers)[0] == 200
    assert replay(aws, {**headers, "x-goog-cloud-target-resource": "//other"})[0] == 403


def test_a_tampered_signature_is_refused(aws: LocalAws) -> None:
    headers = aws.invoke("signer")["headers"]
    signature = headers["Authorization"]
    tampered = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    status, answer = replay(aws, {**headers, "Authorization": tampered})
    assert status == 403
    assert "SignatureDoesNotMatch" in answer


def test_a_session_token_that_was_changed_is_refused(aws: LocalAws) -> None:
    headers = aws.invoke("signer")["headers"]
    assert replay(aws, {**headers, "X-Amz-Security-Token": "another"})[0] == 403


def test_provisioned_environments_are_initialised_ahead_and_serve_first(aws: LocalAws) -> None:
    function = aws.client("lambda")
    version = function.publish_version(FunctionName=FUNCTION)["Version"]
    function.create_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=version)
    put = {"FunctionName": FUNCTION, "Qualifier": "live"}
    function.put_provisioned_concurrency_config(**put, ProvisionedConcurrentExecutions=1)
    status = "IN_PROGRESS"
    while status == "IN_PROGRESS":
        status = function.get_provisioned_concurrency_config(**put)["Status"]
    assert status == "READY"
    assert any(f"[{version}]" in stream for stream in streams(aws))
    answer = aws.invoke(f"{FUNCTION}:live")
    assert answer["environment"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"
    assert answer["environment"]["AWS_LAMBDA_FUNCTION_VERSION"] == version
    function.delete_provisioned_concurrency_config(**put)
    answer = aws.invoke(f"{FUNCTION}:live")
    assert answer["environment"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"


def test_a_failing_init_is_reported_as_the_runtime_words_it(aws: LocalAws) -> None:
    create(aws, "broken", "print('before the end')\nimport absent_package")
    answer = aws.invoke("broken")
    assert answer["errorType"] == "Runtime.ImportModuleError"
    assert "absent_package" in answer["errorMessage"]
    assert "before the end" in aws.log("/aws/lambda/broken")


def test_a_timeout_and_what_was_printed_before_it_are_in_the_log(aws: LocalAws) -> None:
    source = "import time\ndef handler(event, context):\n    print('going to sleep')\n    time.sleep(60)"
    create(aws, "sleeper", source, timeout=1)
    assert aws.invoke("sleeper")["errorType"] == "Sandbox.Timedout"
    said, timed_out = aws.log("/aws/lambda/sleeper")[2:4]
    assert said == "going to sleep"
    assert timed_out.endswith(" Task timed out after 1.00 seconds")


def create(aws: LocalAws, name: str, source: str, *, timeout: int = 10) -> None:
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime=PYTHON,
        Role=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
        Handler="index.handler",
        Code={"ZipFile": archive({"index.py": source})},
        Timeout=timeout,
    )


def test_an_assumed_role_signs_with_the_session_name_of_the_callers_choice(aws: LocalAws) -> None:
    identity = aws.client("sts", **aws.assume(ROLE, "chosen")).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/chosen"


def test_an_assumed_roles_signature_is_verified(aws: LocalAws) -> None:
    keys = {**aws.assume(ROLE, "chosen"), "aws_secret_access_key": "a guess"}
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        aws.client("sts", **keys).get_caller_identity()


def test_everything_that_init_prints_comes_before_the_first_invocation(aws: LocalAws) -> None:
    create(aws, "chatty", "import json\nprint('line\\n' * 9000, end='')\nhandler = print")
    aws.invoke("chatty")
    pages = aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/chatty")
    lines = [event["message"] for page in pages for event in page["events"]]
    assert [line.split()[0] for line in lines[:9002]] == ["INIT_START", *["line"] * 9000, "START"]


def streams(aws: LocalAws) -> list[str]:
    found = aws.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{FUNCTION}")["logStreams"]
    return [stream["logStreamName"] for stream in found]


def replay(aws: LocalAws, headers: dict[str, str]) -> tuple[int, str]:
    """Send a signed GetCallerIdentity as Google would: as it is, Host included, from somewhere else."""
    query = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    host = {"Host": f"sts.{REGION}.amazonaws.com"}
    answer = httpx.post(f"{aws.endpoint}/", params=query, headers={**headers, **host})
    return answer.status_code, answer.text
