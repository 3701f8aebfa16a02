"""What must be so before any test module is imported."""

import os
import signal

from local.deployment import JSII

os.environ |= JSII  # `import aws_cdk` starts Node, and collecting the tests imports it

# Who ends the tests by SIGTERM, as a CI system does, gets what Ctrl-C gets: fixtures stop their servers.
signal.signal(signal.SIGTERM, signal.default_int_handler)
# A shell that starts them in the background has them ignore Ctrl-C, and all that they start and interrupt, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
