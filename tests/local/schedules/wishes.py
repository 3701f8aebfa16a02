"""What a stack may want, small enough to read, and the properties that say it to the custom resource."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from local.google.iam.dataset_access import resource
from local.google.iam.policies import Condition
from tests.local.federation_properties import ACCOUNT, REGION
from tests.local.schedules.cloud import BUCKET, NUMBER, OTHER, PROJECT, TABLE, THEIR_EMAIL, TOPIC
from tests.local.schedules.upkeep import Upkeep, upkeeps

Json = dict[str, Any]
IMPERSONATION = ("roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator")
IN_TIME = Condition("in time", "request.time < timestamp('2090-01-01T00:00:00Z')")
LIMITED = {"Title": IN_TIME.title, "Expression": IN_TIME.expression}
MAPPING = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')",
}
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/one-role/one-function"


@dataclass(frozen=True, slots=True)
class Given:
    """A role on a resource: as a property names its place, and as the local Google knows it."""

    role: str
    place: Json
    resource: str
    condition: Condition | None = None

    @property
    def properties(self) -> Json:
        """As the custom resource takes it."""
        return {"Role": self.role, **self.place, **({"Condition": LIMITED} if self.condition else {})}


HOME, SALES, VISITS = f"projects/{PROJECT}", resource(PROJECT, "sales"), resource(PROJECT, "visits")
GRANTS = {
    "jobs": Given("roles/bigquery.jobUser", {}, HOME),
    "logs": Given("roles/logging.logWriter", {}, HOME),
    "jobs in time": Given("roles/bigquery.jobUser", {}, HOME, IN_TIME),
    "jobs elsewhere": Given("roles/bigquery.jobUser", {"Project": OTHER}, f"projects/{OTHER}"),
    "sales": Given("roles/bigquery.dataViewer", {"Dataset": "sales"}, SALES),
    "sales, to write": Given("roles/bigquery.dataEditor", {"Dataset": "sales"}, SALES),
    "sales in time": Given("roles/bigquery.dataViewer", {"Dataset": "sales"}, SALES, IN_TIME),
    "visits": Given("roles/bigquery.metadataViewer", {"Dataset": "visits"}, VISITS),
    "orders": Given("roles/bigquery.dataViewer", {"Dataset": "sales", "Table": TABLE}, f"{SALES}/tables/{TABLE}"),
    "files": Given("roles/storage.objectViewer", {"Bucket": BUCKET}, f"projects/_/buckets/{BUCKET}"),
    "files in time": Given("roles/storage.objectViewer", {"Bucket": BUCKET}, f"projects/_/buckets/{BUCKET}", IN_TIME),
    "news": Given("roles/pubsub.publisher", {"Resource": f"//pubsub.googleapis.com/{TOPIC}"}, TOPIC),
    "becoming theirs": Given(
        "roles/iam.serviceAccountUser", {"ServiceAccount": THEIR_EMAIL}, f"{HOME}/serviceAccounts/{THEIR_EMAIL}"
    ),
}


@dataclass(frozen=True, slots=True)
class Account:
    """A service account: which AWS roles become it, perhaps one session alone, and which of `GRANTS` it has."""

    name: str
    roles: tuple[str, ...]
    grants: tuple[str, ...]
    signs: bool
    session: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """One desired state; `direct` are grants to an AWS role of the stack, without an account."""

    pool: str
    provider: str
    retain: bool
    accounts: tuple[Account, ...]
    direct: tuple[str, ...] = ()
    upkeep: Upkeep = field(default_factory=Upkeep)

    def federation(self, stack: str) -> str:
        """POOL/PROVIDER."""
        return f"{self.pool}/{stack}-{self.provider}"

    def roles(self, stack: str) -> set[str]:
        """All AWS roles that are let in."""
        roles = {"nobody", *(role for account in self.accounts for role in account.roles)}
        roles |= {"one-role"} if any(account.session for account in self.accounts) else set()
        return roles | ({direct_role(stack)} if self.direct else set())

    def condition(self, stack: str) -> str:
        """The provider's condition."""
        listed = ", ".join(f"'{role}'" for role in sorted(self.roles(stack)))
        return f"assertion.account == '{ACCOUNT}' && attribute.aws_role in [{listed}]"

    def properties(self, stack: str, phase: str, deployment: int, *, anew: bool = False) -> Json:
        """As the CDK writes them for one of a stack's resources; `anew`: so that this deployment looks at it."""
        direct = {"AwsRoles": [direct_role(stack)], "Grants": [GRANTS[grant].properties for grant in self.direct]}
        return {
            "ServiceToken": "arn:aws:lambda:x",
            "ServiceTimeout": "360",
            "Phase": phase,
            **self.upkeep.whole(deployment, anew=anew),
            "Project": PROJECT,
            "ProjectNumber": NUMBER,
            "Owner": owner(stack),
            "Apis": [f"{api}.googleapis.com" for api in APIS],
            "Pool": {"Id": self.pool, "DisplayName": self.pool, "Retain": str(self.retain).lower(), **self.upkeep.pool},
            "Provider": {
                "Id": f"{stack}-{self.provider}",
                "DisplayName": f"{stack}-{self.provider}",
                "AwsAccount": ACCOUNT,
                "Mapping": MAPPING,
                "Condition": self.condition(stack),
                **self.upkeep.provider,
            },
            "ServiceAccounts": [_account(stack, account) for account in self.accounts],
            **({"Direct": [direct]} if self.direct else {}),
        }


APIS = ("bigquery", "iam", "pubsub", "storage")


def owner(stack: str) -> str:
    """Who a stack is in its markers."""
    return f"{ACCOUNT}/{REGION}/{stack}"


def direct_role(stack: str) -> str:
    """The AWS role of a stack that is given grants itself."""
    return f"{stack}-direct-role"


def impersonation(account: Account) -> tuple[str, ...]:
    """The roles on the account that its AWS roles have."""
    return IMPERSONATION if account.signs else IMPERSONATION[:1]


def _account(stack: str, account: Account) -> Json:
    return {
        "Name": f"{stack}-{account.name}",
        "DisplayName": account.name,
        "AwsRoles": list(account.roles),
        **({"AwsPrincipals": [SESSION]} if account.session else {}),
        "Impersonation": list(impersonation(account)),
        "Grants": [GRANTS[grant].properties for grant in account.grants],
    }


def wishes() -> st.SearchStrategy[Wish]:
    """Desired states: few names, so that they meet again."""
    some = st.lists(st.sampled_from(sorted(GRANTS)), max_size=3, unique=True).map(tuple)
    roles = st.lists(st.sampled_from(("one-role", "two-role", "three-role")), max_size=2, unique=True).map(tuple)
    names = st.sampled_from(("reader", "writer", "loader"))
    account = st.builds(Account, names, roles, some, st.booleans(), st.sampled_from((False, False, True)))
    return st.builds(
        Wish,
        pool=st.sampled_from(("pool-one", "pool-one", "pool-one", "pool-two")),
        provider=st.sampled_from(("provider-one", "provider-one", "provider-two")),
        retain=st.booleans(),
        accounts=st.lists(account, max_size=3, unique_by=lambda one: one.name).map(tuple),
        direct=st.one_of(st.just(()), st.just(()), some),
        upkeep=upkeeps(),
    )
