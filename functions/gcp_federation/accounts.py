"""Service accounts: made with their federation's marker, and never undeleted: the next one is another identity."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .desired import Federation
from .errors import GoogleError
from .google import Google, Json, Request
from .ownership import Marker
from .resources import Account
from .steps import Step

MOST_AT_ONCE = 100  # https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/list


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """Create a service account and wait until it can be read."""

    desired: Federation
    account: Account

    def __str__(self) -> str:
        return f"create the service account {self.desired.email(self.account.name)}"

    def apply(self, google: Google) -> None:
        """Create it; one that is there by now must be the fruit of a request whose answer was lost."""
        request = Request(
            what=str(self),
            method="POST",
            service="iam",
            path=f"v1/projects/{self.desired.project}/serviceAccounts",
            body={"accountId": self.account.name, "serviceAccount": _fields(self.desired, self.account)},
            needs=("iam.serviceAccounts.create",),
        )
        try:
            google.send(request)
        except GoogleError as error:
            if error.status != 409:
                raise
        google.expect_propagation()
        made = google.send(_get(self.desired, self.account))
        if Marker.find(made.get("description")) != self.desired.account_marker:
            raise GoogleError(409, "ALREADY_EXISTS", "someone else made it", attempted=str(self), needs=request.needs)


@dataclass(frozen=True, slots=True)
class PatchAccount:
    """Bring what an account says of itself up to date."""

    desired: Federation
    account: Account

    def __str__(self) -> str:
        return f"update the service account {self.desired.email(self.account.name)}"

    def apply(self, google: Google) -> None:
        """Patch display name and description."""
        google.send(
            Request(
                what=str(self),
                method="PATCH",
                service="iam",
                path=f"v1/projects/{self.desired.project}/serviceAccounts/{self.desired.email(self.account.name)}",
                body={
                    "serviceAccount": _fields(self.desired, self.account),
                    "updateMask": "displayName,description",
                },
                needs=("iam.serviceAccounts.update",),
            )
        )


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Delete a service account, after what it was granted has been taken away."""

    project: str
    email: str
    unique_id: str

    def __str__(self) -> str:
        return f"delete the service account {self.email}"

    def apply(self, google: Google) -> None:
        """Delete this very account, by its unique ID: not a later one of the same name."""
        google.find(
            Request(
                what=str(self),
                method="DELETE",
                service="iam",
                path=f"v1/projects/{self.project}/serviceAccounts/{self.unique_id}",
                needs=("iam.serviceAccounts.delete",),
            )
        )


def list_accounts(google: Google, project: str) -> dict[str, Json]:
    """All service accounts of a project, by e-mail address; one call for each hundred."""
    accounts: dict[str, Json] = {}
    token = ""
    while True:
        answer = google.send(
            Request(
                what=f"list the service accounts of the project {project}",
                method="GET",
                service="iam",
                path=f"v1/projects/{project}/serviceAccounts",
                query={"pageSize": MOST_AT_ONCE, **({"pageToken": token} if token else {})},
                needs=("iam.serviceAccounts.list",),
            )
        )
        accounts |= {account["email"]: account for account in answer.get("accounts", [])}
        if not (token := answer.get("nextPageToken", "")):
            return accounts


def conflicts(desired: Federation, previous: Federation | None, existing: Mapping[str, Json]) -> list[str]:
    """Which wanted accounts exist and are not ours."""
    problems = []
    for account in desired.accounts:
        email = desired.email(account.name)
        if email not in existing or marker_of(existing[email]) in markers(desired, previous):
            continue
        found = marker_of(existing[email])
        whose = f"belongs to {str(found).removeprefix('keyless:')}" if found else "was not made by Keyless"
        problems.append(f"The service account {email} {whose} and is not taken over. Choose another name.")
    return problems


def plan_accounts(desired: Federation, existing: Mapping[str, Json]) -> list[Step]:
    """What makes the wanted accounts, and keeps their texts; an account of the replaced federation gets our marker."""
    steps: list[Step] = []
    for account in desired.accounts:
        found = existing.get(desired.email(account.name))
        if found is None:
            steps.append(CreateAccount(desired, account))
        elif any(found.get(key, "") != value for key, value in _fields(desired, account).items()):
            steps.append(PatchAccount(desired, account))
    return steps


def plan_account_removal(desired: Federation, unwanted: Iterable[Json]) -> list[Step]:
    """What removes accounts that are ours and no longer wanted."""
    return [DeleteAccount(desired.project, account["email"], account["uniqueId"]) for account in unwanted]


def markers(desired: Federation, previous: Federation | None) -> set[Marker | None]:
    """The markers of accounts that are ours: this federation's, and the one's that it replaces."""
    return {federation.account_marker for federation in (desired, previous) if federation}


def marker_of(account: Json) -> Marker | None:
    """The marker that an account carries."""
    return Marker.find(account.get("description"))


def _get(desired: Federation, account: Account) -> Request:
    email = desired.email(account.name)
    return Request(
        what=f"read the service account {email}",
        method="GET",
        service="iam",
        path=f"v1/projects/{desired.project}/serviceAccounts/{email}",
        needs=("iam.serviceAccounts.get",),
    )


def _fields(desired: Federation, account: Account) -> Json:
    return {"displayName": account.display_name, "description": desired.account_marker.description()}
