"""BigQuery table policies: getIamPolicy and its like, on one table."""

from local.google.bigquery.emulator import Emulator
from local.google.bigquery.references import TableName
from local.google.bigquery.refusals import denied_on, table_not_found
from local.google.http.methods import Call, Json, Method
from local.google.http.policy_methods import get_policy, set_policy, test_permissions
from local.google.iam.dataset_access import resource
from local.google.iam.roles.definition import TABLE as KIND

TABLE = "/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}"
GET, SET = "bigquery.tables.getIamPolicy", "bigquery.tables.setIamPolicy"
AUDITED = "google.cloud.bigquery.v2.TableService."


def methods(emulator: Emulator) -> list[Method]:
    """The three methods, for tables that exist in `emulator`."""

    def chain(call: Call, permission: str = "") -> list[str]:
        """The table and what is above it; 403 without the permission, and only then 404."""
        name = TableName(call.project.id, call.path["dataset"], call.path["table"])
        dataset = resource(name.project, name.dataset)
        resources = [f"{dataset}/tables/{name.table}", dataset, call.project.resource]
        call.entry.resource = resources[0]
        if permission and not call.cloud.access.allowed(call.principal, permission, *resources):
            raise denied_on("Table", permission, name)
        if emulator.view_query(name) is None:
            raise table_not_found(name)
        return resources

    def get_iam_policy(call: Call) -> Json:
        return get_policy(call, GET, *chain(call, GET))

    def set_iam_policy(call: Call) -> Json:
        return set_policy(call, SET, KIND, *chain(call, SET))

    def test_iam_permissions(call: Call) -> Json:
        return test_permissions(call, *chain(call))

    return [
        Method("POST", TABLE + ":getIamPolicy", AUDITED + "GetIamPolicy", get_iam_policy),
        Method("POST", TABLE + ":setIamPolicy", AUDITED + "SetIamPolicy", set_iam_policy),
        Method("POST", TABLE + ":testIamPermissions", AUDITED + "TestIamPermissions", test_iam_permissions),
    ]
