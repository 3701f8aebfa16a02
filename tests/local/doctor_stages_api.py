"""What breaks behind the exchange: impersonation and BigQuery."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.local.doctor_staging import staged
from tests.local.doctor_world import ROLE, Environ, World, disabled, quota
from tests.local.google_fixtures import ACCOUNT, PROJECT

STORAGE = "https://www.googleapis.com/auth/devstorage.read_only"
DATASETS = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"


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
    with disabled(world, "iamcredentials.googleapis.com"):
        yield chain


@staged("impersonations over the quota", failure="quota-exceeded", link="impersonation")
def impersonationquota(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with quota(world, "GenerateAccessToken"):
        yield chain


@staged(
    "no jobUser, where it is not known to be needed", failure="bigquery-job-user-missing", link="api",
    verdict="warning", says="only inserts rows",
)  # fmt: skip
def no_job_user(world: World) -> Iterator[Environ]:
    yield world.chain(job_user=False)


@staged(
    "no jobUser, and a table to query", failure="bigquery-job-user-missing", link="api", says="bigquery.jobs.create",
    table="bigquery-public-data.samples.shakespeare",
)  # fmt: skip
def no_job_user_for_a_table(world: World) -> Iterator[Environ]:
    yield world.chain(job_user=False)


@staged(
    "no jobUser, with direct access", failure="bigquery-job-user-missing", link="api", says="principalSet://",
    table="bigquery-public-data.samples.shakespeare",
)  # fmt: skip
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
    with disabled(world, "bigquery.googleapis.com"):
        yield chain


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
