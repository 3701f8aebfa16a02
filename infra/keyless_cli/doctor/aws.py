"""Lambda's API, as far as a clone needs it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from zipfile import BadZipFile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, WaiterError

from keyless_cli.doctor.clone import TAG, TIMEOUT, Clone, Configuration, is_clone, log_group
from keyless_cli.doctor.function_reference import FunctionReference
from keyless_cli.doctor.package import files_of
from keyless_cli.doctor.refusals import GONE, ExaminationError, NotExaminedError, code_of, explain
from keyless_federation.clock import attempts

CONFIG = Config(retries={"mode": "standard"}, connect_timeout=10, read_timeout=20, tcp_keepalive=True)
ASKING = CONFIG.merge(Config(read_timeout=TIMEOUT + 30))
READY = {"Delay": 1, "MaxAttempts": 600}  # a first interface in a VPC takes minutes
TRIES, PAUSE = 60, 2.0  # seconds; a function that is still being made cannot always be deleted
IN_USE = ("ResourceConflictException",)


@dataclass(frozen=True, slots=True)
class Aws:
    """One account and region, as whoever the environment's credentials stand for.

    asking: waits as long as an examination may take. The others wait for seconds: nobody can interrupt a removal.
    """

    functions: Any
    asking: Any
    logs: Any
    tagged: Any

    @classmethod
    def of(cls, region: str | None) -> "Aws":
        """In that region, or in the environment's own."""
        session = boto3.Session(region_name=region)  # one: a profile may ask a person for a code
        return cls(
            functions=session.client("lambda", config=CONFIG),
            asking=session.client("lambda", config=ASKING),
            logs=session.client("logs", config=CONFIG),
            tagged=session.client("resourcegroupstaggingapi", config=CONFIG),
        )

    def configuration(self, target: FunctionReference) -> Configuration:
        """The function as it is, of the version that is meant; raises NotExaminedError."""
        try:
            found: Configuration = self.functions.get_function_configuration(**target.parameters)
        except ClientError as error:
            missing = f"There is no function {target.name} here"
            raise NotExaminedError(
                f"{missing}: {explain(error)}" if code_of(error) in GONE else explain(error)
            ) from error
        account = found["FunctionArn"].split(":")[4]
        if target.account not in (None, account):
            raise NotExaminedError(
                f"{target.name} is to be of the account {target.account}, your credentials of {account}."
            )
        return found

    def tags(self, arn: str) -> Mapping[str, str]:
        """The tags of a function."""
        with _told(NotExaminedError):
            tags: Mapping[str, str] = self.functions.list_tags(Resource=arn)["Tags"]
        return tags

    def files(self, target: FunctionReference, wanted: set[str]) -> dict[str, bytes]:
        """Those of the `wanted` files that are in the function's package."""
        if not wanted:
            return {}
        with _told(NotExaminedError):
            code = self.functions.get_function(**target.parameters)["Code"]
        try:
            return files_of(code["Location"], wanted)
        except (OSError, ValueError, BadZipFile) as error:
            names = ", ".join(sorted(wanted))
            raise NotExaminedError(
                f"The function's package, in which {names} must be, cannot be read: {error}"
            ) from error

    def make(self, clone: Clone) -> None:
        """Make the clone; raises NotExaminedError."""
        with _told(NotExaminedError):
            try:
                self.functions.create_function(**clone.request())
            except ClientError as error:
                # Its name is one of a kind: an answer was lost, and boto3 asked again.
                if code_of(error) not in IN_USE:
                    raise

    def wait_for(self, name: str) -> None:
        """Return when Lambda has made the function ready; raises ExaminationError with its reason if it cannot."""
        try:
            with _told(ExaminationError):
                self.functions.get_waiter("function_active").wait(FunctionName=name, WaiterConfig=READY)
        except WaiterError as error:
            answer = error.last_response
            reason = answer.get("StateReason") or answer.get("Error", {}).get("Message") or str(error)
            raise ExaminationError(
                f"Lambda cannot make the function's place: {answer.get('StateReasonCode', 'no reason code')}: {reason}"
            ) from error

    def ask(self, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """The clone's answer; raises ExaminationError when it has none."""
        with _told(ExaminationError):
            answer = self.asking.invoke(FunctionName=name, Payload=json.dumps(event))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise ExaminationError(
                f"The clone ended before it could tell: {result.get('errorType', answer['FunctionError'])}: "
                f"{result.get('errorMessage', 'no message')}"
            )
        return result

    def remove(self, name: str) -> None:
        """Remove a clone and its log group; returns when both are gone; raises ExaminationError when they stay."""
        with _told(ExaminationError):
            if not any(self._delete(name) for _ in attempts([0.0, *repeat(PAUSE, TRIES - 1)])):
                raise ExaminationError(f"Lambda is still busy with {name} after {TRIES * PAUSE:.0f} s")
            try:
                self.logs.delete_log_group(logGroupName=log_group(name))
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise

    def _delete(self, name: str) -> bool:
        """Whether the function is gone; False while Lambda is busy with it."""
        try:
            self.functions.delete_function(FunctionName=name)
        except ClientError as error:
            if code_of(error) in IN_USE:
                return False
            if code_of(error) not in GONE:
                raise
        return True

    def clones(self) -> Iterator[tuple[str, int]]:
        """The clones that there are: name, and the second since the epoch from which nobody can need it any more."""
        with _told(NotExaminedError):
            pages = self.tagged.get_paginator("get_resources")
            asked = pages.paginate(TagFilters=[{"Key": TAG}], ResourceTypeFilters=["lambda:function"])
            tagged = [resource for page in asked for resource in page["ResourceTagMappingList"]]
        for resource in tagged:
            until = next((tag["Value"] for tag in resource["Tags"] if tag["Key"] == TAG), "")
            if until.isdecimal() and (name := self._clone_at(resource["ResourceARN"])):
                yield name, int(until)

    def _clone_at(self, arn: str) -> str | None:
        """The name of the clone at `arn`; None for what is gone (tags are indexed late) or was not made here."""
        try:
            found = self.functions.get_function_configuration(FunctionName=arn)
        except ClientError as error:
            if code_of(error) in GONE:
                return None
            raise NotExaminedError(explain(error)) from error
        return str(found["FunctionName"]) if is_clone(found) else None


@contextmanager
def _told(kind: type[NotExaminedError | ExaminationError]) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise kind(explain(error)) from error
    except HTTPClientError as error:
        raise kind(f"AWS does not answer: {error}") from error
