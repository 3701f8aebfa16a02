"""Builds of the local CodeBuild: phases, variables, artifacts and ends, as CodeBuild's users know them."""

import json
import os
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.aws_lab import ACCOUNT, REGION, LocalAws, local_aws
from tests.local.builds import (
    BUCKET,
    LOGS,
    Project,
    commands,
    document,
    ended,
    log,
    make_project,
    put_source,
    statuses,
    text,
    waited,
)


@pytest.fixture(scope="module")
def project(aws: LocalAws) -> Project:
    return make_project(aws)


def test_the_phases_run_in_order_on_the_source(project: Project) -> None:
    spec = commands(build=["cat hello.txt"], install=["echo one"], post_build=["echo three"], pre_build=["echo two"])
    assert project.printed(spec) == ["one", "two", "hello", "three"]


def test_a_build_is_told_phase_by_phase(project: Project) -> None:
    build = project.build(commands(build=["true"]))
    assert statuses(build) == {
        "SUBMITTED": "SUCCEEDED",
        "QUEUED": "SUCCEEDED",
        "PROVISIONING": "SUCCEEDED",
        "DOWNLOAD_SOURCE": "SUCCEEDED",
        "INSTALL": "SUCCEEDED",
        "PRE_BUILD": "SUCCEEDED",
        "BUILD": "SUCCEEDED",
        "POST_BUILD": "SUCCEEDED",
        "UPLOAD_ARTIFACTS": "SUCCEEDED",
        "FINALIZING": "SUCCEEDED",
        "COMPLETED": "",
    }
    assert (build["buildStatus"], build["buildComplete"], build["currentPhase"]) == ("SUCCEEDED", True, "COMPLETED")
    assert build["startTime"] <= build["endTime"]
    assert build["id"] in project.codebuild.list_builds_for_project(projectName=project.name)["ids"]


def test_a_command_sees_what_the_one_before_it_assigned_and_where_it_went(project: Project) -> None:
    spec = commands(
        install=['A="it\'s one"', "mkdir below; cd below", "export B='two\nlines'"],
        build=['echo "$A"', 'echo "$B"', "basename $PWD"],
    )
    assert project.printed(spec) == ["it's one", "two", "lines", "below"]


def test_bash_is_there_for_whom_it_is_asked(project: Project) -> None:
    spec = {"env": {"shell": "bash"}, **commands(build=["a=(1 2)", "echo ${BASH_VERSION:+bash}"])}
    assert project.printed(spec) == ["bash"]


@pytest.mark.parametrize(
    ("failing", "ran", "missing"),
    [
        ("install", [], {"PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS"}),
        ("pre_build", ["install"], {"BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS"}),
        ("build", ["install", "pre_build", "post_build"], set()),
        ("post_build", ["install", "pre_build", "build"], set()),
    ],
)
def test_what_follows_a_failure(project: Project, failing: str, ran: list[str], missing: set[str]) -> None:
    phases = ("install", "pre_build", "build", "post_build")
    build = project.build(commands(**{name: ["exit 3" if name == failing else f"echo {name}"] for name in phases}))
    assert build["buildStatus"] == "FAILED"
    assert statuses(build)[failing.upper()] == "FAILED"
    assert missing & set(statuses(build)) == set()
    assert {"FINALIZING", "COMPLETED"} <= set(statuses(build))
    assert [line for line in printed(project, build) if line in phases] == ran
    (context,) = next(one for one in build["phases"] if one["phaseType"] == failing.upper())["contexts"]
    assert context["statusCode"] == "COMMAND_EXECUTION_ERROR"
    assert context["message"] == "Error while executing command: exit 3. Reason: exit status 3"


def test_after_a_failed_command_the_rest_of_its_phase_is_left_out_but_not_finally(project: Project) -> None:
    phase = {"commands": ["echo one", "false", "echo never"], "finally": ["echo last", "echo succeeding:$SUCCEEDING"]}
    spec = {"phases": {"build": phase, "post_build": {"commands": ["echo succeeding:$CODEBUILD_BUILD_SUCCEEDING"]}}}
    build = project.build(spec)
    assert printed(project, build) == ["one", "last", "succeeding:", "succeeding:0"]
    assert statuses(build)["BUILD"] == "FAILED"


