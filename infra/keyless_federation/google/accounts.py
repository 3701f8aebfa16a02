"""Service accounts: made with their federation's marker, and never undeleted: the next one is another identity."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from keyless_federation.errors import GoogleError
from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import ACCOUNT, EMPTY, listing
from keyless_federation.google.step import Step
from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted, remembering, text_of
from keyless_federation.model.resources import Account

MOST_AT_ONCE = 100  # https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/list


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """Create a service account and wait until it can be read."""

    desired: Federation
    account: Account
    beside = "create accounts"

    def __str__(self) -> str:
        return f"create the service account {self.desired.email(self.account.name)}"

    def apply(self, google: Google) -> None:
        """Create it; one that exists by now must come from an earlier request whose response was lost."""
        request = Request(
            what=str(self),
            method="POST",
            service="iam",
            path=f"v1/projects/{self.desired.project}/serviceAccounts",
            body={"accountId": self.account.name, "serviceAccount": _fields(self.desired, self.account, None)},
            needs=("iam.serviceAccounts.create",),
            answer=ACCOUNT,
        )
        try:
            google.send(request)
        except GoogleError as error:
            if error.status != 409:
                raise
        google.expect_propagation()
        made = google.send(_get(self.desired.project, self.desired.email(self.account.name)))
        if Marker.find(made.get("description")) != self.desired.account_marker:
            raise GoogleError(409, "ALREADY_EXISTS", "someone else made it", attempted=str(self), needs=request.needs)


@dataclass(frozen=True, slots=True)
class PatchAccount:
    """Bring what an account says of itself up to date: `what` is the whole of it in words."""

    project: str
    email: str
    fields: tuple[tuple[str, str], ...]
    what: str
    beside = "update accounts"

    def __str__(self) -> str:
        return self.what

    def apply(self, google: Google) -> None:
        """Patch exactly these fields."""
        google.send(
            Request(
                what=f"update the service account {self.email}",
                method="PATCH",
                service="iam",
                path=f"v1/projects/{self.project}/serviceAccounts/{self.email}",
                body={
                    "serviceAccount": dict(self.fields),
                    "updateMask": ",".join(name for name, _ in self.fields),
                },
                needs=("iam.serviceAccounts.update",),
                answer=ACCOUNT,
            )
        )


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Delete a service account, after what it was granted has been taken away."""

    project: str
    email: str
    unique_id: str
    beside = "delete accounts"

    def __str__(self) -> str:
        return f"delete the service account {self.email}"

    def apply(self, google: Google) -> None:
        """Delete this very account, by its unique ID: not a later one of the same name."""
        google.delete(
            Request(
                what=str(self),
                method="DELETE",
                service="iam",
                path=f"v1/projects/{self.project}/serviceAccounts/{self.unique_id}",
                needs=("iam.serviceAccounts.delete",),
                answer=EMPTY,
            )
        )


AccountStep = CreateAccount | PatchAccount | DeleteAccount


def list_accounts(google: Google, project: str) -> dict[str, Json]:
    """All service accounts of a project, by e-mail address; one call for each hundred."""
    request = Request(
        what=f"list the service accounts of the project {project}",
        method="GET",
        service="iam",
        path=f"v1/projects/{project}/serviceAccounts",
        query={"pageSize": MOST_AT_ONCE},
        needs=("iam.serviceAccounts.list",),
        answer=listing("accounts", ACCOUNT),
    )
    return {account["email"]: account for account in google.listed(request, "accounts")}


def find_account(google: Google, project: str, email: str) -> Json | None:
    """The service account of this name: a list that lacks it proves nothing."""
    return google.find(_get(project, email))


def plan_accounts(desired: Federation, existing: Mapping[str, Json], had: Callable[[str], str]) -> list[Step]:
    """What makes the wanted accounts, and keeps their texts; an account of the replaced federation gets our marker.

    `had` tells what an account that is to be adopted has already.
    """
    steps: list[Step] = []
    for account in desired.accounts:
        email = desired.email(account.name)
        found = existing.get(email)
        if found is None:
            steps.append(CreateAccount(desired, account))
        elif fields := _differing(found, _fields(desired, account, found, had)):
            adopted = f"adopt the service account {email}, which was not made by Keyless: it stays when the stack goes"
            what = adopted if marker_of(found) is None else f"update the service account {email}"
            steps.append(PatchAccount(desired.project, email, fields, what))
    return steps


def plan_account_removal(desired: Federation, unwanted: Iterable[Json]) -> list[Step]:
    """What removes accounts that are ours and no longer wanted; an adopted one is let go, and has no owner again."""
    steps: list[Step] = []
    for account in unwanted:
        email, description = account["email"], account.get("description")
        if is_adopted(description):
            what = f"leave the service account {email}, which was adopted, and take our marker off it"
            fields = (("description", text_of(description)),)
            steps.append(PatchAccount(desired.project, email, fields, what))
        else:
            steps.append(DeleteAccount(desired.project, email, account["uniqueId"]))
    return steps


def marker_of(account: Json) -> Marker | None:
    """The marker that an account carries."""
    return Marker.find(account.get("description"))


def _get(project: str, email: str) -> Request:
    return Request(
        what=f"read the service account {email}",
        method="GET",
        service="iam",
        path=f"v1/projects/{project}/serviceAccounts/{email}",
        needs=("iam.serviceAccounts.get",),
        answer=ACCOUNT,
    )


def _fields(
    desired: Federation, account: Account, found: Json | None, had: Callable[[str], str] = lambda email: ""
) -> dict[str, str]:
    """What an account should say of itself; an adopted one keeps its name and its text beside the marker."""
    description = (found or {}).get("description")
    if found is None or not is_adopted(description):
        return {"displayName": account.display_name, "description": desired.account_marker.description()}
    marker, text = Marker.find(description), text_of(description)
    kept = had(desired.email(account.name)) if marker is None else marker.kept
    return {"description": remembering(desired.account_marker, kept, text).description(text)}


def _differing(found: Json, wanted: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in wanted.items() if found.get(name, "") != value)
