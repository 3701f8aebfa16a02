"""IAM policies as documents: asked for, read as bindings, changed so that all else stays as it was, written back."""

from collections.abc import Iterable

from keyless_federation.google.client import Request
from keyless_federation.google.shapes import POLICY
from keyless_federation.model.bindings import Binding, condition_of, with_condition
from keyless_federation.model.fields import Json
from keyless_federation.model.kinds import Form
from keyless_federation.model.targets import Target

VERSION = 3  # the one that shows and keeps conditions


def reading(on: Target) -> Request:
    """What asks for the policy with its conditions: also where we make none, others' would come back without them."""
    kind, version = on.kind, {"requestedPolicyVersion": VERSION}
    dotted = {f"options.{name}": value for name, value in version.items()}
    query, body = {
        Form.POSTED: ({}, {"options": version}),
        Form.QUERIED: (dotted, None),
        Form.GOT: (dotted, None),
        Form.BUCKET: ({"optionsRequestedPolicyVersion": VERSION}, None),
    }[kind.form]
    return Request(
        what=f"read the IAM policy of {on}",
        method="POST" if kind.form in (Form.POSTED, Form.QUERIED) else "GET",
        service=kind.service,
        path=_path(on, "getIamPolicy"),
        query=query,
        body=body,
        needs=(f"{kind.permission}.getIamPolicy",),
        answer=POLICY,
    )


def writing(on: Target, policy: Json, why: str) -> Request:
    """What puts this policy, whose etag says which it replaces, in place; without an etag it would replace any."""
    kind, policy = on.kind, {**policy, "etag": policy["etag"]}
    if kind.conditions or any("condition" in entry for entry in policy.get("bindings", [])):
        policy["version"] = VERSION
    # Without a mask, Google leaves the audit configuration as it is: it is no less ours to keep.
    mask = {"updateMask": "bindings,etag,auditConfigs"} if "auditConfigs" in policy else {}
    return Request(
        what=f"change the IAM policy of {on} ({why})",
        method="PUT" if kind.form is Form.BUCKET else "POST",
        service=kind.service,
        path=_path(on, "setIamPolicy"),
        body=policy if kind.form is Form.BUCKET else {"policy": policy, **mask},
        needs=(f"{kind.permission}.setIamPolicy",),
        answer=POLICY,
    )


def bindings_of(policy: Json) -> set[Binding]:
    """All bindings of a policy, one for each member."""
    return {_of(entry, member) for entry in policy.get("bindings", []) for member in entry.get("members", [])}


def change(policy: Json, add: Iterable[Binding], remove: Iterable[Binding]) -> Json | None:
    """The policy with these bindings added and removed, all else as it was; None when nothing changes."""
    wanted = list(dict.fromkeys(add))
    present, gone = bindings_of(policy), set(remove) - set(wanted)
    missing = [binding for binding in wanted if binding not in present]
    if not missing and not gone & present:
        return None
    entries = [left for entry in policy.get("bindings", []) if (left := _without(entry, gone))]
    for binding in missing:
        _join(entries, binding)
    return {**policy, "bindings": entries}


def _path(on: Target, method: str) -> str:
    if on.kind.form is Form.BUCKET:
        return f"{on.kind.root}/b/{on.id}/iam"
    return f"{on.kind.root}/{on.path}:{method}"


def _of(entry: Json, member: str) -> Binding:
    return Binding(role=entry["role"], member=member, condition=condition_of(entry))


def _without(entry: Json, gone: set[Binding]) -> Json | None:
    """The entry as it is left, itself if none of its members goes, None if all do."""
    members = entry.get("members", [])
    staying = [member for member in members if _of(entry, member) not in gone]
    if staying == members:
        return entry
    return {**entry, "members": staying} if staying else None


def _join(entries: list[Json], binding: Binding) -> None:
    """Put the member beside the others of its role and condition."""
    for position, entry in enumerate(entries):
        if entry["role"] == binding.role and condition_of(entry) == binding.condition:
            entries[position] = {**entry, "members": [*entry.get("members", []), binding.member]}
            return
    entries.append(with_condition({"role": binding.role, "members": [binding.member]}, binding.condition))
