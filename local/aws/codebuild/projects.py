"""Projects of CodeBuild with all that a template says of them; MiniStack forgets some."""

from collections.abc import Mapping
from typing import Any

from local.aws.internals import codebuild, provisioners

# As the API spells it; CloudFormation begins each with a capital.
FORGOTTEN = ("concurrentBuildLimit", "logsConfig", "queuedTimeoutInMinutes", "secondarySources")


def install() -> None:
    """Keep what was forgotten, whoever makes the project, and show it."""
    _remember_calls()
    _remember_templates()
    stock = codebuild._project_shape

    def shape(project: dict[str, Any]) -> dict[str, Any]:
        return {**stock(project), **_known(project)}

    codebuild._project_shape = shape


def _remember_calls() -> None:
    stock_create, stock_update = codebuild._create_project, codebuild._update_project

    def create(data: dict[str, Any]) -> Any:
        answer = stock_create(data)
        _remember(data.get("name", ""), _known(data))
        return answer

    def update(data: dict[str, Any]) -> Any:
        answer = stock_update(data)
        _remember(data.get("name", ""), _known(data))
        return answer

    codebuild._create_project, codebuild._update_project = create, update


def _remember_templates() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]
    stock_create, stock_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        name, attributes = stock_create(logical_id, properties, stack_name)
        _remember(name, _of_template(properties))
        return name, attributes

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        name, attributes = stock_update(physical_id, old, new, stack_name)
        for member in FORGOTTEN:
            codebuild._projects[name].pop(member, None)
        _remember(name, _of_template(new))
        return name, attributes

    handlers["create"], handlers["update"] = create, update


def _remember(name: str, members: Mapping[str, Any]) -> None:
    if name in codebuild._projects:
        codebuild._projects[name].update(members)


def _known(data: Mapping[str, Any]) -> dict[str, Any]:
    return {member: data[member] for member in FORGOTTEN if member in data}


def _of_template(properties: Mapping[str, Any]) -> dict[str, Any]:
    return _known(provisioners._codebuild_cfn_to_api(properties))
