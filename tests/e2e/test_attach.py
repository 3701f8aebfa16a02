"""Functions that no CDK app of ours owns attach themselves, each with its own tool, and get rows."""

import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.clouds import ACCOUNT, PROJECT, REGION, Clouds
from local.deployment import CDK, PYTHON, STAGE, Deployment, _environment
from local.invoke import InvocationFailed, client, invoke
from local.setup import ROOT, machine, runtime

EXAMPLES = ROOT / "examples"
ELSEWHERE = ("orders-sam", "orders-terraform", "orders-cli", "orders-file", "orders-stock")
ROWS = [{"corpus": corpus} for corpus in ("hamlet", "henryv", "cymbeline")]
LAYER = f"/keyless/{STAGE}/layer/{runtime()}/{machine()}"
READER = f"/keyless/{STAGE}/aws-bq-reader"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The app as its users deploy it who attach functions elsewhere: with their roles in the settings."""
    with Clouds.start(tmp_path_factory.mktemp("clouds")) as clouds:
        deployment = Deployment(clouds)
        deployment.bootstrap_google()
        attach = [f"{name}/{name}" for name in ELSEWHERE]
        settings = {**deployment.settings, "attach": attach, "provisioned_concurrency": 0, "events_dataset": None}
        (clouds.folder / "settings.json").write_text(json.dumps(settings))
        with ThreadPoolExecutor() as pool:
            beside = pool.submit(deployment.bootstrap_aws)
            deployment.synth()
            beside.result()
        deployment.deploy()
        yield deployment


@pytest.fixture(scope="module")
def aws(deployment: Deployment) -> Mapping[str, str]:
    """How to reach the local AWS."""
    return deployment.clouds.environment


@pytest.fixture(scope="module")
def published(aws: Mapping[str, str]) -> dict[str, str]:
    """Everything that the stacks put into SSM, value by name."""
    pages = client("ssm", aws).get_paginator("get_parameters_by_path").paginate(Path="/keyless", Recursive=True)
    return {parameter["Name"]: parameter["Value"] for page in pages for parameter in page["Parameters"]}


def test_the_stacks_publish_layer_variables_and_credentials(aws: Mapping[str, str], published: dict[str, str]) -> None:
    layer = client("lambda", aws).get_layer_version_by_arn(Arn=published[LAYER])
    assert (layer["CompatibleRuntimes"], layer["CompatibleArchitectures"]) == ([runtime()], [machine()])
    assert outputs(aws, f"keyless-layer-{STAGE}") == {LAYER: published[LAYER]}
    both = {name: published[name] for name in (f"{READER}/environment", f"{READER}/credentials")}
    assert outputs(aws, f"keyless-bigquery-{STAGE}") == both


def test_a_sam_template_deploys_a_function_that_gets_rows(aws: Mapping[str, str]) -> None:
    bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
    client("s3", aws).put_object(Bucket=bucket, Key="orders-sam.zip", Body=package(EXAMPLES / "function"))
    # As `sam package` does: the folder is zipped and uploaded, the template names the upload.
    template = (EXAMPLES / "sam" / "template.yaml").read_text()
    assert "CodeUri: ../function\n" in template
    given = {"Stage": STAGE, "Runtime": runtime(), "Architecture": machine(), "Layer": LAYER}
    stack = client("cloudformation", aws)
    stack.create_stack(
        StackName="orders-sam",
        TemplateBody=template.replace("../function", f"s3://{bucket}/orders-sam.zip"),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    stack.get_waiter("stack_create_complete").wait(StackName="orders-sam", WaiterConfig={"Delay": 1})
    assert invoke({}, aws, "orders-sam")["rows"] == ROWS


def test_the_sam_template_reads_what_is_published_into_the_variable_of_that_name(published: dict[str, str]) -> None:
    template = (EXAMPLES / "sam" / "template.yaml").read_text()
    read = dict(re.findall(r'(\w+): !Sub "\{\{resolve:ssm:(\S+)\}\}"', template))
    paths = {name: path.replace("${Stage}", STAGE) for name, path in read.items()}
    assert paths == {name: f"{READER}/{name}" for name in json.loads(published[f"{READER}/environment"])}
    (layer,) = re.findall(r"Default: (/keyless/\S+)", template)
    assert re.sub(r"dev/layer/python3\.13/arm64", f"{STAGE}/layer/{runtime()}/{machine()}", layer) in published


def test_a_terraform_configuration_reads_what_is_published(published: dict[str, str]) -> None:
    configuration = (EXAMPLES / "terraform" / "main.tf").read_text()
    variables = {"stage": STAGE, "runtime": runtime(), "architecture": machine()}
    assert set(variables) < set(re.findall(r'^variable "(\w+)"', configuration, re.MULTILINE))
    read = {
        data: re.sub(r"\$\{var\.(\w+)\}", lambda name: variables[name[1]], path)
        for data, path in re.findall(r'data "aws_ssm_parameter" "(\w+)" \{\s+name = "(\S+)"', configuration)
    }
    assert read == {"layer": LAYER, "environment": f"{READER}/environment"}
    assert set(read.values()) <= set(published)
    used = set(re.findall(r"data\.aws_ssm_parameter\.(\w+)\.insecure_value", configuration))
    assert used == set(read)


@pytest.mark.needs("terraform")
def test_terraform_deploys_a_function_that_gets_rows(aws: Mapping[str, str], tmp_path: Path) -> None:
    terraform = ready_terraform(aws, tmp_path)
    (tmp_path / "orders.zip").write_bytes(package(EXAMPLES / "function"))
    given = {"stage": STAGE, "runtime": runtime(), "architecture": machine(), "package": "orders.zip"}
    terraform("validate")
    variables = [f"-var={name}={value}" for name, value in given.items()]
    terraform("apply", "-auto-approve", "-input=false", *variables)
    assert invoke({}, aws, "orders-terraform")["rows"] == ROWS
    assert variables_of(aws, "orders-terraform")["LOG_LEVEL"] == "INFO"
    terraform("destroy", "-auto-approve", "-input=false", *variables)


@pytest.mark.needs  # the AWS CLI and jq: the example's own script runs where they are
def test_the_command_line_attaches_a_function_that_is_there_already(
    aws: Mapping[str, str], published: dict[str, str], tmp_path: Path
) -> None:
    earlier = other_layer(aws, published)
    make_function(aws, "orders-cli", environment={"OWN": "kept"}, layers=list(earlier.values()))
    with pytest.raises(InvocationFailed):
        invoke({}, aws, "orders-cli")
    attach(aws, "orders-cli")
    assert invoke({}, aws, "orders-cli")["rows"] == ROWS
    attach(aws, "orders-cli")  # again: nothing is there twice
    assert variables_of(aws, "orders-cli") == {"OWN": "kept", **json.loads(published[f"{READER}/environment"])}
    layers = client("lambda", aws).get_function_configuration(FunctionName="orders-cli")["Layers"]
    assert [layer["Arn"] for layer in layers] == [earlier["other"], published[LAYER]]


def test_the_layer_takes_the_credential_configuration_from_the_package(
    aws: Mapping[str, str], published: dict[str, str]
) -> None:
    environment = {
        "GOOGLE_APPLICATION_CREDENTIALS": "credentials.json",  # Lambda starts in the function's own folder
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "KEYLESS_GOOGLE_ENDPOINT": published[f"{READER}/KEYLESS_GOOGLE_ENDPOINT"],  # for BigQuery itself
    }
    credentials = {"credentials.json": published[f"{READER}/credentials"]}
    make_function(aws, "orders-file", environment=environment, layers=[published[LAYER]], more=credentials)
    assert invoke({}, aws, "orders-file")["rows"] == ROWS


def test_google_s_own_libraries_take_the_credential_configuration_too(
    aws: Mapping[str, str], published: dict[str, str]
) -> None:
    environment = {
        "GOOGLE_APPLICATION_CREDENTIALS": "credentials.json",
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "BIGQUERY_EMULATOR_HOST": published[f"{READER}/KEYLESS_GOOGLE_ENDPOINT"].replace("{service}", "bigquery"),
    }
    credentials = {"credentials.json": published[f"{READER}/credentials"]}
    make_function(
        aws,
        "orders-stock",
        handler="without_keyless.handler",
        environment=environment,
        layers=[published[LAYER]],
        more=credentials,
    )
    assert invoke({}, aws, "orders-stock")["rows"] == ROWS


def test_a_function_whose_role_is_not_in_the_settings_is_kept_out(
    aws: Mapping[str, str], published: dict[str, str]
) -> None:
    environment = json.loads(published[f"{READER}/environment"])
    make_function(aws, "orders-stranger", environment=environment, layers=[published[LAYER]])
    with pytest.raises(InvocationFailed, match="rejected by the attribute condition"):
        invoke({}, aws, "orders-stranger")


def test_one_line_attaches_a_function_of_an_existing_cdk_app(deployment: Deployment, aws: Mapping[str, str]) -> None:
    # A stage of its own, as this app has its own federation.
    environment = {**_environment(deployment.clouds)}
    bootstrap = [
        PYTHON,
        "-m",
        "keyless_cli",
        "bootstrap",
        "--project",
        PROJECT,
        "--account",
        ACCOUNT,
        "--stage",
        "shop",
    ]
    printed = run([*bootstrap, "--region", REGION, "--json"], environment)
    settings = {**deployment.settings, **json.loads(printed), "attach": []}
    app = [str(CDK), "deploy", "--app", f"{PYTHON} -m examples.cdk.app", "--require-approval", "never"]
    assembly = ["--output", str(deployment.clouds.folder / "examples.out")]
    run([*app, *assembly, "-c", f"keyless={json.dumps(settings)}"], environment)
    assert invoke({}, aws, "orders-cdk")["rows"] == ROWS


def outputs(aws: Mapping[str, str], stack: str) -> dict[str, str]:
    """The outputs of a stack that say where in SSM they are found, value by that name."""
    (described,) = client("cloudformation", aws).describe_stacks(StackName=stack)["Stacks"]
    found = {output.get("Description", ""): output["OutputValue"] for output in described["Outputs"]}
    return {text.partition("SSM: ")[2]: value for text, value in found.items() if "SSM: " in text}


def package(folder: Path, more: Mapping[str, str] | None = None) -> bytes:
    """A function's zip: the modules of a folder, and further files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in folder.glob("*.py"):
            archive.write(path, path.name)
        for name, text in (more or {}).items():
            archive.writestr(name, text)
    return content.getvalue()


