"""Which function is meant: a name, an ARN, or either with a version or an alias."""

import re
from dataclasses import dataclass

from keyless_federation.model.disclosure import described
from keyless_federation.model.rules import TABLE_REFERENCE

_FORM = re.compile(
    r"(?:(?:arn:[\w-]+:lambda:(?P<region>[\w-]+):)?(?P<account>\d{12}):function:)?"
    r"(?P<name>[\w-]{1,64})(?::(?P<qualifier>\$LATEST|[\w-]{1,128}))?",
    re.ASCII,
)


def table(given: str) -> str:
    """A table of BigQuery, which the clone puts into a query; ValueError for anything else."""
    if not TABLE_REFERENCE.accepts(given):
        raise ValueError(f"{described(given)} is not {TABLE_REFERENCE.meaning}")
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionReference:
    """A function. account, region: those of its ARN; None: the ones that the environment's credentials are for."""

    name: str
    qualifier: str | None = None
    account: str | None = None
    region: str | None = None

    @classmethod
    def parse(cls, given: str) -> "FunctionReference":
        """Of NAME, NAME:ALIAS, ACCOUNT:function:NAME or a whole ARN; ValueError for anything else."""
        match = _FORM.fullmatch(given)
        if not match:
            raise ValueError(f"{described(given)} is no function: give its name, name:alias or ARN")
        return cls(**match.groupdict())

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of Lambda's API that name it."""
        return {"FunctionName": self.name, **({"Qualifier": self.qualifier} if self.qualifier else {})}
