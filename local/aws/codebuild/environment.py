"""The variables of a build: the specification's, the project's, and CodeBuild's own.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.codebuild.cloud import Cloud
from local.aws.codebuild.spec import Spec
from local.aws.codebuild.storage import NotTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be built: the project with StartBuild's overrides in it, as CodeBuild's API spells it."""

    id: str
    arn: str
    number: int
    initiator: str
    project: Mapping[str, Any]

    @property
    def uuid(self) -> str:
        """The build's ID without the project's name."""
        return self.id.partition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What stands for the build's image: a search path, its Python's version, and what builds are told of it.

    Its variables win over the specification's, which knows CodeBuild's image, and lose against the project's.
    """

    path: str
    python: str
    variables: Mapping[str, str]


def variables(
    order: Order, spec: Spec, cloud: Cloud, machine: Machine, sources: Mapping[str, Path], home: Path
) -> dict[str, str]:
    """All of them, CodeBuild's own above all. Raises `NotTaken` and botocore's ClientError."""
    image = str(order.project["environment"].get("image", ""))
    return {
        **_own(order, spec, machine, lambda name: _parameter(cloud.client("ssm"), name)),
        "AWS_DEFAULT_REGION": cloud.region,
        "AWS_ENDPOINT_URL": cloud.endpoint,  # no build reaches the real AWS by its configuration
        "AWS_REGION": cloud.region,
        "CODEBUILD_BUILD_ARN": order.arn,
        "CODEBUILD_BUILD_ID": order.id,
        "CODEBUILD_BUILD_IMAGE": image,
        "CODEBUILD_BUILD_NUMBER": str(order.number),
        "CODEBUILD_CI": "true",
        "CODEBUILD_INITIATOR": order.initiator,
        "HOME": str(home),
        "PATH": machine.path,
        "TMPDIR": str(home),
        **{name: str(path) for name, path in sources.items()},
    }


def _own(order: Order, spec: Spec, machine: Machine, parameter: Callable[[str], str]) -> dict[str, str]:
    plain, stored = {**spec.variables, **machine.variables}, dict(spec.parameters)
    for one in order.project["environment"].get("environmentVariables") or ():
        name, kind = one["name"], one.get("type", "PLAINTEXT")
        if kind not in ("PLAINTEXT", "PARAMETER_STORE"):
            raise NotTaken(f"the variable {name} of type {kind}: only PLAINTEXT and PARAMETER_STORE are taken here")
        plain.pop(name, None)
        stored.pop(name, None)
        (plain if kind == "PLAINTEXT" else stored)[name] = one["value"]
    return plain | {name: parameter(value) for name, value in stored.items()}


def _parameter(ssm: Any, name: str) -> str:
    value: str = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return value
