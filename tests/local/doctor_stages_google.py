"""What breaks at Google: the exchange, impersonation, the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.local.doctor_world import NOWHERE, ROLE, Environ, World, audience, staged
from tests.local.google_fixtures import ACCOUNT, PROJECT
from tests.unit.google_server import Fault, GoogleServer

LONG = "a-role-whose-name-is-as-long-as-a-name-of-a-role-may-be-in-aws-x"
STORAGE = "https://www.googleapis.com/auth/devstorage.read_only"
PERIMETER = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"
DATASETS = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"


@staged("the condition does not name the role", failure="condition-false", link="sts-exchange", says="infra.conditions")
def other_role(world: World) -> Iterator[Environ]:
    yield world.chain(keys=world.session("somebody-else"))


@staged("the provider is disabled", failure="provider-not-usable", link="sts-exchange")
def provider_disabled(world: World) -> Iterator[Environ]:
    chain = world.chain()
    path = f"{world.pool_of(chain)}/providers/aws-provider"
    world.google.ok("PATCH", f"{path}?updateMask=disabled", {"disabled": True})
    yield chain


@staged("the provider is deleted", failure="provider-not-usable", link="sts-exchange", says="deleted")
def provider_deleted(world: World) -> Iterator[Environ]:
    chain = world.chain()
    world.google.ok("DELETE", f"{world.pool_of(chain)}/providers/aws-provider")
    yield chain


@staged("there is no such provider", failure="provider-not-usable", link="sts-exchange", says="missing")
def provider_missing(world: World) -> Iterator[Environ]:
    chain = world.chain()
    yield {**chain, "KEYLESS_AUDIENCE": chain["KEYLESS_AUDIENCE"].replace("aws-provider", "other")}


@staged("the pool is disabled", failure="provider-not-usable", link="sts-exchange", says="disabled")
def pool_disabled(world: World) -> Iterator[Environ]:
    chain = world.chain()
    world.google.ok("PATCH", f"{world.pool_of(chain)}?updateMask=disabled", {"disabled": True})
    yield chain


@staged("the pool is deleted", failure="provider-not-usable", link="sts-exchange")
def pool_deleted(world: World) -> Iterator[Environ]:
    chain = world.chain()
    world.google.ok("DELETE", world.pool_of(chain))
    yield chain


@staged("there is no such pool", failure="provider-not-usable", link="sts-exchange")
def pool_missing(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_AUDIENCE": audience("no-such-pool")})


@staged("the number of another project", failure="provider-not-usable", link="sts-exchange")
def other_project(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_AUDIENCE": audience("pool-001", project="999999999999")})


@staged("another AWS account", failure="aws-account-not-trusted", link="sts-exchange", says=ACCOUNT)
def other_account(world: World) -> Iterator[Environ]:
    yield world.chain(account="999988887777")


@staged("the same, where AWS cannot be asked", failure="aws-not-confirmed", link="sts-exchange", says="does not trust")
def other_account_without_aws(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_ENDPOINT_URL": NOWHERE}, account="999988887777")


@staged("a subject over 127 bytes", failure="subject-too-long", link="sts-exchange", says="88 bytes")
def long_subject(world: World) -> Iterator[Environ]:
    yield world.chain(condition="true", keys=world.session(LONG, "f" * 24))


@staged("what is said of it before", failure="subject-may-be-too-long", link="identity", verdict="warning", says="128")
def long_subject_ahead(world: World) -> Iterator[Environ]:
    yield world.chain(condition="true", keys=world.session(LONG, "f" * 24))


@staged("the Security Token Service API is off", failure="sts-api-disabled", link="sts-exchange")
def sts_off(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with _disabled(world, "sts.googleapis.com"):
        yield chain


@staged("exchanges over the quota", failure="quota", link="sts-exchange", says="Quota exceeded")
def exchange_quota(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with _quota(world, "ExchangeToken"):
        yield chain


@staged("no binding", failure="binding-missing", link="impersonation", says=f"attribute.aws_role/{ROLE}")
def no_binding(world: World) -> Iterator[Environ]:
    yield world.chain(bind=None)


@staged("a binding of another session's full ARN", failure="binding-missing", link="impersonation", says="full ARN")
def binding_of_a_session(world: World) -> Iterator[Environ]:
    yield world.chain(bind=f"subject/arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/i-0replaced")


@staged("a binding of another role", failure="binding-missing", link="impersonation", says=f"attribute.aws_role/{ROLE}")
def binding_of_another_role(world: World) -> Iterator[Environ]:
    yield world.chain(bind="attribute.aws_role/other")


@staged(
    "a binding that was made just now", failure="binding-propagating", link="impersonation", verdict="warning",
    pauses=(0.25,) * 100,
)  # fmt: skip
def binding_just_made(world: World) -> Iterator[Environ]:
    yield world.slow.chain()


@staged("no such service account", failure="service-account-missing", link="impersonation", says="Gaia id not found")
def no_account(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_SERVICE_ACCOUNT": f"nobody@{PROJECT}.iam.gserviceaccount.com"})


@staged("the service account is disabled", failure="service-account-disabled", link="impersonation")
def account_disabled(world: World) -> Iterator[Environ]:
    chain = world.chain()
    email = chain["KEYLESS_SERVICE_ACCOUNT"]
    world.google.ok("POST", f"/iam/v1/projects/{PROJECT}/serviceAccounts/{email}:disable", {})
    yield chain


@staged("a lifetime over the organization's limit", failure="lifetime-over-policy", link="impersonation")
def long_lifetime(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_TOKEN_LIFETIME": "7200"})


@staged(
    "the IAM Credentials API is off", failure="iamcredentials-disabled", link="impersonation", says="gcloud services"
)
def iamcredentials_off(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with _disabled(world, "iamcredentials.googleapis.com"):
        yield chain


@staged("impersonations over the quota", failure="quota", link="impersonation")
def impersonation_quota(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with _quota(world, "GenerateAccessToken"):
        yield chain


@staged("no jobUser", failure="bigquery-job-user-missing", link="api", says="bigquery.jobs.create")
def no_job_user(world: World) -> Iterator[Environ]:
    yield world.chain(job_user=False)


@staged("no jobUser, with direct access", failure="bigquery-job-user-missing", link="api", says="principalSet://")
def no_job_user_directly(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_SERVICE_ACCOUNT": ""})


@staged("no access to the dataset", failure="bigquery-data-denied", link="api", table=f"{PROJECT}.closed.t")
def no_dataset_access(world: World) -> Iterator[Environ]:
    with _dataset(world, "closed", "t", []):
        yield world.chain()


@staged("no such table", failure="bigquery-not-found", link="api", table=f"{PROJECT}.open.other", says="Not found")
def no_table(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with _dataset(world, "open", "t", [{"role": "READER", "userByEmail": chain["KEYLESS_SERVICE_ACCOUNT"]}]):
        yield chain


@staged("scopes that BigQuery is not among", failure="scope-insufficient", link="api", says="KEYLESS_SCOPES")
def wrong_scope(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_SCOPES": STORAGE})


@staged("the BigQuery API is off", failure="api-disabled", link="api")
def bigquery_off(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with _disabled(world, "bigquery.googleapis.com"):
        yield chain


BAD_AUDIENCE = 'Invalid value for "audience". This value should be the full resource name of the Identity Provider.'
DENIED = "Access Denied: Dataset p:d: Permission bigquery.datasets.get denied on dataset p:d (or it may not exist)."


@dataclass(frozen=True)
class Says:
    """A stage in which a Google that is whole otherwise gives one answer for ever."""

    what: str
    failure: str
    link: str
    status: int
    code: str
    message: str

    def stage(self) -> None:
        """Make it."""
        service = {"sts-exchange": "sts", "impersonation": "iamcredentials", "api": "bigquery"}[self.link]
        oauth = {"error": self.code, "error_description": self.message}
        usual = {"error": {"code": self.status, "status": self.code, "message": self.message}}

        @staged(self.what, failure=self.failure, link=self.link, how="words", says=self.message)
        def says(world: World) -> Iterator[Environ]:
            with GoogleServer() as google:
                google.fail(service, Fault(self.status, usual if self.code.isupper() else oauth), times=None)
                yield google.environ(AWS_ENDPOINT_URL=NOWHERE)


for words in (
    Says(
        "Google does not know the audience's form", "audience-refused", "sts-exchange",
        400, "invalid_request", BAD_AUDIENCE,
    ),
    Says(
        "IMDSv1 where IMDSv2 is asked for, with Google's own library", "aws-token-unparsable", "sts-exchange",
        400, "invalid_grant", "Invalid token: Unable to parse AWS token.",
    ),
    Says(
        "Google cannot answer", "google-ails", "sts-exchange",
        503, "UNAVAILABLE", "The service is currently unavailable.",
    ),
    Says(
        "a refusal that nobody has seen yet", "unknown", "sts-exchange",
        400, "invalid_scope", "Something new.",
    ),
    Says(
        "a perimeter of VPC Service Controls", "vpc-service-controls", "impersonation",
        403, "PERMISSION_DENIED", PERIMETER,
    ),
    Says(
        "a pool that was disabled a moment ago", "federated-token-refused", "impersonation",
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials.",
    ),
    Says(
        "a token that is not taken", "token-refused", "api",
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials.",
    ),
    Says(
        "another right that is missing", "api-denied", "api",
        403, "PERMISSION_DENIED", "The caller does not have permission",
    ),
    Says(
        "no access to a dataset", "bigquery-dataset-denied", "api",
        403, "PERMISSION_DENIED", DENIED,
    ),
    Says(
        "queries over the quota", "api-quota", "api",
        403, "PERMISSION_DENIED", "Quota exceeded: Your project exceeded quota for free query bytes scanned.",
    ),
):  # fmt: skip
    words.stage()


@contextmanager
def _disabled(world: World, api: str) -> Iterator[None]:
    world.google.ok("POST", f"/serviceusage/v1/projects/{PROJECT}/services/{api}:disable", {})
    try:
        yield
    finally:
        world.google.enable_apis(api)


@contextmanager
def _quota(world: World, method: str) -> Iterator[None]:
    world.google.ok("PUT", "/_local/quota", {"quotas": [f"{method}=0/60s"]})
    try:
        yield
    finally:
        world.google.ok("PUT", "/_local/quota", {"quotas": []})


@contextmanager
def _dataset(world: World, name: str, table: str, access: list[dict[str, str]]) -> Iterator[None]:
    """A dataset with a table, that these may read besides its owner."""
    reference = {"projectId": PROJECT, "datasetId": name}
    owner = {"role": "OWNER", "userByEmail": "admin@keyless.local"}
    world.google.ok("POST", DATASETS, {"datasetReference": reference, "access": [owner, *access]})
    columns = {"fields": [{"name": "amount", "type": "INTEGER"}]}
    made = {"tableReference": {**reference, "tableId": table}, "schema": columns}
    world.google.ok("POST", f"{DATASETS}/{name}/tables", made)
    try:
        yield
    finally:
        world.google.ok("DELETE", f"{DATASETS}/{name}?deleteContents=true")
