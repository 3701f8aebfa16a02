"""Why a condition lets in nobody: the mistakes that people make, each told with what to write instead."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from keyless_federation.conditions.boundary import admitted, aws_claims
from keyless_federation.conditions.explain import Clause, false_clauses, literals, rewritten
from keyless_federation.conditions.trust import DEFAULT_MAPPING, RejectedError, Trust
from keyless_federation.conditions.unmapped import strange_claims
from keyless_federation.model.condition import MAPPING, ConditionError, quoted
from keyless_federation.model.rules import session_arn, sessions_of

SESSION = "SESSION"
ARN = re.compile(r"arn:aws[\w-]*:(?P<service>[\w-]+):[\w-]*:(?P<account>\d*):(?P<rest>.*)", re.DOTALL)
NUMBER = re.compile(r"(?<!['\"\w])\d{10,12}(?!['\"\w])")
COMES_AS = "a role's caller comes as arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION"
Told = tuple[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class _Failure:
    """A provider that lets in nobody, and a caller of it whose clauses are looked at."""

    trust: Trust
    account: str
    role: str

    @property
    def arn(self) -> str:
        return session_arn(self.account, self.role, SESSION)

    def clauses(self) -> list[Clause]:
        """What keeps the caller out; raises a `RejectedError` where the mapping does."""
        return false_clauses(self.trust.source, self.trust.variables(aws_claims(self.arn)))


def explanations(trust: Trust, account: str, names: Sequence[str]) -> list[Told]:
    """Return the mistakes in a provider that lets in nobody: remedies, each with problems and the ARNs they are of.

    `names` are the roles' names that its expressions may mean. Mappings that look at what no credential has are left
    aside.
    """
    mapping = {key: program for key, program in trust.mapping.items() if not strange_claims(program.source)}
    failure = _Failure(replace(trust, mapping=mapping), account, _role(trust.source, names))
    try:
        clauses = failure.clauses()
    except (RejectedError, KeyError):
        return []
    found = [told for clause in clauses for tell in MISTAKES for told in tell(failure, clause)]
    merged: dict[str, dict[str, str]] = {}
    for remedy, problems in [*found, *_other_mapping(failure, names)]:
        merged.setdefault(remedy, {}).update(problems)
    return list(merged.items())


def unexplained(trust: Trust, account: str, names: Sequence[str]) -> Told:
    """Return what keeps out a caller of a provider that lets in nobody, where no mistake is recognised."""
    failure = _Failure(trust, account, _role(trust.source, names))
    try:
        clauses = failure.clauses()
    except RejectedError as error:
        return "change the mapping", {f"nobody gets an identity: {error}": failure.arn}
    problems = {f"it keeps out this caller, for one, as {clause}": failure.arn for clause in clauses}
    return "compare with what a caller has, or name one that is meant with --admit", problems


def _role(condition: str, names: Sequence[str]) -> str:
    """The role that a condition most likely means: that of an ARN, or else the first name."""
    of_arns = (_last(text) for text in literals(condition) if "role/" in text)
    return next(filter(None, [*of_arns, *names]), "ROLE")


def _last(arn: str) -> str:
    """The role's name in (the beginning of) its own ARN or in that of a session, "" for none."""
    _, _, path = arn.partition("role/")
    parts = path.rstrip("/*").split("/")
    name = parts[0] if "assumed-role/" in arn else parts[-1]
    return re.sub(r"[^\w+=,.@-]", "", name)


def _own_arn(failure: _Failure, clause: Clause) -> Iterator[Told]:
    for text in literals(clause.source):
        arn = ARN.match(text)
        if arn and arn["service"] == "iam" and arn["rest"].startswith("role"):
            problem = f"{text!r} is the role's own ARN, and {COMES_AS}"
            yield _instead(failure, text), {problem: failure.arn}


def _other_arn(failure: _Failure, clause: Clause) -> Iterator[Told]:
    for text in literals(clause.source):
        arn = ARN.match(text)
        callers = ("assumed-role", "federated-user", "user", "root", "role", "")
        if arn and (arn["service"] not in ("iam", "sts") or arn["rest"].partition("/")[0] not in callers):
            problem = f"{text!r} is no caller's ARN: {COMES_AS}, others as a user, a federated user or root"
            yield "name the role that the workload runs as", {problem: failure.arn}


