"""The lines that Lambda writes at the end of an invocation."""

from pathlib import Path


def closing_lines(
    request_id: str, duration: float, memory: tuple[int, int], init_duration: float | None
) -> tuple[str, str]:
    """END and REPORT; durations in seconds, `memory` the size and the peak in MB."""
    milliseconds = duration * 1000
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {int(milliseconds) + 1} ms",
        f"Memory Size: {memory[0]} MB",
        f"Max Memory Used: {memory[1]} MB",
        *([f"Init Duration: {init_duration * 1000:.2f} ms"] if init_duration is not None else []),
    ]
    return f"END RequestId: {request_id}", "\t".join(fields)


def peak_memory(pid: int | None) -> int:
    """The most memory that a process ever held, in MB; 0 when it has ended or the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    kilobytes = status.partition("VmHWM:")[2].split()
    return int(kilobytes[0]) // 1024 if kilobytes else 0