def test_a_failure_in_finally_fails_the_phase(project: Project) -> None:
    build = project.build({"phases": {"build": {"commands": ["true"], "finally": ["false"]}}})
    assert (build["buildStatus"], statuses(build)["BUILD"]) == ("FAILED", "FAILED")


@pytest.mark.parametrize(("on_failure", "ran"), [("ABORT", []), ("CONTINUE", ["build", "post"])])
def test_a_phase_may_say_what_its_failure_means(project: Project, on_failure: str, ran: list[str]) -> None:
    spec = commands(pre_build=["false"], build=["echo build"], post_build=["echo post"])
    spec["phases"]["pre_build"]["on-failure"] = on_failure
    build = project.build(spec)
    assert (build["buildStatus"], printed(project, build)) == ("FAILED", ran)
    spec = commands(build=["false"], post_build=["echo post"])
    spec["phases"]["build"]["on-failure"] = on_failure
    assert printed(project, project.build(spec)) == ran[1:]


def test_variables_are_the_specification_s_the_project_s_and_the_call_s_in_this_order(aws: LocalAws) -> None:
    given = [{"name": "B", "value": "project"}, {"name": "C", "value": "project"}]
    made = make_project(aws, environment={**IMAGE, "environmentVariables": given})
    spec = {"env": {"variables": {"A": "spec", "B": "spec", "C": "spec"}}, **commands(build=["echo $A $B $C"])}
    assert made.printed(spec, C="call") == ["spec project call"]


def test_parameters_come_from_the_store_with_the_role_s_rights(aws: LocalAws) -> None:
    aws.client("ssm").put_parameter(Name="/builds/word", Value="stored", Type="SecureString")
    spec = {"env": {"parameter-store": {"WORD": "/builds/word"}}, **commands(build=["echo $WORD"])}
    allowed = make_project(aws, actions=[*LOGS, "s3:GetObject", "ssm:GetParameter"])
    assert allowed.printed(spec) == ["stored"]
    refused = make_project(aws).build(spec)
    assert statuses(refused)["DOWNLOAD_SOURCE"] == "FAILED"
    assert "AccessDenied" in words(refused)


def test_a_build_sees_codebuild_s_variables_and_none_of_the_host_s(project: Project) -> None:
    names = ("CODEBUILD_BUILD_ID", "CODEBUILD_CI", "AWS_REGION", "HOST_SECRET", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")
    build = project.build(
        commands(build=[*(f'echo "{name}=${name}"' for name in names), "echo $CODEBUILD_SRC_DIR; pwd"])
    )
    *found, source, folder = printed(project, build)
    assert found == [
        f"CODEBUILD_BUILD_ID={build['id']}",
        "CODEBUILD_CI=true",
        f"AWS_REGION={REGION}",
        "HOST_SECRET=",
        "AWS_PROFILE=",
        "AWS_ACCESS_KEY_ID=",
    ]
    assert source == folder


def test_a_second_source_has_a_folder_of_its_own_and_files_keep_their_modes(aws: LocalAws) -> None:
    second = {**put_source(aws, "second.zip", {"there/word.txt": "second"}), "sourceIdentifier": "more"}
    made = make_project(aws, secondarySources=[second])
    assert made.printed(commands(build=["cat $CODEBUILD_SRC_DIR_more/there/word.txt"])) == ["second"]
    (shown,) = made.codebuild.batch_get_projects(names=[made.name])["projects"]
    assert shown["secondarySources"] == [second]


def test_the_source_s_own_buildspec_is_what_runs(aws: LocalAws) -> None:
    source = put_source(aws, "own.zip", {"buildspec.yml": text(commands(build=["echo own"]))})
    made = make_project(aws, source=source)
    build = ended(made.codebuild, made.codebuild.start_build(projectName=made.name)["build"]["id"])
    assert printed(made, build) == ["own"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("version: 0.2\nphases: [", "no YAML"),
        ("version: 0.1\nphases: {}\n", "version 0.1 is not taken here"),
        ("version: 0.2\nphases:\n  build: {}\nbatch: {}\n", "batch, which the local CodeBuild does not take"),
        ("version: 0.2\nphases:\n  deploy: {}\n", "phases has deploy"),
        ("version: 0.2\nphases:\n  build:\n    on-failure: RETRY\n", "on-failure is 'RETRY'"),
        ("version: 0.2\nphases:\n  build:\n    commands: echo\n", "phases.build.commands is no list"),
        ("version: 0.2\nenv:\n  shell: zsh\nphases: {}\n", "env.shell is 'zsh'"),
        ("nothing.yml", "YAML file does not exist: nothing.yml"),
    ],
)
def test_what_is_no_buildspec_or_not_taken_here_is_told(project: Project, spec: str, told: str) -> None:
    build = project.build(spec)
    assert (build["buildStatus"], statuses(build)["DOWNLOAD_SOURCE"]) == ("FAILED", "FAILED")
    assert told in words(build)
    assert "INSTALL" not in statuses(build)


