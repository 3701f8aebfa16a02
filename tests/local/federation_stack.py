"""A stack with one federation, played through the real handler as CloudFormation would."""

import os
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Self

from functions.gcp_federation import handler as federation_handler
from keyless_federation.model.federation import Federation
from tests.local.federation_properties import ACCOUNT, REGION, usual
from tests.local.invocation import CloudFormation, LambdaContext, Told
from tests.local.local_google import NUMBER, PROJECT, BearerSession, LocalGoogle

Json = dict[str, Any]
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/demo/0f0e"


@dataclass(slots=True)
class Stack:
    """A stack with one federation of its own names, played through the handler as CloudFormation would.

    `status` is what CloudFormation says of the stack, empty where it says nothing; `heir` what a federation that is
    deleted is the same as.
    """

    google: LocalGoogle
    name: str
    endpoint: str = ""
    token: str = ""
    physical_id: str | None = None
    old: Json | None = None
    seconds: float = 120.0
    status: str = ""
    heir: Federation | None = None
    changed: Json = field(default_factory=dict)

    @property
    def pool(self) -> str:
        """The pool's path."""
        pool_id = self.properties()["Pool"]["Id"]
        return f"iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools/{pool_id}"

    @property
    def provider(self) -> str:
        """The provider's path."""
        return f"{self.pool}/providers/{self.properties()['Provider']['Id']}"

    @property
    def email(self) -> str:
        """The first account's address."""
        return f"{self.properties()['ServiceAccounts'][0]['Name']}@{PROJECT}.iam.gserviceaccount.com"

    @property
    def account(self) -> str:
        """The first account's path."""
        return f"iam/v1/projects/{PROJECT}/serviceAccounts/{self.email}"

    @property
    def member(self) -> str:
        """The first account as a member."""
        return f"serviceAccount:{self.email}"

    def principals(self, role: str = "") -> str:
        """The members that an AWS role stands for."""
        pool = self.properties()["Pool"]["Id"]
        base = f"principalSet://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{pool}"
        return f"{base}/attribute.aws_role/{role or self.name + '-role'}"

    def properties(self) -> Json:
        """The properties, with `changed` over the usual ones."""
        return {**usual(self.name), **self.changed}

    def send(self, kind: str, **more: Any) -> Json:
        """Have the handler work on one event; its one answer."""
        with CloudFormation(more.pop("statuses", [])).listening() as cloudformation:
            properties = {**self.properties(), "ServiceToken": "arn:aws:lambda:x", "ServiceTimeout": "360"}
            event = {
                "RequestType": kind,
                "RequestId": "unique-request",
                "StackId": STACK_ID,
                "LogicalResourceId": "GoogleOpen",
                "ResponseURL": cloudformation.url,
                "ResourceProperties": properties,
                **({"PhysicalResourceId": self.physical_id} if self.physical_id else {}),
                **({"OldResourceProperties": self.old} if kind == "Update" else {}),
                **more,
            }
            self.handle(event)
            assert len(cloudformation.answers) == 1
            answer = cloudformation.answers[0]
        assert {key: answer[key] for key in ("StackId", "RequestId", "LogicalResourceId")} == {
            key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")
        }
        if kind != "Delete" and answer["Status"] == "SUCCESS":
            self.physical_id, self.old = answer["PhysicalResourceId"], deepcopy(self.properties())
        return answer

    def handle(self, event: Json) -> None:
        """The handler's part, with the endpoint of the local Google."""
        os.environ["KEYLESS_GOOGLE_ENDPOINT"] = (self.endpoint or self.google.url) + "/{service}"
        os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "keyless-federation-dev-eu-west-1"
        try:
            with BearerSession(self.token or self.google.token) as session:
                federation_handler.handle(
                    event,
                    LambdaContext(self.seconds),
                    lambda: session,
                    lambda stack_id, function_arn: Told(self.status, self.heir),
                    patience=0,
                )
        finally:
            del os.environ["KEYLESS_GOOGLE_ENDPOINT"], os.environ["AWS_LAMBDA_FUNCTION_NAME"]

    def succeed(self, kind: str, **more: Any) -> int:
        """An event that must end well; the number of changes."""
        answer = self.send(kind, **more)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        return int(answer["Data"].get("Changes", -1))

    def fail(self, kind: str, **more: Any) -> str:
        """An event that must fail; the reason."""
        answer = self.send(kind, **more)
        assert answer["Status"] == "FAILED"
        reason: str = answer["Reason"]
        return reason

    def change(self, **properties: Any) -> Self:
        """Other properties from here on."""
        self.changed = {**self.changed, **properties}
        return self
