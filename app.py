"""The CDK app. Settings are the context object `keyless`, as `python -m infra.bootstrap` prints it."""

import sys

import aws_cdk as cdk

from infra.settings import CONTEXT_KEY, Settings, SettingsError
from infra.stacks import compose


def main() -> None:
    """Build the stacks and write the assembly."""
    app = cdk.App()
    try:
        settings = Settings.from_context(app.node.try_get_context(CONTEXT_KEY))
    except SettingsError as error:
        sys.exit(f"keyless: {error}")
    compose(app, settings)
    app.synth()


main()