def test_what_startbuild_does_not_take_here_is_refused(project: Project) -> None:
    with pytest.raises(ClientError, match="The local CodeBuild does not take privilegedModeOverride"):
        project.codebuild.start_build(projectName=project.name, privilegedModeOverride=True)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        project.codebuild.start_build(projectName="nobody")


@pytest.mark.parametrize("packaging", ["NONE", "ZIP"])
def test_artifacts_lie_where_the_project_says_also_after_a_failed_build(aws: LocalAws, packaging: str) -> None:
    place = {
        "type": "S3",
        "location": BUCKET,
        "path": "kept",
        "name": "out",
        "namespaceType": "BUILD_ID",
        "packaging": packaging,
    }
    made = make_project(aws, artifacts=place)
    spec = {**commands(build=["mkdir -p a/b; echo 1 > a/b/one.txt; echo 2 > two.txt", "false"])}
    build = made.build({**spec, "artifacts": {"files": ["a/**/*", "two.txt"]}})
    assert (build["buildStatus"], statuses(build)["UPLOAD_ARTIFACTS"]) == ("FAILED", "SUCCEEDED")
    prefix = f"kept/{build['id'].partition(':')[2]}/out"
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{BUCKET}/{prefix}"
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    expected = [prefix] if packaging == "ZIP" else [f"{prefix}/a/b/one.txt", f"{prefix}/two.txt"]
    assert [one["Key"] for one in listed] == expected


def test_patterns_that_match_nothing_fail_the_build(aws: LocalAws) -> None:
    made = make_project(aws, artifacts={"type": "S3", "location": BUCKET, "name": "out"})
    build = made.build({**commands(build=["true"]), "artifacts": {"files": ["nothing/*"]}})
    assert (build["buildStatus"], statuses(build)["UPLOAD_ARTIFACTS"]) == ("FAILED", "FAILED")
    assert "no matching artifact paths found" in words(build)


def test_one_build_at_a_time_where_the_project_says_so(aws: LocalAws) -> None:
    made = make_project(aws, concurrentBuildLimit=1)
    first = made.start(commands(build=["sleep 60"]))
    waited(made.codebuild, first, lambda build: build["currentPhase"] == "BUILD")
    with pytest.raises(ClientError, match=r"AccountLimitExceededException.*Cannot have more than 1 builds in queue"):
        made.start(commands(build=["true"]))
    made.codebuild.stop_build(id=first)
    assert ended(made.codebuild, first)["buildStatus"] == "STOPPED"
    assert made.build(commands(build=["true"]))["buildStatus"] == "SUCCEEDED"


