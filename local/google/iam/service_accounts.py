"""Service accounts: an email that can be used again, and a unique ID that never is."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.google.errors import GoogleError, invalid_argument, not_found
from local.google.iam.policies import Policies, Policy
from local.google.projects import Project, Projects

ACCOUNT_ID = re.compile(r"[a-z]([-a-z0-9]{4,28}[a-z0-9])")
EMAIL = re.compile(r"[a-z][-a-z0-9]*@([a-z][-a-z0-9]*)\.iam\.gserviceaccount\.com")
MAX_DISPLAY_NAME_BYTES = 100
MAX_DESCRIPTION_BYTES = 256
MAX_PER_PROJECT = 100


@dataclass(slots=True)
class ServiceAccount:
    """One service account."""

    email: str
    unique_id: str
    project: Project
    display_name: str = ""
    description: str = ""
    disabled: bool = False

    @property
    def resource(self) -> str:
        """Its name as a resource that carries a policy."""
        return f"projects/{self.project.id}/serviceAccounts/{self.email}"

    @property
    def member(self) -> str:
        """Its name as a member of a binding."""
        return f"serviceAccount:{self.email}"

    @property
    def deleted_member(self) -> str:
        """What its bindings elsewhere name once it is deleted."""
        return f"deleted:{self.member}?uid={self.unique_id}"

    def json(self) -> dict[str, Any]:
        """The account as the API shows it."""
        shown = {
            "name": self.resource,
            "projectId": self.project.id,
            "uniqueId": self.unique_id,
            "email": self.email,
            "displayName": self.display_name,
            "description": self.description,
            "disabled": self.disabled,
            "etag": "MDEwMjE5MjA=",
            "oauth2ClientId": self.unique_id,
        }
        return {key: value for key, value in shown.items() if value}


class ServiceAccounts:
    """All service accounts, and those deleted in the last days."""

    def __init__(self, projects: Projects, policies: Policies, on_rename: Callable[[str, str], None]) -> None:
        """`on_rename(old, new)` hears of every member that is to be known under another name."""
        self._projects, self._policies, self._on_rename = projects, policies, on_rename
        self._accounts: dict[str, ServiceAccount] = {}
        self._deleted: dict[str, tuple[ServiceAccount, Policy]] = {}

    def create(self, project: Project, account_id: str, body: dict[str, Any]) -> ServiceAccount:
        """A new account, with a unique ID that no account had before."""
        if not ACCOUNT_ID.fullmatch(account_id):
            raise invalid_argument(
                f'The account ID "{account_id}" does not have a length between 6 and 30 or does not match '
                '"[a-z]([-a-z0-9]*[a-z0-9])".'
            )
        email = f"{account_id}@{project.id}.iam.gserviceaccount.com"
        if email in self._accounts:
            raise GoogleError(
                409,
                "ALREADY_EXISTS",
                f"Service account {account_id} already exists within project projects/{project.id}.",
            )
        if len(self.list(project)) >= MAX_PER_PROJECT:
            raise GoogleError(429, "RESOURCE_EXHAUSTED", "Maximum number of service accounts on project reached.")
        account = ServiceAccount(email, f"1{secrets.randbelow(10**20):020}", project)
        self.update(account, body, {"displayName", "description"})
        self._accounts[email] = account
        return account

    def find(self, key: str) -> ServiceAccount | None:
        """The living account of this email or unique ID."""
        if key in self._accounts:
            return self._accounts[key]
        return next((account for account in self._accounts.values() if account.unique_id == key), None)

    def get(self, project: str, key: str) -> ServiceAccount:
        """The account in `project` (ID, number, or - for its own), or 404."""
        account = self.find(key)
        if account is None or (project != "-" and self._projects.find(project) != account.project):
            raise not_found(f"Unknown service account: {key}" if account else "Unknown service account")
        return account

    def project_of(self, key: str) -> Project | None:
        """The project that an account of this email or unique ID is or was in, whether or not there is one."""
        if key in self._deleted:
            return self._deleted[key][0].project
        email = EMAIL.fullmatch(key)
        return self._projects.find(email[1]) if email else None

    def list(self, project: Project) -> list[ServiceAccount]:
        """The living accounts of a project."""
        mine = [account for account in self._accounts.values() if account.project == project]
        return sorted(mine, key=lambda account: account.email)

    def update(self, account: ServiceAccount, body: dict[str, Any], mask: set[str]) -> None:
        """Apply what `mask` names."""
        name, text = str(body.get("displayName", "")), str(body.get("description", ""))
        if len(name.encode()) > MAX_DISPLAY_NAME_BYTES or len(text.encode()) > MAX_DESCRIPTION_BYTES:
            raise invalid_argument("A display name takes at most 100 bytes, a description at most 256.")
        if "displayName" in mask:
            account.display_name = name
        if "description" in mask:
            account.description = text

    def delete(self, account: ServiceAccount) -> None:
        """Delete: its own policy goes, and bindings elsewhere keep it as a `deleted:` member."""
        del self._accounts[account.email]
        self._deleted[account.unique_id] = (account, self._policies.drop(account.resource))
        self._rename(account.member, account.deleted_member)

    def undelete(self, unique_id: str) -> ServiceAccount:
        """Bring back the account of this unique ID with its policy and its bindings elsewhere."""
        if unique_id not in self._deleted:
            raise not_found(f"Service account {unique_id} does not exist, or was not deleted.")
        account, policy = self._deleted[unique_id]
        if account.email in self._accounts:
            raise GoogleError(409, "ALREADY_EXISTS", f"A new service account has the email {account.email}.")
        del self._deleted[unique_id]
        self._accounts[account.email] = account
        self._policies.set(account.resource, policy.bindings)
        self._rename(account.deleted_member, account.member)
        return account

    def _rename(self, old: str, new: str) -> None:
        self._policies.rename_member(old, new)
        self._on_rename(old, new)