def _wildcard(failure: _Failure, clause: Clause) -> Iterator[Told]:
    for text in literals(clause.source):
        if "*" in text and "matches" not in clause.source:
            beginning = text.partition("*")[0]
            remedy = f"compare a beginning with startsWith({quoted(beginning)}), if every such name is meant"
            yield remedy, {f"{text!r} is compared letter by letter, and no ARN contains a *": failure.arn}


def _session(failure: _Failure, clause: Clause) -> Iterator[Told]:
    for text in literals(clause.source):
        rest = text.removeprefix(sessions_of(failure.account)).rstrip("/")
        if rest == text.rstrip("/") or "*" in text:
            continue
        if "/" not in rest and failure.arn in clause.seen.values():
            problem = f"{text!r} lacks the session: {_seen(clause)}"
            yield _instead(failure, text), {problem: failure.arn}
        elif "/" in rest.partition("/")[2] or ("/" in rest and text.endswith("/")):
            problem = f"{text!r} has a path: {COMES_AS}, without the role's path"
            yield f"name the role without its path: {sessions_of(failure.account)}NAME/", {problem: failure.arn}


def _account(failure: _Failure, clause: Clause) -> Iterator[Told]:
    for text in literals(clause.source):
        arn = ARN.match(text)
        owner = arn["account"] if arn else text
        if re.fullmatch(r"\d{12}", owner) and owner != failure.account:
            problem = f"it asks for the account {owner}, and the provider trusts {failure.account} alone"
            yield f"name the account {failure.account}, or make a provider for {owner}", {problem: failure.arn}


def _number(failure: _Failure, clause: Clause) -> Iterator[Told]:
    if found := NUMBER.search(rewritten(clause.source, lambda _: "")):
        problem = f"{found[0]} is a number, and a claim is a text: they are never equal"
        yield f"put it in quotes: {quoted(found[0])}", {problem: failure.arn}


def _empty(failure: _Failure, clause: Clause) -> Iterator[Told]:
    for name, value in clause.seen.items():
        if name in failure.trust.mapping and value in ("", []):
            source = failure.trust.mapping[name].source
            problem = f"{name} is empty for a role's session: {source} does not find what it looks for"
            yield (
                f"correct the mapping of {name}; Keyless maps attribute.aws_role to {MAPPING['attribute.aws_role']}",
                {problem: failure.arn},
            )


def _other_mapping(failure: _Failure, names: Iterable[str]) -> Iterator[Told]:
    """Offer another mapping, if the condition lets somebody in under it."""
    roles = dict.fromkeys([failure.role, *names])
    offers = (
        ("Google's default mapping", DEFAULT_MAPPING, "--mapping default judges it with that"),
        ("Keyless's mapping", MAPPING, "attribute.aws_role is the role's bare name there"),
    )
    for whose, mapping, how in offers:
        try:
            trust = Trust.compile(mapping, failure.trust.source)
        except ConditionError:
            continue
        arns = (session_arn(failure.account, role, SESSION) for role in roles)
        if arn := next((arn for arn in arns if admitted(trust, arn)), ""):
            problem = f"the condition seems to be written for {whose}, with which it lets in"
            yield f"give the provider {whose} ({how}), or write the condition for the mapping above", {problem: arn}


def _instead(failure: _Failure, text: str) -> str:
    """What to write in place of an ARN: tried, so that it lets the role in."""
    role = _last(text)
    if not role:
        return f"compare with {sessions_of(failure.account)}NAME/"
    arn = session_arn(failure.account, role, SESSION)
    for other in (f"{sessions_of(failure.account)}{role}/", f"{sessions_of(failure.account)}{role}", role):
        condition = rewritten(failure.trust.source, _replaced(text, other))
        if admitted(Trust.compile(_sources(failure.trust), condition), arn):
            return f"write {quoted(other)} instead"
    return f"compare a beginning: assertion.arn.startsWith({quoted(f'{sessions_of(failure.account)}{role}/')})"


def _replaced(text: str, other: str) -> Callable[[str], str]:
    return lambda found: other if found == text else found


def _sources(trust: Trust) -> dict[str, str]:
    return {key: program.source for key, program in trust.mapping.items()}


def _seen(clause: Clause) -> str:
    return ", ".join(f"{name} is {value!r}" for name, value in clause.seen.items())


MISTAKES = (_own_arn, _other_arn, _wildcard, _session, _account, _number, _empty)