def test_a_stopped_build_leaves_no_process_and_runs_nothing_more(project: Project) -> None:
    spec = commands(install=["sleep 61 & echo pid:$!"], build=["sh -c 'sleep 62 & echo pid:$!; wait'"])
    spec["phases"]["build"]["finally"] = ["echo never"]
    spec["phases"]["post_build"] = {"commands": ["echo never"]}
    build_id = project.start(spec)
    build = waited(project.codebuild, build_id, lambda build: len(pids(project, build)) == 2)
    project.codebuild.stop_build(id=build_id)
    build = ended(project.codebuild, build_id)
    assert (build["buildStatus"], statuses(build)["BUILD"]) == ("STOPPED", "STOPPED")
    assert {"POST_BUILD", "UPLOAD_ARTIFACTS"} & set(statuses(build)) == set()
    assert "never" not in printed(project, build)
    assert [pid for pid in pids(project, build) if lives(pid)] == []


def test_the_end_of_the_local_aws_is_the_end_of_its_builds(tmp_path: Path) -> None:
    with local_aws(tmp_path) as aws:
        made = make_project(aws)
        build_id = made.start(commands(build=["sh -c 'sleep 63 & echo pid:$!; wait'"]))
        (pid,) = some(lambda: pids(made, waited(made.codebuild, build_id, lambda build: build["phases"])))
    some(lambda: not lives(pid))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_build_whose_time_is_up_is_ended(aws: LocalAws) -> None:
    made = make_project(aws)
    unchecked = boto3.client(  # CodeBuild's own minimum is 5 minutes, and botocore knows that
        "codebuild",
        endpoint_url=aws.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False),
    )
    spec = text(commands(build=["sleep 60"]))
    started = unchecked.start_build(projectName=made.name, buildspecOverride=spec, timeoutInMinutesOverride=0)
    build = ended(made.codebuild, started["build"]["id"])
    assert build["buildStatus"] == "TIMED_OUT"
    assert "TIMED_OUT" in statuses(build).values()


def test_a_role_that_codebuild_may_not_take_starts_nothing(aws: LocalAws) -> None:
    made = make_project(aws, service="lambda.amazonaws.com")
    with pytest.raises(ClientError, match="CodeBuild is not authorized to perform: sts:AssumeRole"):
        made.start(commands(build=["true"]))


@pytest.mark.parametrize(
    ("actions", "phase", "told"),
    [
        (["s3:GetObject"], "PROVISIONING", "logs:CreateLogStream"),
        (LOGS, "DOWNLOAD_SOURCE", "s3:GetObject"),
    ],
)
def test_what_the_role_may_not_do_codebuild_cannot_do_for_it(
    aws: LocalAws, actions: list[str], phase: str, told: str
) -> None:
    build = make_project(aws, actions=actions).build(commands(build=["true"]))
    assert (build["buildStatus"], statuses(build)[phase]) == ("FAILED", "FAILED")
    assert "AccessDenied" in words(build)
    assert told in words(build)


@pytest.mark.parametrize(("suffix", "status"), [(":*", "SUCCEEDED"), ("", "FAILED")])
def test_a_right_on_a_group_s_streams_is_spelled_as_aws_wants_it(aws: LocalAws, suffix: str, status: str) -> None:
    made = make_project(aws, actions=["s3:GetObject"])
    group = f"/aws/codebuild/{made.name}"
    aws.client("logs").create_log_group(logGroupName=group)
    on = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}{suffix}"
    right = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": on}
    aws.client("iam").put_role_policy(RoleName=made.name, PolicyName="log", PolicyDocument=document(right))
    assert made.build(commands(build=["true"]))["buildStatus"] == status


