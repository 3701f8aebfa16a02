"""What is given to whom: roles on targets, as properties say it, refused with every mistake at once."""

from dataclasses import dataclass
from typing import Self

from keyless_federation.model import rules, targets
from keyless_federation.model.disclosure import described
from keyless_federation.model.fields import Fields
from keyless_federation.model.targets import Target

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
            title=fields.text("Title", rules.TITLE),
            expression=fields.text("Expression", rules.EXPRESSION),
            description=fields.text("Description", rules.CONDITION_DESCRIPTION, ""),
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
        return cls(role=fields.text("Role", rules.ROLE), on=on, condition=condition)


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
            aws_roles=fields.texts("AwsRoles", rules.AWS_ROLE),
            aws_principals=fields.texts("AwsPrincipals", rules.AWS_PRINCIPAL),
            grants=tuple(Grant.read(grant, home) for grant in fields.objects("Grants")),
        )


def _target(fields: Fields, home: str) -> Target:
    """What the grant is on; anything where that is a mistake, which is then recorded."""
    match tuple(place for place in PLACES if fields.has(place)):
        case ():
            return targets.project(home)
        case ("Project",):
            return targets.project(fields.text("Project", rules.PROJECT))
        case ("Project", "Dataset") | ("Dataset",):
            return targets.dataset(fields.text("Project", rules.PROJECT, home), fields.text("Dataset", rules.DATASET))
        case ("Project", "Dataset", "Table") | ("Dataset", "Table"):
            return targets.table(
                fields.text("Project", rules.PROJECT, home),
                fields.text("Dataset", rules.DATASET),
                fields.text("Table", rules.TABLE),
            )
        case ("Bucket",):
            return targets.bucket(fields.text("Bucket", rules.BUCKET))
        case ("ServiceAccount",):
            return targets.service_account(fields.text("ServiceAccount", rules.EMAIL))
        case ("Resource",):
            return _resource(fields)
        case several:
            fields.add(", ".join(several), "make no one place: a grant is on one thing, and a Table lies in a Dataset")
            return targets.project(home)


def _resource(fields: Fields) -> Target:
    name = fields.text("Resource", rules.RESOURCE)
    try:
        return targets.parse(name) if name else Target(name)
    except ValueError as error:
        fields.add("Resource", f"is {described(name)}, but {error}")
        return Target(name)
