"""The deployer's roles hold exactly the permissions that the custom resource's requests name."""

import ast
from pathlib import Path

from functions import gcp_federation
from infra.bootstrap.deployer import DATASET_PERMISSIONS, FEDERATION_PERMISSIONS, GRANT_PERMISSIONS

[FOLDER] = gcp_federation.__path__


def permissions_in(source: str) -> set[str]:
    """Every permission that a module names: dotted words of three parts, the middle one a plural."""
    words = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    services = ("iam.", "resourcemanager.", "serviceusage.", "bigquery.")
    return {word for word in words if isinstance(word, str) and word.startswith(services) and word.count(".") == 2} - {
        word for word in words if isinstance(word, str) and "googleapis" in word
    }


def test_the_deployer_holds_what_the_custom_resource_needs_and_nothing_else() -> None:
    needed = set[str]().union(*(permissions_in(path.read_text()) for path in Path(FOLDER).glob("*.py")))
    assert needed == {*FEDERATION_PERMISSIONS, *GRANT_PERMISSIONS, *DATASET_PERMISSIONS}


def test_permissions_are_listed_once() -> None:
    listed = [*FEDERATION_PERMISSIONS, *GRANT_PERMISSIONS, *DATASET_PERMISSIONS]
    assert sorted(set(listed)) == sorted(listed)
