"""Puts the local CodeBuild in the place of MiniStack's, whose builds succeed at once and run nothing."""

import copy
import json
import os
import shutil
from functools import cache
from typing import Any

from local import terraform
from local.aws.codebuild import projects
from local.aws.codebuild.build import Build
from local.aws.codebuild.cloud import Cloud
from local.aws.codebuild.environment import Machine, Order
from local.aws.codebuild.sessions import issue, may_be_assumed
from local.aws.functions.runtime import Runtime
from local.aws.functions.variables import CERTIFICATES
from local.aws.internals import codebuild, eventbridge, responses

# What StartBuild may change, and the member of the project that it changes.
OVERRIDES = {
    "artifactsOverride": "artifacts",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
}
TAKEN = {"projectName", "environmentVariablesOverride", "buildspecOverride", *OVERRIDES}

Json = dict[str, Any]


class Refused(Exception):
    """CodeBuild's answer to a request that it does not take."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def install(runtime: Runtime, endpoint: str) -> None:
    """Run builds on this machine, with `runtime`'s Python first on the search path, and AWS at `endpoint`."""
    projects.install()
    builds = _Builds(endpoint, runtime)
    stock = codebuild._batch_get_builds

    def get(data: Json) -> Any:
        builds.refresh(data.get("ids", []))
        return stock(data)

    codebuild._start_build, codebuild._stop_build = _answered(builds.start), _answered(builds.stop)
    codebuild._batch_get_builds = get
    _start_from_rules()


@cache
def _machine(runtime: Runtime) -> Machine:
    """Builds find this machine's programs and none of its variables."""
    path = os.pathsep.join((str(runtime.python.parent), os.environ.get("PATH", os.defpath)))
    variables = {name: os.environ[name] for name in CERTIFICATES if name in os.environ}
    return Machine(path=path, python=runtime.version, variables={**variables, **_terraform(path)})


def _terraform(path: str) -> dict[str, str]:
    """What functions/terraform/install.sh takes instead of a release from the network, where it is at hand.

    Google's provider, if `make terraform-provider` built it, has no published checksum to be compared with.
    """
    try:
        found = terraform.find()
    except terraform.Unavailable:
        binary = shutil.which("terraform", path=path)
        usable = binary and terraform.version(binary) >= terraform.OLDEST_TERRAFORM
        return {"TERRAFORM_BINARY": binary} if binary and usable else {}
    return {"TERRAFORM_BINARY": str(found.binary), "TERRAFORM_LOCKFILE": "", **found.environment}


class _Builds:
    """All builds of this process; MiniStack has a record of each, from which it answers what we do not replace."""

    def __init__(self, endpoint: str, runtime: Runtime) -> None:
        self._endpoint, self._runtime = endpoint, runtime
        self._builds: dict[str, Build] = {}

    def start(self, data: Json) -> Json:
        """StartBuild."""
        project = _ordered(data)
        self._require_room(project)
        name, role = project["name"], project["serviceRole"]
        if not may_be_assumed(role):
            raise Refused("InvalidInputException", f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}")
        build_id = codebuild._build_id(name)
        record = codebuild._make_build_record(project, build_id)
        order = Order(
            id=build_id,
            arn=record["arn"],
            number=record["buildNumber"],
            initiator=record["initiator"],
            project=project,
        )
        session = f"AWSCodeBuild-{order.uuid}"
        cloud = Cloud(
            endpoint=self._endpoint,
            region=responses.get_region(),
            issue=lambda lifetime: issue(role, session, lifetime),
        )
        secondary = project.get("secondarySources", [])
        codebuild._builds[build_id] = record | {"serviceRole": role, "secondarySources": secondary}
        self._builds[build_id] = build = Build(order, cloud, _machine(self._runtime))
        build.start()
        return self._shown(build_id)

    def stop(self, data: Json) -> Json:
        """StopBuild."""
        build_id = data.get("id", "")
        if build_id not in codebuild._builds:
            raise Refused("ResourceNotFoundException", f"Build cannot be found: {build_id}")
        self._builds[build_id].stop()
        return self._shown(build_id)

    def refresh(self, ids: list[str]) -> None:
        """Bring MiniStack's records up to date."""
        for build_id in ids:
            if build_id in codebuild._builds:
                self._shown(build_id)

    def _shown(self, build_id: str) -> Json:
        record, now = codebuild._builds[build_id], self._builds[build_id].shown()
        nested = {name: {**record[name], **now.get(name, {})} for name in ("artifacts", "logs")}
        without_end = {name: value for name, value in record.items() if name != "endTime"}
        codebuild._builds[build_id] = {**without_end, **now, **nested}
        return dict(codebuild._builds[build_id])

    def _require_room(self, project: Json) -> None:
        name, limit = project["name"], int(project.get("concurrentBuildLimit") or 0)
        active = sum(build.active for key, build in self._builds.items() if key.startswith(f"{name}:"))
        if limit and active >= limit:
            words = f"Cannot have more than {limit} builds in queue for the project {name}"
            raise Refused("AccountLimitExceededException", words)


def _ordered(data: Json) -> Json:
    """The project as this StartBuild wants it."""
    name = data.get("projectName", "")
    if name not in codebuild._projects:
        raise Refused("ResourceNotFoundException", f"Project cannot be found: {name}")
    if unknown := sorted(set(data) - TAKEN):
        raise Refused("InvalidInputException", f"The local CodeBuild does not take {', '.join(unknown)}")
    project: Json = copy.deepcopy(codebuild._projects[name])
    project |= {member: data[override] for override, member in OVERRIDES.items() if override in data}
    if "buildspecOverride" in data:
        project["source"]["buildspec"] = data["buildspecOverride"]
    given = data.get("environmentVariablesOverride", [])
    names = {one["name"] for one in given}
    kept = [one for one in project["environment"].get("environmentVariables") or [] if one["name"] not in names]
    project["environment"]["environmentVariables"] = [*kept, *given]
    return project


def _answered(work: Any) -> Any:
    """As a handler of MiniStack's."""

    def handle(data: Json) -> Any:
        try:
            return responses.json_response({"build": work(data)})
        except Refused as refused:
            return responses.error_response_json(refused.code, str(refused), 400)

    return handle


def _start_from_rules() -> None:
    """A rule of EventBridge may start a build; MiniStack knows no such target."""
    stock = eventbridge._invoke_target

    def invoke(target: Json, event: Any, rule: Any, view: Any = None) -> None:
        service, _, project = target.get("Arn", "").partition(":project/")
        if project and ":codebuild:" in service:
            given = json.loads(target.get("Input") or "{}")
            codebuild._start_build({**given, "projectName": project})
        else:
            stock(target, event, rule, view)

    eventbridge._invoke_target = invoke
