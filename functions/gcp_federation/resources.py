"""The parts that a federation is made of, and Google's rules for what each is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .fields import Fields, Rule

MAX_CONDITION = 4096
ID = Rule(r"(?!gcp-)[a-z0-9-]{4,32}", "4-32 of a-z, 0-9 and '-', not starting with 'gcp-'")
PROJECT = Rule(r"[a-z][a-z0-9.:-]{4,}[a-z0-9]", "a Google project ID")
AWS_ACCOUNT = Rule(r"[0-9]{12}", "an AWS account, 12 digits")
ACCOUNT_NAME = Rule(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "6-30 of a-z, 0-9 and '-', a letter first, no '-' last")
AWS_ROLE = Rule(r"[\w+=,.@-]{1,64}", "the name of an AWS role")
ROLE = Rule(r"(projects/[^/]+/|organizations/[0-9]+/)?roles/[\w.]+", "an IAM role such as roles/bigquery.jobUser")
DATASET = Rule(r"\w{1,1024}", "the ID of a BigQuery dataset")
CONDITION = Rule(r".{1,4096}", f"1-{MAX_CONDITION} characters: without one, all of the AWS account is let in")
SHORT = Rule(r".{0,32}", "at most 32 characters")
LONG = Rule(r".{0,100}", "at most 100 characters")
TEXT = Rule(r"((?!\bkeyless(-adopted)?:).)*", "a text in which no 'keyless:' stands, for that marks an owner")
PROVIDER_TYPE = Rule("aws", "aws: the only type that is made so far")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An IAM condition on a grant."""

    title: str
    expression: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A project, as something that roles are granted on."""

    id: str

    def __str__(self) -> str:
        return f"the project {self.id}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A BigQuery dataset, as something that roles are granted on."""

    project: str
    id: str

    def __str__(self) -> str:
        return f"the dataset {self.project}.{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role on a resource; a condition is for project grants only."""

    role: str
    on: Project | Dataset
    condition: Condition | None = None

    @classmethod
    def read(cls, fields: Fields, home: str) -> Self:
        """From a grant's properties; without a project it is one on `home`."""
        project = fields.text("Project", PROJECT) if fields.has("Project") else home
        dataset = fields.text("Dataset", DATASET) if fields.has("Dataset") else ""
        return cls(role=fields.text("Role", ROLE), on=Dataset(project, dataset) if dataset else Project(project))


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
        pool_id = fields.text("Id", ID)
        return cls(
            id=pool_id,
            display_name=fields.text("DisplayName", SHORT, pool_id),
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
        provider_id = fields.text("Id", ID)
        fields.text("Type", PROVIDER_TYPE, "aws")
        return cls(
            id=provider_id,
            display_name=fields.text("DisplayName", SHORT, provider_id),
            aws_account=fields.text("AwsAccount", AWS_ACCOUNT),
            mapping=mapping,
            condition=fields.text("Condition", CONDITION),
            description=fields.text("Description", TEXT, "").strip(),
            disabled=_disabled(fields),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A service account: which AWS roles may become it, with which roles on it, and what it may do."""

    name: str
    display_name: str
    aws_roles: tuple[str, ...] = ()
    impersonation: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()

    @classmethod
    def read(cls, fields: Fields, home: str) -> Self:
        """From an account's properties; `home` is the project that it lives in."""
        name = fields.text("Name", ACCOUNT_NAME)
        return cls(
            name=name,
            display_name=fields.text("DisplayName", LONG, name),
            aws_roles=fields.texts("AwsRoles", AWS_ROLE),
            impersonation=fields.texts("Impersonation", ROLE),
            grants=tuple(Grant.read(grant, home) for grant in fields.objects("Grants")),
        )


def _disabled(fields: Fields) -> bool | None:
    return fields.flag("Disabled", "false") if fields.has("Disabled") else None
