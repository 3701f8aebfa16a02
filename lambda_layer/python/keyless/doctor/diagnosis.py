"""The state of an examination: what is known of the chain, and how a check of it is recorded."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from google.auth.aws import AwsSecurityCredentials, AwsSecurityCredentialsSupplier
from keyless.chain.links import Token
from keyless.config import AUDIENCE, Config
from keyless.doctor.report import Check, Verdict
from keyless.errors import ChainError
from keyless.failures.failure import Failure, told
from keyless.net.connections import Connections
from keyless.net.transport import Request

MOST_BYTES = 127
"""Of google.subject (Google Cloud, "Workload Identity Federation": attribute mappings)."""

ASSUMED_ROLE = re.compile(
    r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/(?P<role>[\w+=,.@-]{1,64})/(?P<session>[\w+=,.@-]{2,64})", re.ASCII
)
_SECRET_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(slots=True)
class Diagnosis:
    """The state of one examination.

    environ: the environment to examine. table: a table to try. pauses: seconds before each retry. Steps set the other
    fields. arn: the caller's, "" while it is not known. ahead: by host, the seconds by which our clock is ahead.
    """

    environ: Mapping[str, str]
    table: str | None
    pauses: Sequence[float]
    config: Config = field(init=False)
    connections: Connections = field(init=False)
    supplier: AwsSecurityCredentialsSupplier = field(init=False)
    federated: Token = field(init=False)
    token: Token = field(init=False)
    arn: str = ""
    ahead: dict[str, float] = field(default_factory=dict)
    _secrets: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.hide(*(self.environ.get(name, "") for name in _SECRET_VARIABLES))

    @property
    def request(self) -> Request:
        """Return a sender of requests over connections of its own."""
        return Request(self.connections)

    @property
    def apis(self) -> tuple[str, ...]:
        """The APIs that are called; BigQuery is one of them when there is a table to try."""
        return tuple(dict.fromkeys((*self.config.apis, *(["bigquery"] if self.table else []))))

    @property
    def role(self) -> str:
        """The name of the caller's role; "" while it is not known, or when the caller is no role."""
        match = ASSUMED_ROLE.fullmatch(self.arn)
        return match["role"] if match else ""

    @property
    def session(self) -> str:
        """The session's name; on Lambda it is the function's."""
        match = ASSUMED_ROLE.fullmatch(self.arn)
        return match["session"] if match else ""

    @property
    def principal(self) -> str:
        """The principalSet that a binding must name, by the mapping that Keyless gives its providers."""
        pool = self.config.audience.partition("/providers/")[0]
        return f"principalSet:{pool}/attribute.aws_role/{self.role or 'ROLE'}"

    def hide(self, *secrets: str | None) -> None:
        """Remove these secrets from every check."""
        self._secrets |= {secret for secret in secrets if secret and len(secret) >= 8}

    def hide_keys(self, keys: AwsSecurityCredentials) -> None:
        """Remove these keys from every check."""
        self.hide(keys.access_key_id, keys.secret_access_key, keys.session_token)

    def facts(self) -> dict[str, str]:
        """Return what is known, by the names that the catalogue has for it."""
        known = {"SESSION_ARN": self.arn, "ROLE": self.role, "BYTES": str(len(self.arn.encode()))}
        known |= {"ACCOUNT": self.arn.split(":")[4]} if self.arn else {}
        known |= {"FUNCTION": self.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")}
        known |= {"REGION": self.environ.get("AWS_REGION") or self.environ.get("AWS_DEFAULT_REGION") or ""}
        if self.table:
            known |= zip(("TABLE_PROJECT", "DATASET", "TABLE"), self.table.rsplit(".", 2), strict=True)
        return known | (self._configured() if hasattr(self, "config") else {})

    def ok(self, link: str, check: str, detail: str = "", *more: str, verdict: Verdict = "ok") -> Check:
        """Return a check that needs no action."""
        return self._clean(Check(link=link, check=check, verdict=verdict, detail=detail, more=more))

    def failed(
        self, link: str, check: str, what: Failure | ChainError, *, verdict: Verdict = "broken", **more: Any
    ) -> Check:
        """Return a failed check: `what` is an entry of the catalogue or carries one; `more` are fields of Check."""
        facts = self.facts() | more.pop("facts", {})
        if isinstance(what, ChainError):
            said = {"words": what.words, "status": what.status}
            more = {"failure": what.failure, "detail": what.subject} | said | more
        else:
            more = {"failure": what.id} | more
        texts: dict[str, Any] = {name: told(getattr(what, name), facts) for name in ("cause", "confirm", "remedy")}
        return self._clean(Check(link=link, check=check, verdict=verdict, **texts, **more))

    def _configured(self) -> dict[str, str]:
        config = self.config
        parts = AUDIENCE.fullmatch(config.audience)
        email = config.service_account or ""
        return {
            **{name.upper(): value for name, value in (parts.groupdict() if parts else {}).items() if value},
            "AUDIENCE": config.audience,
            "PROJECT": config.project,
            "SERVICE_ACCOUNT": email,
            "ACCOUNT_PROJECT": project_of_email(email) or config.project,
            "PRINCIPAL": self.principal,
            "MEMBER": f"serviceAccount:{email}" if email else self.principal,
        }

    def _clean(self, check: Check) -> Check:
        said = {entry.name: getattr(check, entry.name) for entry in fields(check)}
        texts: dict[str, Any] = {
            name: self._without_secrets(text) for name, text in said.items() if isinstance(text, str)
        }
        return replace(check, **texts, more=tuple(map(self._without_secrets, check.more)))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[hidden]")
        return _USER_INFO.sub("", text)


def project_of_email(email: str) -> str:
    """Return the project in a service account's address, "" where there is none."""
    name, _, domain = email.partition("@")
    owner, found, _ = domain.partition(".iam.gserviceaccount.com")
    if domain == "appspot.gserviceaccount.com":
        owner, found = name, domain
    project, _, organization = owner.partition(".")
    return (f"{organization}:{project}" if organization else project) if found else ""
