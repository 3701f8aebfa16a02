"""Properties of a federation, as the CDK construct writes them for the custom resource."""

from collections.abc import Mapping
from typing import Any

from tests.local.local_google import NUMBER, PROJECT

Json = dict[str, Any]
ACCOUNT, REGION = "111122223333", "eu-west-1"


def usual(name: str) -> Json:
    """Those of a small federation: a pool, a provider for one AWS role, and an account."""
    return {
        "Project": PROJECT,
        "ProjectNumber": NUMBER,
        "Owner": f"{ACCOUNT}/{REGION}/{name}",
        "Apis": ["iam.googleapis.com", "bigquery.googleapis.com"],
        "Pool": {"Id": f"pool-{name}", "DisplayName": f"pool-{name}", "Retain": "true"},
        "Provider": provider(name, f"{name}-role"),
        "ServiceAccounts": [account(f"aws-{name}", f"{name}-role")],
    }


def provider(name: str, *roles: str) -> Json:
    """A provider for these AWS roles."""
    listed = ", ".join(f"'{role}'" for role in roles)
    return {
        "Id": f"provider-{name}",
        "DisplayName": f"provider-{name}",
        "AwsAccount": ACCOUNT,
        "Mapping": {
            "google.subject": "assertion.arn",
            "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')",
        },
        "Condition": f"assertion.account == '{ACCOUNT}' && attribute.aws_role in [{listed}]",
    }


def account(
    name: str, *roles: str, grants: tuple[Mapping[str, str], ...] = ({"Role": "roles/bigquery.jobUser"},)
) -> Json:
    """A service account that these AWS roles become."""
    return {
        "Name": name,
        "DisplayName": name,
        "AwsRoles": list(roles),
        "Impersonation": ["roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"],
        "Grants": [dict(grant) for grant in grants],
    }
