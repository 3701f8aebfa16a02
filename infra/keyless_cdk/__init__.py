"""The constructs that a CDK app imports: Google's half of the federation, the layer, and the grants.

    from keyless_cdk import GcpFederation, KeylessLayer, ProjectGrant

A name is looked up when it is first used, so that importing this package starts no Node.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyless_cdk.federation import GcpFederation
    from keyless_cdk.federation_handler import Deployer
    from keyless_cdk.grants import (
        BucketGrant,
        Condition,
        DatasetGrant,
        ProjectGrant,
        ResourceGrant,
        ServiceAccountGrant,
        TableGrant,
    )
    from keyless_cdk.layer import KeylessLayer
    from keyless_cdk.publication import PublishedAccount, PublishedLayer
    from keyless_cdk.settings import CONTEXT_KEY, Settings
    from keyless_cdk.terraform_build import TerraformBuild
    from keyless_federation.errors import FederationError

__all__ = [
    "CONTEXT_KEY",
    "BucketGrant",
    "Condition",
    "DatasetGrant",
    "Deployer",
    "FederationError",
    "GcpFederation",
    "KeylessLayer",
    "ProjectGrant",
    "PublishedAccount",
    "PublishedLayer",
    "ResourceGrant",
    "ServiceAccountGrant",
    "Settings",
    "TableGrant",
    "TerraformBuild",
]

_MODULES = {
    "keyless_cdk.federation": ("GcpFederation",),
    "keyless_cdk.federation_handler": ("Deployer",),
    "keyless_cdk.grants": tuple(name for name in __all__ if name.endswith("Grant") or name == "Condition"),
    "keyless_cdk.layer": ("KeylessLayer",),
    "keyless_cdk.publication": ("PublishedAccount", "PublishedLayer"),
    "keyless_cdk.settings": ("CONTEXT_KEY", "Settings"),
    "keyless_cdk.terraform_build": ("TerraformBuild",),
    "keyless_federation.errors": ("FederationError",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
