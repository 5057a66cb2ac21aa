"""Processes one document in its own process, with resource limits of the operating system against hostile PDFs.

The server starts workers ahead of time, so that Python and pypdf are loaded when a document arrives.
A worker receives one JSON message and two open files (document and output) over a socket pair, sends
one JSON message back, and exits. It also exits when the socket is closed.
"""

import json
import os
import resource
import socket
import sys
import threading

import contract_review
from pdf_input import RejectedDocument, describe, open_pdf, read_layout
from text_layer import add_text_layer

MAX_MESSAGE_BYTES = 64 * 1024  # in both directions


def set_limits(memory_mb: int, cpu_seconds: int) -> None:
    """Limits the resources of this process. Ignores limits that the platform does not support (RLIMIT_AS on macOS)."""
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
            limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (limit, hard))
        except (ValueError, OSError):
            pass


def process(job: dict, source, output) -> dict:
    """Processes one document. Every failure that the document causes has a 4xx status."""
    try:
        layout = read_layout(source)
        reader = open_pdf(source)
        if job["output"] == "pdf":
            add_text_layer(layout, reader, output)
        else:
            output.write(json.dumps(contract_review.review(reader), ensure_ascii=False).encode())
        output.flush()
        return {"status": 200}
    except RejectedDocument as rejected:
        return {"status": rejected.status, "code": rejected.code, "reason": rejected.reason}
    except MemoryError:
        reason = f"reading the document needs more than {job['memory_mb']} MB of memory"
        return {"status": 422, "code": "too_complex", "reason": reason}
    except RecursionError:
        return {"status": 422, "code": "too_complex", "reason": "the document is nested too deeply"}
    except Exception as error:  # a bug here or in pypdf: a 5xx, so that the job is retried
        return {"status": 500, "code": "internal", "reason": f"{type(error).__name__}: {describe(error)}"}


def main() -> None:
    """Receives one document, processes it, and sends the result."""
    control = socket.socket(fileno=int(sys.argv[1]))
    message, files, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 2)
    if not message:
        return
    job = json.loads(message)

    def end_with_server() -> None:
        control.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_server, daemon=True).start()
    set_limits(job["memory_mb"], job["cpu_seconds"])
    with os.fdopen(files[0], "rb") as source, os.fdopen(files[1], "wb") as output:
        result = process(job, source, output)
    control.sendall(json.dumps(result).encode())
    # Exit without cleanup, because freeing the objects of a large document takes long.
    os._exit(0)


if __name__ == "__main__":
    main()
