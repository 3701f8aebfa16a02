"""The parts that a federation is made of, and Google's rules for what each is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from keyless_federation.model import rules
from keyless_federation.model.fields import Fields
from keyless_federation.model.grants import Grant
from keyless_federation.model.rules import Rule

TEXT = Rule(r"((?!\bkeyless[^\s:]*:).)*", "a text in which no 'keyless:' stands, for that marks an owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The workload identity pool; `retain` keeps it when the stack goes.

    `disabled` is None where nothing is said about it: then whoever disabled it enables it again.
    """

    id: str
    display_name: str
    retain: bool
    description: str = ""
    disabled: bool | None = None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From the pool's properties."""
        pool_id = fields.text("Id", rules.POOL_ID)
        return cls(
            id=pool_id,
            display_name=fields.text("DisplayName", rules.DISPLAY_NAME, pool_id),
            retain=fields.flag("Retain", "true"),
            description=fields.text("Description", TEXT, "").strip(),
            disabled=_disabled(fields),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The AWS provider in the pool: whose account it trusts, the mapping, and the condition that is the boundary.

    `disabled` is as that of a pool: None leaves it as it is.
    """

    id: str
    display_name: str
    aws_account: str
    mapping: Mapping[str, str]
    condition: str
    description: str = ""
    disabled: bool | None = None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From the provider's properties."""
        mapping = fields.table("Mapping")
        for key in ("google.subject", "attribute.aws_role"):
            if key not in mapping:
                fields.add("Mapping", f"lacks {key}")
        provider_id = fields.text("Id", rules.POOL_ID)
        fields.text("Type", rules.PROVIDER_TYPE, "aws")
        return cls(
            id=provider_id,
            display_name=fields.text("DisplayName", rules.DISPLAY_NAME, provider_id),
            aws_account=fields.text("AwsAccount", rules.AWS_ACCOUNT),
            mapping=mapping,
            condition=fields.text("Condition", rules.CONDITION),
            description=fields.text("Description", TEXT, "").strip(),
            disabled=_disabled(fields),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A service account: which AWS roles and principals may become it, with which roles on it, and what it may do."""

    name: str
    display_name: str
    aws_roles: tuple[str, ...] = ()
    aws_principals: tuple[str, ...] = ()
    impersonation: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()

    @classmethod
    def read(cls, fields: Fields, home: str) -> Self:
        """From an account's properties; `home` is the project that it lives in."""
        name = fields.text("Name", rules.ACCOUNT_NAME)
        return cls(
            name=name,
            display_name=fields.text("DisplayName", rules.ACCOUNT_DISPLAY_NAME, name),
            aws_roles=fields.texts("AwsRoles", rules.AWS_ROLE),
            aws_principals=fields.texts("AwsPrincipals", rules.AWS_PRINCIPAL),
            impersonation=fields.texts("Impersonation", rules.ROLE),
            grants=tuple(Grant.read(grant, home) for grant in fields.objects("Grants")),
        )


def _disabled(fields: Fields) -> bool | None:
    return fields.flag("Disabled", "false") if fields.has("Disabled") else None
