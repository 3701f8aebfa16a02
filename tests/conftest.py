"""What must be so before any test module is imported."""

import os

from local.deployment import JSII

os.environ |= JSII  # `import aws_cdk` starts Node, and collecting the tests imports it
