"""The CDK app. Settings are the context object `keyless`, as `keyless bootstrap` prints it."""

import sys

import aws_cdk as cdk

from keyless_cdk.settings import CONTEXT_KEY, Settings, SettingsError
from stacks.app import compose


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
