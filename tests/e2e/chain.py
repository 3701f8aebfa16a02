"""The chain link by link over plain HTTP, so that a test can break exactly one of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import requests
from google.auth.aws import AwsSecurityCredentials, RequestSigner

from local.clouds import PROJECT, REGION
from local.invoke import client

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
AWS_REQUEST = "urn:ietf:params:aws:token-type:aws4_request"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
GET_CALLER_IDENTITY = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
TARGET_RESOURCE = "x-goog-cloud-target-resource"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: HTTP status and JSON body."""

    status: int
    body: dict[str, Any]

    @property
    def words(self) -> str:
        """Google's own words about a refusal, from either shape of error."""
        error = self.body.get("error", "")
        return str(error["message"] if isinstance(error, dict) else self.body.get("error_description", error))


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A signed GetCallerIdentity, as a subject token carries it."""

    url: str
    headers: Mapping[str, str]
    method: str = "POST"

    def with_header(self, name: str, value: str) -> "SignedRequest":
        """The same request with one header replaced after signing."""
        kept = {key: old for key, old in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers={**kept, name: value})

    def subject_token(self) -> str:
        """As the `subject_token` of an exchange."""
        headers = [{"key": key, "value": value} for key, value in self.headers.items()]
        return quote(json.dumps({"url": self.url, "method": self.method, "headers": headers}))


@dataclass(frozen=True, slots=True)
class Chain:
    """The links, each callable on its own, against the local clouds that `environment` names."""

    environment: Mapping[str, str]
    audience: str

    def assume(self, role: str, session: str) -> AwsSecurityCredentials:
        """Real temporary credentials of a role, which Google will see as `assumed-role/ROLE/SESSION`."""
        account = client("sts", self.environment).get_caller_identity()["Account"]
        arn = f"arn:aws:iam::{account}:role/{role}"
        made = client("sts", self.environment).assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
        return AwsSecurityCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def sign(self, credentials: AwsSecurityCredentials, *, audience: str | None = None) -> SignedRequest:
        """GetCallerIdentity signed with `credentials`, for `audience` or by default the right one."""
        url = GET_CALLER_IDENTITY.format(region=REGION)
        signed = RequestSigner(REGION).get_request_options(
            credentials, url, "POST", additional_headers={TARGET_RESOURCE: audience or self.audience}
        )
        return SignedRequest(url, signed["headers"])

    def exchange(self, request: SignedRequest, *, audience: str | None = None) -> Answer:
        """Google's security token service."""
        form = {
            "grant_type": GRANT,
            "audience": audience or self.audience,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "requested_token_type": ACCESS_TOKEN,
            "subject_token_type": AWS_REQUEST,
            "subject_token": request.subject_token(),
        }
        return _answer(requests.post(f"{self._google}/sts/v1/token", data=form, timeout=60))

    def impersonate(self, federated: str, account: str) -> Answer:
        """`generateAccessToken` of a service account."""
        url = f"{self._google}/iamcredentials/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        body = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
        return _answer(requests.post(url, json=body, headers=bearer(federated), timeout=60))

    def query(self, token: str, sql: str) -> Answer:
        """BigQuery's `jobs.query`."""
        url = f"{self._google}/bigquery/bigquery/v2/projects/{PROJECT}/queries"
        return _answer(
            requests.post(url, json={"query": sql, "useLegacySql": False}, headers=bearer(token), timeout=60)
        )

    def token(self, role: str, session: str, account: str) -> str:
        """The whole chain, to a service account's token."""
        federated = self.exchange(self.sign(self.assume(role, session))).body["access_token"]
        token: str = self.impersonate(federated, account).body["accessToken"]
        return token

    def admin(self, method: str, path: str, body: Any = None) -> Answer:
        """A call as the project's administrator, to change or look at Google's side."""
        headers = bearer(self.environment["GOOGLE_ADMIN_TOKEN"])
        return _answer(requests.request(method, self._google + path, json=body, headers=headers, timeout=60))

    @property
    def _google(self) -> str:
        return self.environment["GOOGLE_ENDPOINT"]


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, response.json() if response.content else {})
