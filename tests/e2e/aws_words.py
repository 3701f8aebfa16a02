"""The AWS CLI's words as calls of boto3, for machines without the CLI: `aws SERVICE OPERATION --option VALUE ...`.

Knows what the documents of this repository use: scalars, lists in shorthand (KEY=VALUE,KEY=VALUE), --query, --output
and --region. Whatever is no operation, or no parameter of it, ends with an error, as with the CLI.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import boto3
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name


def main(arguments: Sequence[str]) -> None:
    """Make the call and print the answer."""
    service, operation, *rest = arguments
    if rest[::2] != [option for option in rest[::2] if option.startswith("--")]:
        raise SystemExit(f"not understood: {rest}")
    options = {name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2], strict=True)}
    query, output, region = (options.pop(name, None) for name in ("query", "output", "region"))
    client = boto3.client(service, region_name=region)
    method = operation.replace("-", "_")
    [model] = [
        client.meta.service_model.operation_model(name)
        for name in client.meta.service_model.operation_names
        if xform_name(name) == method
    ]
    members = {xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    given = {members[option][0]: _value(members[option][1].type_name, value) for option, value in options.items()}
    if client.can_paginate(method):
        answer: Any = client.get_paginator(method).paginate(**given).build_full_result()
    else:
        answer = getattr(client, method)(**given)
        answer.pop("ResponseMetadata")
    found = jmespath.search(query, answer) if query else answer
    print(_text(found) if output == "text" else json.dumps(found, indent=4, default=str))


def _value(kind: str, value: str) -> Any:
    if kind != "list":
        return int(value) if kind == "integer" else value
    return [dict(pair.split("=", 1) for pair in value.split(","))] if "=" in value else [value]


def _text(found: Any) -> str:
    if isinstance(found, list):
        return "\t".join(map(_text, found))
    return "None" if found is None else str(found)


if __name__ == "__main__":
    main(sys.argv[1:])
