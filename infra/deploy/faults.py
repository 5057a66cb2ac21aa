"""Faults that `make prove` brings about in a deployed service, and how each is undone.

What undoes a fault is written to a file before the fault is made, so that a run that was killed is cleaned up by the next.
"""

import contextlib
import json

from cli import AwsError


class UndoLog:
    """The commands that undo what was changed, newest first, in a file."""

    def __init__(self, path, aws, say):
        self.path, self.aws, self.say = path, aws, say

    def commands(self):
        return json.loads(self.path.read_text()) if self.path.exists() else []

    def _write(self, commands):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(commands, indent=1))
        part.replace(self.path)

    def add(self, *command):
        """Remembers a command before what it undoes is done."""
        self._write([list(command), *self.commands()])

    def undo(self, count=None):
        """Runs the newest commands, or all of them. What is gone already needs no undoing."""
        for command in self.commands()[:count]:
            try:
                self.aws(*command)
            except AwsError as error:
                if not any(word in str(error) for word in ("NotFound", "NonExistentQueue", "does not exist")):
                    raise
            self._write(self.commands()[1:])


class GameDayFaults:
    """The faults, each in force as long as its context."""

    def __init__(self, aws, undo_log, service_name, pace, sleep):
        self.aws, self.undo_log, self.service_name, self.pace, self.sleep = aws, undo_log, service_name, pace, sleep

    def name(self, function):
        return f"{self.service_name}-{function}"

    @contextlib.contextmanager
    def mapping_off(self, function):
        """The event source mapping of a function's queue is disabled."""
        found = self.aws("lambda", "list-event-source-mappings", "--function-name", self.name(function))["EventSourceMappings"]
        uuid = found[0]["UUID"]
        self.undo_log.add("lambda", "update-event-source-mapping", "--uuid", uuid, "--enabled")
        self.aws("lambda", "update-event-source-mapping", "--uuid", uuid, "--no-enabled")
        try:
            self._until(uuid, "Disabled")
            yield
        finally:
            self.undo_log.undo(1)
        self._until(uuid, "Enabled")

    def _until(self, uuid, state):
        while self.aws("lambda", "get-event-source-mapping", "--uuid", uuid)["State"] != state:
            self.sleep(self.pace.poll)

    @contextlib.contextmanager
    def throttled(self, function):
        """Every invocation of a function is refused, since no concurrency is left to it."""
        name = ("--function-name", self.name(function))
        before = (self.aws("lambda", "get-function-concurrency", *name) or {}).get("ReservedConcurrentExecutions")
        if before is None:
            self.undo_log.add("lambda", "delete-function-concurrency", *name)
        else:
            self.undo_log.add("lambda", "put-function-concurrency", *name, "--reserved-concurrent-executions", str(before))
        self.aws("lambda", "put-function-concurrency", *name, "--reserved-concurrent-executions", "0")
        try:
            yield
        finally:
            self.undo_log.undo(1)
