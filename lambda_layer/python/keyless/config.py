"""The environment, read once into a frozen Config: the only reader of settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from keyless import external_account
from keyless.external_account import source
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
_API = r"[a-z][a-z0-9-]{0,39}"
_EMAIL = re.compile(r"[a-z0-9][a-z0-9.-]*@([a-z0-9][a-z0-9-]*\.)+gserviceaccount\.com")
_NAMESPACE = re.compile(r"[\w.\-/#:]{1,255}", re.ASCII)
_IMPERSONATION_URL = r".*/serviceAccounts/(?P<email>[^/:]+):generateAccessToken"
_SCOPE = r"https://([a-z]+\.)?google(apis)?\.com/[\w./-]*|openid|email|profile"
REGIONAL = ".rep.googleapis.com"
"""The domain of Google's regional endpoints (Google Cloud, "Regional service endpoints")."""


_SAFE = "must be https without a user (plain http is for loopback addresses only)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of one chain from AWS to Google.

    service_account is None for direct access, without impersonation; then impersonation_url is None too.
    token_lifetime is in seconds and concerns the service account's token. deadline: seconds that an exchange
    may take with its retries. metrics: the CloudWatch namespace to count in, None for nowhere; service: whose
    metrics they are. apis: whose hosts to connect to ahead of need. google_endpoint: a template with
    `{service}`. quota_project: what is billed instead of the service account's project. sts_region: the region whose
    STS vouches for the caller, None for that of the environment. ca_file: roots to trust instead of the usual ones.
    initialization: how Lambda started this process, None outside Lambda.
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
    quota_project: str | None = None
    sts_region: str | None = None
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
        path = "" if self._get("KEYLESS_AUDIENCE") else self._get(external_account.VARIABLE)
        read = external_account.read(path, self._variables) if path else {}
        self._file_refused = read is None
        self._file = read or {}

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
            scopes=self._scopes(),
            token_lifetime=self._lifetime(),
            deadline=self._deadline(),
            metrics=self._metrics(),
            service=self._variables.label("POWERTOOLS_SERVICE_NAME", "AWS_LAMBDA_FUNCTION_NAME") or "unnamed",
            apis=self._apis(),
            google_endpoint=template,
            token_url=self._url("token_url") or template.replace("{service}", "sts") + "/v1/token",
            impersonation_url=impersonation_url,
            quota_project=self._quota_project(),
            sts_region=self._file.get("sts_region") or None,
            ca_file=self._variables.file("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
            proxy=self._variables.proxy(),
            no_proxy=self._get("NO_PROXY") or self._get("no_proxy"),
            initialization=initialization(self._environ),
        )
        if config.initialization and not (self._get("AWS_REGION") or self._get("AWS_DEFAULT_REGION")):
            self._problems.append("AWS_REGION is missing (the region whose STS vouches for this function)")
        if self._problems:
            from keyless.errors import ConfigurationError  # 3 ms that would be before the first connection

            raise ConfigurationError(self._problems)
        return config

    def _setting(self, variable: str, field: str) -> tuple[str, str]:
        """Return where the setting comes from, as messages name it, and its value: the variable's or the file's."""
        if value := self._get(variable):
            return variable, value
        value = self._file.get(field, "")
        return (source(field) if value else variable), value

    def _audience(self) -> str:
        where, audience = self._setting("KEYLESS_AUDIENCE", "audience")
        if not audience:
            if not self._file_refused:
                self._problems.append(f"KEYLESS_AUDIENCE is missing (the provider's name, {_AUDIENCE_SHAPE})")
        elif not AUDIENCE.fullmatch(audience):
            self._refuse_audience(where, audience)
        return audience

    def _refuse_audience(self, where: str, audience: str) -> None:
        named = re.match(rf".*/projects/({PROJECT})/", audience)
        if named and AUDIENCE.fullmatch(audience.replace(f"/{named[1]}/", "/1/", 1)):
            self._problems.append(
                f"{where} names the project by its ID, {named[1]!r}, where Google wants its "
                f"number (gcloud projects describe {named[1]} --format='value(projectNumber)')"
            )
        else:
            self._variables.refuse(where, f"must have the form {_AUDIENCE_SHAPE}", audience, "audience")

    def _impersonation(self, template: str) -> tuple[str | None, str | None]:
        """Return the service account to impersonate and the URL for it; (None, None) for direct access."""
        where, email = "KEYLESS_SERVICE_ACCOUNT", self._get("KEYLESS_SERVICE_ACCOUNT")
        url = "" if email else self._url("service_account_impersonation_url")
        if url:
            where = source("service_account_impersonation_url")
            match = re.fullmatch(_IMPERSONATION_URL, url)
            if not match:
                self._refuse_impersonation_url(where, url)
                return None, None
            email = match["email"]
        if not email:
            return None, None
        if not _EMAIL.fullmatch(email):
            self._variables.refuse(where, "must be the e-mail address of a service account", email, "e-mail")
        path = f"/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        url = url or template.replace("{service}", "iamcredentials") + path
        if f"{REGIONAL}/" in url:
            self._problems.append(
                f"{where if self._file else 'KEYLESS_GOOGLE_ENDPOINT'} is a regional endpoint, and the IAM Service "
                "Account Credentials API has none: use direct access, without a service account, or global endpoints"
            )
        return email, url

    def _refuse_impersonation_url(self, where: str, url: str) -> None:
        rule = "must end in /serviceAccounts/EMAIL:generateAccessToken"
        if url.endswith(":generateIdToken"):
            rule += " (generateIdToken makes ID tokens, and Google's APIs take access tokens; for an ID token, call it "
            rule += "with credentials that impersonate: google.auth.impersonated_credentials.IDTokenCredentials)"
        self._variables.refuse(where, rule, url)

    def _scopes(self) -> tuple[str, ...]:
        where, value = self._setting("KEYLESS_SCOPES", "scopes")
        scopes = tuple(value.replace(",", " ").split())
        wrong = [scope for scope in scopes if not re.fullmatch(_SCOPE, scope, re.ASCII)]
        for scope in wrong:
            self._variables.refuse(where, "must hold the addresses of scopes", scope, "scope")
        return scopes or (CLOUD_PLATFORM,)

    def _lifetime(self) -> int:
        where, value = self._setting("KEYLESS_TOKEN_LIFETIME", "token_lifetime_seconds")
        return self._variables.seconds(where, value or "3600", LIFETIMES)

    def _deadline(self) -> int:
        return self._variables.seconds("KEYLESS_DEADLINE", self._get("KEYLESS_DEADLINE") or str(DEADLINE), DEADLINES)

    def _metrics(self) -> str | None:
        """Return the namespace of the metrics; None outside Lambda, where nobody reads them from standard output."""
        namespace = self._variables.label("KEYLESS_METRICS") or METRICS
        if not _NAMESPACE.fullmatch(namespace) or namespace.startswith("AWS/"):
            rule = "must be off or a CloudWatch namespace (letters, digits and ._-/#:)"
            self._variables.refuse("KEYLESS_METRICS", rule, namespace, "label")
        return namespace if initialization(self._environ) and namespace.lower() != "off" else None

    def _apis(self) -> tuple[str, ...]:
        apis = self._variables.words("KEYLESS_APIS")
        for api in apis:
            if not re.fullmatch(_API, api):
                self._variables.refuse("KEYLESS_APIS", "must hold names of APIs such as bigquery", api, "API")
        return apis

    def _quota_project(self) -> str | None:
        project = self._file.get("quota_project_id")
        if project:
            self._variables.check_project(source("quota_project_id"), project)
        return project or None

    def _endpoint(self) -> str:
        template = self._get("KEYLESS_GOOGLE_ENDPOINT")
        if not template:
            return GOOGLE_ENDPOINT
        if "{service}" not in template:
            self._variables.refuse("KEYLESS_GOOGLE_ENDPOINT", "must contain {service}", template)
        elif not is_safe(template.replace("{service}", "x")):
            self._variables.refuse("KEYLESS_GOOGLE_ENDPOINT", _SAFE, template)
        return template.rstrip("/")

    def _url(self, field: str) -> str:
        """Return an address in the file; a problem when a token may not be sent there."""
        url = self._file.get(field, "")
        if url and not is_safe(url):
            self._variables.refuse(source(field), _SAFE, url)
        return url
