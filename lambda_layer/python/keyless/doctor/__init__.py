"""`python -m keyless doctor`: goes down the chain from where it runs, and says which link is broken.

    from keyless.doctor import examine

    report = examine(os.environ)      # makes its own connections and tokens; leaves the process's alone
    report.exit_code                  # 0, or the broken link's number (keyless.doctor.EXIT_CODES)
    json.dumps(report.as_json())      # {"verdict", "broken", "exit_code", "checks": [...]}
    print(report.as_text(verbose=False))

`examine(environ, table=None) -> Report` never raises for a broken chain and asks nobody but AWS's STS, Google's hosts
and, where AWS's credentials are there, the container endpoint. No secret is in a report. Importing this package has no
effect of its own, but it imports `keyless`: on Lambda remove AWS_LAMBDA_INITIALIZATION_TYPE first, if no exchange is
to begin and a partial configuration is to be reported rather than raised. It needs no more than the layer holds.
"""

from keyless.doctor.examination import examine
from keyless.doctor.report import EXIT_CODES, Check, Report

__all__ = ["EXIT_CODES", "Check", "Report", "examine"]