def test_a_template_s_project_keeps_all_that_it_says_through_updates(aws: LocalAws) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{make_project(aws).name}"
    properties: dict[str, Any] = {
        "Name": "of-a-template",
        "ServiceRole": arn,
        "Source": {
            "Type": "NO_SOURCE",
            "BuildSpec": "version: 0.2\nphases:\n  build:\n    commands:\n      - echo it\n",
        },
        "Artifacts": {"Type": "NO_ARTIFACTS"},
        "Environment": {"Type": "LINUX_CONTAINER", "Image": "i", "ComputeType": "BUILD_GENERAL1_SMALL"},
        "ConcurrentBuildLimit": 1,
        "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": "/builds/elsewhere"}},
    }
    made = Project(aws, "of-a-template")
    for limit in (1, 2):
        resource = {"Type": "AWS::CodeBuild::Project", "Properties": {**properties, "ConcurrentBuildLimit": limit}}
        described = aws.deploy("builds", {"P": resource}, update=limit == 2)
        assert described["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), aws.reasons("builds")
        (shown,) = made.codebuild.batch_get_projects(names=[made.name])["projects"]
        assert shown["concurrentBuildLimit"] == limit
    build = ended(made.codebuild, made.codebuild.start_build(projectName=made.name)["build"]["id"])
    assert build["logs"]["groupName"] == "/builds/elsewhere"
    assert printed(made, build) == ["it"]


def test_a_rule_starts_a_build(aws: LocalAws) -> None:
    source = put_source(aws, "ruled.zip", {"buildspec.yml": text(commands(build=["echo ruled"]))})
    made = make_project(aws, source=source)
    arn = made.codebuild.batch_get_projects(names=[made.name])["projects"][0]["arn"]
    rules = aws.client("events")
    rules.put_rule(Name="start", EventPattern=json.dumps({"source": ["builds.test"]}))
    rules.put_targets(Rule="start", Targets=[{"Id": "1", "Arn": arn}])
    rules.put_events(Entries=[{"Source": "builds.test", "DetailType": "go", "Detail": "{}"}])
    (build_id,) = some(lambda: made.codebuild.list_builds_for_project(projectName=made.name)["ids"])
    assert printed(made, ended(made.codebuild, build_id)) == ["ruled"]


def test_each_deployment_of_a_stack_that_changed_something_can_start_a_build(aws: LocalAws) -> None:
    made = make_project(aws, source=put_source(aws, "deployed.zip", {"buildspec.yml": text(commands())}))
    (shown,) = made.codebuild.batch_get_projects(names=[made.name])["projects"]
    ends = {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]}
    pattern = {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": {"stack-id": [{"Ref": "AWS::StackId"}], "status-details": ends},
    }
    for count in (1, 2):
        rule = {"EventPattern": pattern, "Targets": [{"Id": "1", "Arn": shown["arn"], "RoleArn": shown["serviceRole"]}]}
        resource = {"Type": "AWS::Events::Rule", "Properties": {**rule, "Description": f"deployment {count}"}}
        described = aws.deploy("deployed", {"R": resource}, update=count == 2)
        assert described["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), aws.reasons("deployed")
        ids = some(lambda count=count: len(found := listed(made)) == count and found)
        assert [ended(made.codebuild, one)["buildStatus"] for one in ids] == ["SUCCEEDED"] * count


IMAGE = {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"}


def listed(project: Project) -> list[str]:
    """The IDs of its builds."""
    ids: list[str] = project.codebuild.list_builds_for_project(projectName=project.name)["ids"]
    return ids


def printed(project: Project, build: dict[str, Any]) -> list[str]:
    """What a build's commands printed."""
    return [line for line in log(project.aws.client("logs"), build) if not line.startswith("[Container]")]


def words(build: dict[str, Any]) -> str:
    """What is said of its failed phases."""
    return "\n".join(one["message"] for phase in build["phases"] for one in phase.get("contexts", ()))


def pids(project: Project, build: dict[str, Any]) -> list[int]:
    """The processes that a build told of."""
    if build["currentPhase"] not in ("BUILD", "FINALIZING", "COMPLETED"):
        return []
    return [int(line.removeprefix("pid:")) for line in printed(project, build) if line.startswith("pid:")]


def lives(pid: int) -> bool:
    """Whether there is such a process, and no mere remains of one."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return os.path.exists(f"/proc/{pid}")


def some(look: Any) -> Any:
    """What `look` finds, once it finds anything."""
    deadline = time.monotonic() + 120
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)
    return found
