"""What is given to whom: roles on targets, as properties say it, refused with every mistake at once."""

from dataclasses import dataclass
from typing import Self

from . import targets
from .fields import Fields, Rule
from .targets import Target

PROJECT = Rule(r"[a-z][a-z0-9.:-]{4,}[a-z0-9]", "a Google project ID")
AWS_ROLE = Rule(r"[\w+=,.@-]{1,64}", "the name of an AWS role")
ROLE = Rule(r"(projects/[^/]+/|organizations/[0-9]+/)?roles/[\w.]+", "an IAM role such as roles/bigquery.jobUser")
# google.subject takes 127 bytes, and the ARN is the subject.
AWS_PRINCIPAL = Rule(
    r"(?=[!-~]{1,127}$)arn:aws:sts::[0-9]{12}:assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}",
    "the full ARN of an assumed role, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, of at most 127 bytes",
)
DATASET = Rule(r"\w{1,1024}", "the ID of a BigQuery dataset")
TABLE = Rule(r"[\w -]{1,1024}", "the ID of a BigQuery table")
BUCKET = Rule(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", "the name of a Cloud Storage bucket, without gs://")
EMAIL = Rule(r"[a-z0-9-]+@([a-z0-9-]+\.)+gserviceaccount\.com", "the e-mail address of a service account")
RESOURCE = Rule(r"\S+", "a full resource name")
TITLE = Rule(r"[^\n]{1,100}", "1-100 characters on one line")
DESCRIPTION = Rule(r".{0,256}", "at most 256 characters")
EXPRESSION = Rule(r"\s*\S.*", "a condition in CEL")
PLACES = ("Project", "Dataset", "Table", "Bucket", "ServiceAccount", "Resource")


@dataclass(frozen=True, slots=True)
class Condition:
    """An IAM condition on a grant: a title, an expression in CEL, and perhaps a description.

    Two conditions are one if all three are the same to the letter.
    """

    title: str
    expression: str
    description: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From a condition's properties."""
        return cls(
            title=fields.text("Title", TITLE),
            expression=fields.text("Expression", EXPRESSION),
            description=fields.text("Description", DESCRIPTION, ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role on a resource, perhaps under a condition."""

    role: str
    on: Target
    condition: Condition | None = None

    @classmethod
    def read(cls, fields: Fields, home: str) -> Self:
        """From a grant's properties; one that names no place is on the project `home`."""
        before = len(fields.problems)
        on = _target(fields, home)
        condition = Condition.read(fields.object("Condition")) if fields.has("Condition") else None
        if condition and len(fields.problems) == before and not on.kind.conditions:
            fields.add("Condition", f"cannot be: Google takes none in the policy of {on}")
        return cls(role=fields.text("Role", ROLE), on=on, condition=condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """Grants to AWS roles and principals themselves, with no service account between."""

    aws_roles: tuple[str, ...] = ()
    aws_principals: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()

    @classmethod
    def read(cls, fields: Fields, home: str) -> Self:
        """From the properties of direct access; `home` is the federation's project."""
        return cls(
            aws_roles=fields.texts("AwsRoles", AWS_ROLE),
            aws_principals=fields.texts("AwsPrincipals", AWS_PRINCIPAL),
            grants=tuple(Grant.read(grant, home) for grant in fields.objects("Grants")),
        )


def _target(fields: Fields, home: str) -> Target:
    """What the grant is on; anything where that is a mistake, which is then recorded."""
    match tuple(place for place in PLACES if fields.has(place)):
        case ():
            return targets.project(home)
        case ("Project",):
            return targets.project(fields.text("Project", PROJECT))
        case ("Project", "Dataset") | ("Dataset",):
            return targets.dataset(fields.text("Project", PROJECT, home), fields.text("Dataset", DATASET))
        case ("Project", "Dataset", "Table") | ("Dataset", "Table"):
            return targets.table(
                fields.text("Project", PROJECT, home), fields.text("Dataset", DATASET), fields.text("Table", TABLE)
            )
        case ("Bucket",):
            return targets.bucket(fields.text("Bucket", BUCKET))
        case ("ServiceAccount",):
            return targets.service_account(fields.text("ServiceAccount", EMAIL))
        case ("Resource",):
            return _resource(fields)
        case several:
            fields.add(", ".join(several), "make no one place: a grant is on one thing, and a Table lies in a Dataset")
            return targets.project(home)


def _resource(fields: Fields) -> Target:
    name = fields.text("Resource", RESOURCE)
    try:
        return targets.parse(name) if name else Target(name)
    except ValueError as error:
        fields.add("Resource", f"is {name!r}, but {error}")
        return Target(name)