def make_function(
    aws: Mapping[str, str],
    name: str,
    *,
    handler: str = "handler.handler",
    environment: Mapping[str, str],
    layers: list[str],
    more: Mapping[str, str] | None = None,
) -> None:
    """A function and its role of the same name, as somebody made them long ago."""
    role = client("iam", aws).create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    functions = client("lambda", aws)
    functions.create_function(
        FunctionName=name,
        Role=role,
        Runtime=runtime(),
        Architectures=[machine()],
        Handler=handler,
        Code={"ZipFile": package(EXAMPLES / "function", more)},
        Layers=layers,
        Environment={"Variables": dict(environment)},
        MemorySize=512,
        Timeout=30,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def variables_of(aws: Mapping[str, str], function: str) -> dict[str, str]:
    """The environment of a function."""
    configuration = client("lambda", aws).get_function_configuration(FunctionName=function)
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return variables


def other_layer(aws: Mapping[str, str], published: Mapping[str, str]) -> dict[str, str]:
    """Layers that a function may have: one of somebody else's, another version of ours, and an earlier runtime's."""
    ours = published[LAYER].split(":")[-2]
    content = {"ZipFile": package(EXAMPLES / "nothing", {"python/theirs.py": ""})}
    publish = client("lambda", aws).publish_layer_version
    return {
        "other": publish(LayerName="theirs", Content=content)["LayerVersionArn"],
        "older": publish(LayerName=ours, Content=content)["LayerVersionArn"],
        "runtime": publish(LayerName=re.sub("python[0-9]+", "python39", ours), Content=content)["LayerVersionArn"],
    }


def attach(aws: Mapping[str, str], function: str) -> None:
    """Run examples/cli/attach.sh, or make its calls by boto3 where the AWS CLI or jq is not at hand."""
    if runs(aws, "aws", "--version") and shutil.which("jq"):
        script = EXAMPLES / "cli" / "attach.sh"
        run([str(script), function, "aws-bq-reader", STAGE], aws)
        return
    functions, parameter = client("lambda", aws), client("ssm", aws).get_parameter
    now = functions.get_function_configuration(FunctionName=function)
    layer = parameter(Name=LAYER)["Parameter"]["Value"]
    variables = json.loads(parameter(Name=f"{READER}/environment")["Parameter"]["Value"])
    ours = layer.rpartition("python")[0]
    others = [each["Arn"] for each in now.get("Layers", []) if not each["Arn"].startswith(ours)]
    functions.update_function_configuration(
        FunctionName=function,
        RevisionId=now["RevisionId"],
        Layers=[*others, layer],
        Environment={"Variables": now.get("Environment", {}).get("Variables", {}) | variables},
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})


def ready_terraform(aws: Mapping[str, str], folder: Path) -> Any:
    """A function that runs terraform on the example; skips where it, or its AWS provider, is not at hand offline."""
    shutil.copy(EXAMPLES / "terraform" / "main.tf", folder)
    own = {name: value for name, value in os.environ.items() if name.startswith("TF_")}
    environment = {**aws, **own, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def terraform(*arguments: str) -> str:
        return run(["terraform", f"-chdir={folder}", *arguments, "-no-color"], environment)

    run(["terraform", "fmt", "-check", "-diff", str(EXAMPLES / "terraform")], environment)
    dead = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    if not runs({**environment, **dead}, "terraform", f"-chdir={folder}", "init", "-input=false"):
        pytest.skip("terraform's AWS provider is not at hand: what the example reads is tested, a deployment is not")
    return terraform


def runs(environment: Mapping[str, str], *command: str) -> bool:
    """Whether a command is there and ends well."""
    if not shutil.which(command[0], path=environment["PATH"]):
        return False
    return subprocess.run(command, env=dict(environment), capture_output=True, check=False).returncode == 0


def run(command: list[str], environment: Mapping[str, str]) -> str:
    """What a command prints; its words when it fails."""
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout
