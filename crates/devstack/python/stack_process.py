"""Runs MiniStack so that it never outlives the process that started it.

Two processes. The *keeper* (this file as the devstack starts it) watches its standard input,
a pipe: at its end, on SIGTERM, SIGINT or SIGHUP, and when
MiniStack ends by itself, it stops MiniStack and then kills its whole process group,
in which every Lambda function's process lives too. MiniStack (the same file with
`--inner`) runs in a session of its own and watches a pipe from the keeper, so that
killing the keeper with SIGKILL ends everything as well.

Environment: passed on as it is, so start this with a clean one. MiniStack passes its own
environment to every function. Defaults:

  GATEWAY_PORT                 a free port
  BIND_HOST, MINISTACK_HOST    127.0.0.1
  IOT_MTLS_ENABLED, SFTP_ENABLED
                               0: MiniStack's MQTT and SFTP servers would listen on every address
  LAMBDA_ACCOUNT_CONCURRENCY   64: concurrent invocations of all functions; more are
                               throttled with 429, as on AWS. MiniStack's default grows with
                               the machine's memory, and each invocation is a process.
  LAMBDA_WARM_TTL_SECONDS      30: an idle process beyond a function's first is ended after
                               this long (MiniStack's default 300).

stack_sign_in.py adds what MiniStack lacks of the sign-in by companies.

Not passed to functions, and optional (see stack_grants.py):

  AUTH                         true: IAM is enforced
  OUTBOX_POLL_SECONDS          how long MiniStack waits for a message to an open WebSocket before it looks whether the
                               connection has ended. By default 0.5, which takes a core for thousands of them.
  MAILS_LOG                    a file to which the request of each mail that SES takes is appended, with AUTH
  DECISIONS_LOG                a file to which IAM's decisions about roles are appended
  SAGEMAKER_RUNTIME_URL        address of the endpoints that answer InvokeEndpointAsync

Standard output carries one line, `{"pid": …, "port": …}`, before MiniStack listens; ready is
when `GET /_ministack/ready` answers 200. MiniStack's log goes to standard error.
Exit status: 0 after a request to stop, 1 if MiniStack ended by itself.
"""

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading

import stack_grants
import stack_sign_in

# Time for a clean stop before SIGKILL. MiniStack gives functions 2 s, and saves its state
# (PERSIST_STATE) only in a clean stop; with many functions 3 to 10 s were seen.
STOP_SECONDS = 12.0

DEFAULTS = {
    "BIND_HOST": "127.0.0.1",
    "MINISTACK_HOST": "127.0.0.1",
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "LAMBDA_ACCOUNT_CONCURRENCY": "64",
    "LAMBDA_WARM_TTL_SECONDS": "30",
}


def free_port() -> int:
    """A port that was free just now; MiniStack does not start if it no longer is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def spell_cors() -> None:
    """Makes `CorsConfiguration` of HTTP APIs work in templates. MiniStack keeps what CloudFormation calls
    AllowOrigins under that name, and answers browsers by its own API's name allowOrigins."""
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    def spelled(properties):
        if isinstance(properties, dict) and (cors := properties.get("CorsConfiguration")):
            return {**properties, "CorsConfiguration": {name[0].lower() + name[1:]: value for name, value in cors.items()}}
        return properties

    def wrapped(handler):
        return lambda *given, **named: handler(*map(spelled, given), **named)

    handlers = _RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    handlers.update({name: wrapped(handlers[name]) for name in ("create", "update")})


def poll_outboxes(seconds: float) -> None:
    """Makes each open WebSocket wait this long for a message to it, instead of half a second."""
    import asyncio
    import types

    from ministack.services import apigateway

    async def wait_for(awaited, timeout):
        return await asyncio.wait_for(awaited, seconds if timeout == 0.5 else timeout)

    patched = types.ModuleType("asyncio")
    patched.__dict__.update(asyncio.__dict__, wait_for=wait_for)
    apigateway.asyncio = patched


def inner() -> None:
    """MiniStack itself, in the main thread because it sets signal handlers there."""
    import socketserver

    # MiniStack's Lambda Runtime API answers in two small writes. With Nagle's algorithm the
    # second waits for the delayed acknowledgment: about 45 ms on every warm invocation.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    spell_cors()
    if seconds := os.environ.pop("OUTBOX_POLL_SECONDS", ""):
        poll_outboxes(float(seconds))
    stack_grants.install()
    stack_sign_in.install()

    # No function may inherit or read the pipe.
    keeper = os.dup(0)
    os.set_inheritable(keeper, False)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)

    def die_with_keeper() -> None:
        while os.read(keeper, 4096):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=die_with_keeper, daemon=True, name="keeper-watch").start()

    from ministack.app import main

    sys.argv = ["ministack"]
    main()


def stop(stack: subprocess.Popen) -> None:
    """SIGTERM, time to end cleanly, then SIGKILL to all that is left of the group."""
    if stack.poll() is None:
        stack.terminate()
        try:
            stack.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print("stack_process: MiniStack did not stop in time, killing it", file=sys.stderr)
    try:
        os.killpg(stack.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # No process is left. macOS reports a permission error for a group of zombies.
        pass
    stack.wait()


def keep() -> int:
    """Starts MiniStack, waits for a reason to stop it, stops it."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("GATEWAY_PORT", str(free_port()))

    # Signals arrive as bytes on a pipe, so that one select() waits for everything.
    signal_read, signal_write = os.pipe()
    os.set_blocking(signal_write, False)
    signal.set_wakeup_fd(signal_write)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)

    stack = subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), "--inner"],
        stdin=subprocess.PIPE,
        stdout=sys.stderr.fileno(),
        start_new_session=True,
    )
    try:
        print(json.dumps({"pid": stack.pid, "port": int(os.environ["GATEWAY_PORT"])}), flush=True)
        while True:
            ready, _, _ = select.select([0, signal_read], [], [])
            if 0 in ready and not os.read(0, 4096):
                return 0
            if signal_read in ready:
                signals = set(os.read(signal_read, 64))
                if signals - {signal.SIGCHLD}:
                    return 0
                if stack.poll() is not None:
                    print(f"stack_process: MiniStack ended, status {stack.returncode}", file=sys.stderr)
                    return 1
    finally:
        stop(stack)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run MiniStack until standard input ends.")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().inner:
        inner()
    else:
        sys.exit(keep())
