"""IAM v1: service accounts, their policies, and the keys that nobody gets."""

from local.google.errors import error_info, failed_precondition, invalid_argument, permission_denied
from local.google.http.bodies import message
from local.google.http.methods import Call, Json, Method, mask, page
from local.google.http.policy_methods import get_policy, set_policy, test_permissions
from local.google.iam.roles.definition import ACCOUNT as KIND
from local.google.iam.service_accounts import ServiceAccount

ACCOUNTS = "/v1/projects/{project}/serviceAccounts"
ACCOUNT = ACCOUNTS + "/{account}"
KEY_POLICY = "constraints/iam.disableServiceAccountKeyCreation"


def _account(call: Call, verb: str, kind: str = "serviceAccounts") -> ServiceAccount:
    """The account in the path, if the caller may do `verb` to it."""
    permission, key = f"iam.{kind}.{verb}", call.path["account"]
    account = call.cloud.accounts.find(key)
    if account is None:
        _require_for_missing(call, permission)
    else:
        call.require(permission, account.resource, account.project.resource)
    return call.cloud.accounts.get(call.path["project"], key)


def _require_for_missing(call: Call, permission: str) -> None:
    name, key = call.path["project"], call.path["account"]
    project = call.cloud.accounts.project_of(key) if name == "-" else call.cloud.projects.find(name)
    resource = f"projects/{name}/serviceAccounts/{key}"
    if project is None:
        raise permission_denied(permission, resource)
    call.require(permission, resource, project.resource)


def create(call: Call) -> Json:
    """projects.serviceAccounts.create"""
    call.require("iam.serviceAccounts.create", call.project.resource)
    account_id, body = str(call.body.get("accountId", "")), message(call.body, "serviceAccount")
    account = call.cloud.accounts.create(call.project, account_id, body)
    call.entry.resource = account.resource
    return account.json()


def list_accounts(call: Call) -> Json:
    """projects.serviceAccounts.list"""
    call.require("iam.serviceAccounts.list", call.project.resource)
    accounts = [account.json() for account in call.cloud.accounts.list(call.project)]
    return page(call, "accounts", accounts, default=20, most=100)


def get(call: Call) -> Json:
    """projects.serviceAccounts.get"""
    return _account(call, "get").json()


def patch(call: Call) -> Json:
    """projects.serviceAccounts.patch"""
    account, names = _account(call, "update"), set(mask(call))
    if not names or names - {"displayName", "description"}:
        raise invalid_argument("update_mask must name display_name, description or both.")
    call.cloud.accounts.update(account, message(call.body, "serviceAccount"), names)
    return account.json()


def update(call: Call) -> Json:
    """projects.serviceAccounts.update: PUT of the account itself."""
    account = _account(call, "update")
    call.cloud.accounts.update(account, call.body, {"displayName", "description"} & call.body.keys())
    return account.json()


def delete(call: Call) -> Json:
    """projects.serviceAccounts.delete"""
    call.cloud.accounts.delete(_account(call, "delete"))
    return {}


def undelete(call: Call) -> Json:
    """projects.serviceAccounts.undelete, by unique ID"""
    _require_for_missing(call, "iam.serviceAccounts.undelete")
    return {"restoredAccount": call.cloud.accounts.undelete(call.path["account"]).json()}


def disable(call: Call) -> Json:
    """projects.serviceAccounts.disable"""
    _account(call, "disable").disabled = True
    return {}


def enable(call: Call) -> Json:
    """projects.serviceAccounts.enable"""
    _account(call, "enable").disabled = False
    return {}


def list_keys(call: Call) -> Json:
    """projects.serviceAccounts.keys.list: there is none that a user manages."""
    _account(call, "list", "serviceAccountKeys")
    return {}


def create_key(call: Call) -> Json:
    """projects.serviceAccounts.keys.create: refused, as in an organization that forbids keys."""
    account = _account(call, "create", "serviceAccountKeys")
    raise failed_precondition(
        "Key creation is not allowed on this service account.",
        {
            "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
            "violations": [
                {
                    "type": KEY_POLICY,
                    "subject": f"{account.resource}?configvalue={account.email}",
                    "description": "Key creation is not allowed on this service account.",
                }
            ],
        },
        error_info("KEY_CREATION_DISABLED", "iam.googleapis.com", constraint=KEY_POLICY),
    )


def get_iam_policy(call: Call) -> Json:
    """projects.serviceAccounts.getIamPolicy"""
    account = _account(call, "getIamPolicy")
    return get_policy(call, "iam.serviceAccounts.getIamPolicy", account.resource, account.project.resource)


def set_iam_policy(call: Call) -> Json:
    """projects.serviceAccounts.setIamPolicy"""
    account = _account(call, "setIamPolicy")
    return set_policy(call, "iam.serviceAccounts.setIamPolicy", KIND, account.resource, account.project.resource)


def test_iam_permissions(call: Call) -> Json:
    """projects.serviceAccounts.testIamPermissions"""
    account = call.cloud.accounts.get(call.path["project"], call.path["account"])
    return test_permissions(call, account.resource, account.project.resource)


AUDITED = "google.iam.admin.v1."
METHODS = [
    Method("POST", ACCOUNTS, AUDITED + "CreateServiceAccount", create),
    Method("GET", ACCOUNTS, AUDITED + "ListServiceAccounts", list_accounts),
    Method("POST", ACCOUNT + ":getIamPolicy", AUDITED + "GetIAMPolicy", get_iam_policy),
    Method("POST", ACCOUNT + ":setIamPolicy", AUDITED + "SetIAMPolicy", set_iam_policy),
    Method("POST", ACCOUNT + ":testIamPermissions", AUDITED + "TestIamPermissions", test_iam_permissions),
    Method("POST", ACCOUNT + ":disable", AUDITED + "DisableServiceAccount", disable),
    Method("POST", ACCOUNT + ":enable", AUDITED + "EnableServiceAccount", enable),
    Method("POST", ACCOUNT + ":undelete", AUDITED + "UndeleteServiceAccount", undelete),
    Method("GET", ACCOUNT + "/keys", AUDITED + "ListServiceAccountKeys", list_keys),
    Method("POST", ACCOUNT + "/keys", AUDITED + "CreateServiceAccountKey", create_key),
    Method("GET", ACCOUNT, AUDITED + "GetServiceAccount", get),
    Method("PATCH", ACCOUNT, AUDITED + "PatchServiceAccount", patch),
    Method("PUT", ACCOUNT, AUDITED + "UpdateServiceAccount", update),
    Method("DELETE", ACCOUNT, AUDITED + "DeleteServiceAccount", delete),
]
