"""One document, one process: what a hostile PDF can cost is bounded by the operating system.

The server starts this ahead of time, so that Python and pypdf are loaded when work comes.
Over a socket pair come one JSON message and two open files (document in, answer out); one
JSON message goes back, then the process ends. When the socket ends, so does the process.
"""

import json
import os
import resource
import socket
import sys
import threading

import contract_review
from pdf_input import Refusal, describe, layout, open_pdf
from text_layer import add_text_layer

MAX_MESSAGE = 64 * 1024  # bytes; both ways


def limit(memory_mb: int, cpu_seconds: int) -> None:
    """Bounds this process. Where a limit is not supported (RLIMIT_AS on macOS) the others hold."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + cpu_seconds
    for name, value in (
        ("RLIMIT_AS", memory_mb * 1024 * 1024),
        ("RLIMIT_CPU", cpu),
        ("RLIMIT_CORE", 0),
    ):
        if not hasattr(resource, name):
            continue
        try:
            _, hard = resource.getrlimit(getattr(resource, name))
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (bound, hard))
        except (ValueError, OSError):
            pass


def work(job: dict, source, answer) -> dict:
    """Does one job; every way it can fail that is the document's fault is a 4xx."""
    try:
        where = layout(source)
        reader = open_pdf(source)
        if job["output"] == "pdf":
            add_text_layer(where, reader, answer)
        else:
            answer.write(json.dumps(contract_review.review(reader), ensure_ascii=False).encode())
        answer.flush()
        return {"status": 200}
    except Refusal as refusal:
        return {"status": refusal.status, "code": refusal.code, "reason": refusal.reason}
    except MemoryError:
        reason = f"reading the document takes more than {job['memory_mb']} MB of memory"
        return {"status": 422, "code": "too_complex", "reason": reason}
    except RecursionError:
        return {"status": 422, "code": "too_complex", "reason": "the document is nested too deeply"}
    except Exception as error:  # a bug of ours or of pypdf: say so, and let it be tried again
        return {"status": 500, "code": "internal", "reason": f"{type(error).__name__}: {describe(error)}"}


def main() -> None:
    """Waits for the one job, does it, answers."""
    control = socket.socket(fileno=int(sys.argv[1]))
    message, files, _, _ = socket.recv_fds(control, MAX_MESSAGE, 2)
    if not message:
        return
    job = json.loads(message)

    def end_with_server() -> None:
        control.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_server, daemon=True).start()
    limit(job["memory_mb"], job["cpu_seconds"])
    with os.fdopen(files[0], "rb") as source, os.fdopen(files[1], "wb") as answer:
        result = work(job, source, answer)
    control.sendall(json.dumps(result).encode())
    # No orderly exit: freeing a large document's objects one by one takes long.
    os._exit(0)


if __name__ == "__main__":
    main()
