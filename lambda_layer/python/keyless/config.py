"""The environment, read once into a frozen Config: the only reader of settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keyless import external_account
from keyless.variables import PROJECT, Variables, is_safe

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
GOOGLE_ENDPOINT = "https://{service}.googleapis.com"
LIFETIMES = range(600, 43_201)
"""The lifetimes that Google takes for a service account's token, in seconds (google.aip.dev/auth/4117)."""

DEADLINE = 6
"""Seconds that an exchange may take with all its retries: less than what Lambda gives init (10 s)."""

DEADLINES = range(1, 101)
METRICS = "Keyless"

_ID = r"(?!gcp-)[a-z0-9-]{4,32}"
AUDIENCE = re.compile(
    rf"//iam\.googleapis\.com/projects/(?P<number>[0-9]+)/locations/global"
    rf"/workloadIdentityPools/(?P<pool>{_ID})/providers/(?P<provider>{_ID})"
)

_AUDIENCE_SHAPE = "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
_EMAIL = re.compile(r"[a-z0-9][a-z0-9.-]*@([a-z0-9][a-z0-9-]*\.)+gserviceaccount\.com")
_NAMESPACE = re.compile(r"[\w.\-/#:]{1,255}", re.ASCII)
_IMPERSONATION_URL = r".*/serviceAccounts/(?P<email>[^/:]+):generateAccessToken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of one chain from AWS to Google.

    service_account is None for direct access, without impersonation; then impersonation_url is None too.
    token_lifetime is in seconds and concerns the service account's token. deadline: seconds that an exchange
    may take with its retries. metrics: the CloudWatch namespace to count in, None for nowhere; service: whose
    metrics they are. apis: whose hosts to connect to ahead of need. google_endpoint: a template with
    `{service}`. ca_file: roots to trust instead of the usual ones. initialization: how Lambda started this
    process, None outside Lambda.
    """

    audience: str
    project: str
    service_account: str | None = None
    scopes: tuple[str, ...] = (CLOUD_PLATFORM,)
    token_lifetime: int = 3600
    deadline: int = DEADLINE
    metrics: str | None = None
    service: str = "unnamed"
    apis: tuple[str, ...] = ()
    google_endpoint: str = GOOGLE_ENDPOINT
    token_url: str = "https://sts.googleapis.com/v1/token"  # noqa: S105 -- an address, not a token
    impersonation_url: str | None = None
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)  # its password may be in it
    no_proxy: str = ""
    initialization: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config | None":
        """Return the configuration in `environ`; None when nothing in it concerns Keyless.

        Raises ConfigurationError, naming every missing and every wrong variable at once, when it is partial.
        """
        reader = _Reader(environ)
        return reader.config() if reader.concerned() else None

    @classmethod
    def require(cls, environ: Mapping[str, str]) -> "Config":
        """Return the configuration as `from_env` does, but raise ConfigurationError also when nothing is configured."""
        return _Reader(environ).config()

    def endpoint(self, service: str) -> str:
        """Return the address of a Google API without a path, e.g. `https://bigquery.googleapis.com`."""
        return self.google_endpoint.replace("{service}", service).rstrip("/")

    def urls(self) -> tuple[str, ...]:
        """Return the addresses that a cold start needs, in this order."""
        chain = (self.token_url, self.impersonation_url, *map(self.endpoint, self.apis))
        return tuple(url for url in chain if url)


def initialization(environ: Mapping[str, str]) -> str | None:
    """Return how Lambda started this process (`on-demand`, `provisioned-concurrency`, `snap-start`, ...), else None."""
    return environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") or None


class _Reader:
    """Knows what each variable means, and reads all of them before it raises."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._variables = Variables(environ)
        self._problems = self._variables.problems
        self._get = self._variables.get
        self._file = self._external_account()

    def concerned(self) -> bool:
        """Return whether anything in the environment is meant for Keyless; a project alone is not."""
        ours = any(name.startswith("KEYLESS_") and value for name, value in self._environ.items())
        return ours or bool(self._file) or bool(self._problems)

    def config(self) -> Config:
        """Return the configuration; ConfigurationError with all problems when there are any."""
        template = self._endpoint()
        account, impersonation_url = self._impersonation(template)
        config = Config(
            audience=self._audience(),
            project=self._variables.project(),
            service_account=account,
            scopes=self._variables.words("KEYLESS_SCOPES") or (CLOUD_PLATFORM,),
            token_lifetime=self._lifetime(),
            deadline=self._variables.seconds("KEYLESS_DEADLINE", str(DEADLINE), DEADLINES),
            metrics=self._metrics(),
            service=self._get("POWERTOOLS_SERVICE_NAME") or self._get("AWS_LAMBDA_FUNCTION_NAME") or "unnamed",
            apis=self._variables.words("KEYLESS_APIS"),
            google_endpoint=template,
            token_url=self._file.get("token_url") or template.replace("{service}", "sts") + "/v1/token",
            impersonation_url=impersonation_url,
            ca_file=self._variables.file("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
            proxy=self._variables.proxy(),
            no_proxy=self._get("NO_PROXY") or self._get("no_proxy"),
            initialization=initialization(self._environ),
        )
        self._check_urls(config)
        if config.initialization and not (self._get("AWS_REGION") or self._get("AWS_DEFAULT_REGION")):
            self._problems.append("AWS_REGION is missing (the region whose STS vouches for this function)")
        if self._problems:
            from keyless.errors import ConfigurationError  # 3 ms that would be before the first connection

            raise ConfigurationError(self._problems)
        return config

    def _audience(self) -> str:
        audience: str = self._get("KEYLESS_AUDIENCE") or self._file.get("audience", "")
        if not audience:
            self._problems.append(f"KEYLESS_AUDIENCE is missing (the provider's name, {_AUDIENCE_SHAPE})")
        elif not AUDIENCE.fullmatch(audience):
            self._problems.append(self._audience_problem(audience))
        return audience

    def _audience_problem(self, audience: str) -> str:
        named = re.match(rf".*/projects/({PROJECT})/", audience)
        if named and AUDIENCE.fullmatch(audience.replace(f"/{named[1]}/", "/1/", 1)):
            return (
                f"KEYLESS_AUDIENCE names the project by its ID, {named[1]!r}, where Google wants its "
                f"number (gcloud projects describe {named[1]} --format='value(projectNumber)')"
            )
        return f"KEYLESS_AUDIENCE must have the form {_AUDIENCE_SHAPE}, not {audience!r}"

    def _impersonation(self, template: str) -> tuple[str | None, str | None]:
        """Return the service account to impersonate and the URL for it; (None, None) for direct access."""
        email = self._get("KEYLESS_SERVICE_ACCOUNT")
        url: str = "" if email else self._file.get("service_account_impersonation_url") or ""
        if url and (match := re.fullmatch(_IMPERSONATION_URL, url)):
            email = match["email"]
        if not email and not url:
            return None, None
        if not _EMAIL.fullmatch(email):
            self._problems.append(
                f"KEYLESS_SERVICE_ACCOUNT must be the e-mail address of a service account, not {email or url!r}"
            )
        path = f"/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        return email, url or template.replace("{service}", "iamcredentials") + path

    def _lifetime(self) -> int:
        impersonation = self._file.get("service_account_impersonation") or {}
        default = str(impersonation.get("token_lifetime_seconds", 3600))
        return self._variables.seconds("KEYLESS_TOKEN_LIFETIME", default, LIFETIMES)

    def _metrics(self) -> str | None:
        """Return the namespace of the metrics; None outside Lambda, where nobody reads them from standard output."""
        namespace = self._get("KEYLESS_METRICS") or METRICS
        if not _NAMESPACE.fullmatch(namespace) or namespace.startswith("AWS/"):
            self._problems.append(
                f"KEYLESS_METRICS must be off or a CloudWatch namespace (letters, digits and ._-/#:), not {namespace!r}"
            )
        return namespace if initialization(self._environ) and namespace.lower() != "off" else None

    def _endpoint(self) -> str:
        template = self._get("KEYLESS_GOOGLE_ENDPOINT") or GOOGLE_ENDPOINT
        if "{service}" not in template:
            self._problems.append(f"KEYLESS_GOOGLE_ENDPOINT must contain {{service}}, not {template!r}")
        return template.rstrip("/")

    def _check_urls(self, config: Config) -> None:
        for url in {config.google_endpoint.replace("{service}", "x"), *config.urls()}:
            if not is_safe(url):
                shown = url.rpartition("@")[2]  # what stands before it may be a password
                self._problems.append(
                    f"{shown} must be https without a user (plain http is for loopback addresses only)"
                )

    def _external_account(self) -> Mapping[str, Any]:
        path = self._get("GOOGLE_APPLICATION_CREDENTIALS")
        if not path or self._get("KEYLESS_AUDIENCE"):
            return {}
        return external_account.read(path, self._problems)
