"""What must be so before any test module is imported."""

import os
import signal

from local.deployment import JSII

os.environ |= JSII  # `import aws_cdk` starts Node, and collecting the tests imports it

# Who ends the tests by SIGTERM, as a CI system does, gets what Ctrl-C gets: fixtures stop their servers.
signal.signal(signal.SIGTERM, signal.default_int_handler)
