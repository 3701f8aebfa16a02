"""The deployer's roles hold exactly the permissions that the custom resource's requests name."""

import ast
import re
from pathlib import Path

import keyless_federation
from keyless_cli.bootstrap.permissions import ALSO_ON, FEDERATION, PROJECT_GRANTS, grants_on
from keyless_federation.google.pools import pool_of
from keyless_federation.google.providers import provider_of
from keyless_federation.model.federation import Federation
from keyless_federation.model.kinds import KINDS
from tests.local.federation_properties import usual

[FOLDER] = keyless_federation.__path__
PERMISSION = re.compile(r"[a-z]+\.[a-z][A-Za-z]+\.[a-z][A-Za-z]+")
ALWAYS = ("iam.", "resourcemanager.", "serviceusage.")


def permissions_in(source: str) -> set[str]:
    """Every permission that a module names: dotted words of three parts, the last a verb."""
    words = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    found = {word for word in words if isinstance(word, str) and PERMISSION.fullmatch(word)}
    return {word for word in found if "googleapis" not in word and "gserviceaccount" not in word}


def named() -> set[str]:
    """Every permission that the custom resource's requests name."""
    policies = {f"{kind.permission}.{verb}IamPolicy" for kind in KINDS for verb in ("get", "set")}
    federation = Federation.from_properties(usual("any"))
    parts = (pool_of(federation), provider_of(federation))
    steps = {
        f"{part.permissions}.{verb}" for part in parts for verb in ("create", "delete", "get", "undelete", "update")
    }
    return policies.union(
        steps,
        *(permissions_in(path.read_text()) for path in Path(FOLDER).rglob("*.py")),
    )


def test_the_deployer_holds_what_the_custom_resource_needs_and_nothing_else() -> None:
    assert {name for name in named() if name.startswith(ALWAYS)} == {*FEDERATION, *PROJECT_GRANTS}


def test_what_grants_on_resources_take_is_given_with_their_kind() -> None:
    others = {name for name in named() if not name.startswith(ALWAYS)}
    assert others >= {name for names in ALSO_ON.values() for name in names}
    assert all(name in grants_on(name.rpartition(".")[0]) for name in others)


def test_permissions_are_listed_once() -> None:
    listed = [*FEDERATION, *PROJECT_GRANTS]
    assert sorted(set(listed)) == sorted(listed)
