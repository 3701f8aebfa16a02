"""Which functions can be examined through a clone, and what is different in one."""

from collections.abc import Iterator

from keyless_cli.doctor.clone import Clone, Configuration, variables
from keyless_cli.doctor.package import FILES

WHO = ("sts-exchange", "impersonation")
"""The links at which Google asks who is coming."""


def unfit(configuration: Configuration) -> str | None:
    """Why a function cannot be examined through a clone; None when it can."""
    if configuration.get("PackageType") == "Image":
        return "It is a container image, which has no layers: run `python -m keyless doctor` in the image."
    runtime = configuration.get("Runtime", "")
    if not runtime.startswith("python"):
        return f"Its runtime is {runtime}, and the doctor runs on Python: run `python -m keyless doctor` beside it."
    if "CapacityProviderConfig" in configuration:
        return "It runs on Lambda managed instances, where a clone would take an instance: examine it from within."
    if "Error" in (configuration.get("Environment") or {}):
        words = configuration["Environment"]["Error"].get("Message", "")
        return f"Its variables cannot be read (kms:Decrypt on its key is needed): {words}"
    if not configuration.get("Layers"):
        return "It has no layer, so not Keyless's. docs/attach.md tells how to attach it."
    return None


def differences(clone: Clone, broken: str | None) -> Iterator[str]:
    """What is to be known of an answer that a clone gave, where the link `broken` is, for the function itself."""
    theirs, its_own = clone.identities
    if broken in WHO:
        yield (
            f"Google saw {theirs}. A condition or a binding that names the whole of {its_own}, or its session's end, "
            "would refuse the clone and not the function."
        )
    named = [name for name in FILES if variables(clone.original).get(name, "").startswith("/mnt/")]
    if clone.original.get("FileSystemConfigs") and named:
        yield f"File systems are left out: {' and '.join(named)} name a file there, which the clone has not."
    if "AWS_LAMBDA_EXEC_WRAPPER" in variables(clone.original):
        yield "AWS_LAMBDA_EXEC_WRAPPER started the clone as it starts the function, without the function's own files."
