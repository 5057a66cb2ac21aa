"""Classifies the outcome of every document, and formats the table of results. Uses no AWS."""

from dataclasses import dataclass, field

READY, FAILED, SUPERSEDED, CANCELLED = "ready", "failed", "superseded", "cancelled"


@dataclass(frozen=True)
class UploadedDocument:
    """One version of an object, and its expected outcome."""

    scenario: str
    tag: str
    key: str
    etag: str
    expected: str  # READY, FAILED, SUPERSEDED if a newer version replaces it, or CANCELLED before it runs


@dataclass(frozen=True)
class Row:
    """The row of a job, of either side."""

    job: str
    etag: str
    state: str  # READY, FAILED, SUPERSEDED, CANCELLED or "open"
    output: str | None  # key of the output
    updated_at: float


@dataclass
class Outcome:
    lost: int = 0  # it has no record
    stuck: int = 0  # its record is still open at the end
    repeated: int = 0  # runs of the model after the first, without those that it failed with 5xx
    wrong: int = 0  # its record is false
    given_up: int = 0  # it failed and its record says so, but another try would have succeeded
    problem: str = ""
    seconds: float | None = None  # from the upload to the right outcome


def classify(document: UploadedDocument, rows: list[Row], runs: list[int], results: set[str], objects: set[str], uploaded_at: float) -> Outcome:
    """Classifies one document at the end.

    `runs`: the status of every run of the model for this version. `results`: output keys that the endpoint returned for
    it. `objects`: all keys in the bucket.
    """
    outcome = Outcome(repeated=max(0, sum(status < 500 for status in runs) - 1))
    if not rows:
        outcome.lost, outcome.problem = 1, "no record"
        return outcome
    if len(rows) > 1:
        outcome.wrong, outcome.problem = 1, f"{len(rows)} records"
        return outcome
    row = rows[0]
    has_output = bool(results & objects)
    if row.state == "open":
        outcome.stuck, outcome.problem = 1, "still open"
    elif row.state == READY and row.output not in objects:
        outcome.wrong, outcome.problem = 1, "ready without an output"
    elif row.state == READY and document.expected != READY:
        outcome.wrong, outcome.problem = 1, "ready with the result of a replaced version" if document.expected == SUPERSEDED else "ready although the document is invalid"
    elif document.expected == CANCELLED and runs:
        outcome.wrong, outcome.problem = 1, "the model ran although it was cancelled before"
    elif row.state != READY and document.expected == READY and has_output:
        outcome.wrong, outcome.problem = 1, f"{row.state} although an output exists"
    elif row.state != READY and document.expected == READY:
        outcome.given_up, outcome.problem = 1, f"{row.state} although another try would have succeeded"
    else:
        outcome.seconds = max(0.0, row.updated_at - uploaded_at)
    return outcome


@dataclass
class Totals:
    """Sums of outcomes."""

    uploads: int = 0
    lost: int = 0
    stuck: int = 0
    repeated: int = 0
    wrong: int = 0
    given_up: int = 0
    calls: int = 0  # AWS calls of functions about these documents
    seconds: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome, calls: int) -> None:
        """Adds a document."""
        self.uploads += 1
        self.lost += outcome.lost
        self.stuck += outcome.stuck
        self.repeated += outcome.repeated
        self.wrong += outcome.wrong
        self.given_up += outcome.given_up
        self.calls += calls
        if outcome.seconds is not None:
            self.seconds.append(outcome.seconds)

    def longest_seconds(self) -> float | None:
        """The longest time from an upload to its right outcome."""
        return max(self.seconds, default=None)

    def summary(self) -> dict[str, object]:
        """For the JSON output."""
        names = ("uploads", "lost", "stuck", "repeated", "wrong", "given_up")
        return {name: getattr(self, name) for name in names} | {
            "right": len(self.seconds),
            "calls_per_job": round(self.calls / max(1, self.uploads), 1),
            "longest_seconds": None if self.longest_seconds() is None else round(self.longest_seconds()),
        }


def format_duration(seconds: float | None) -> str:
    """`7 s`, `12 min`, `6 h 32 min`, or a dash for never."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


COLUMNS = ("lost", "stuck", "repeated", "wrong", "given_up")


def sum_by_side(totals_by_scenario: dict[str, dict[str, Totals]], sides: tuple[str, ...]) -> dict[str, Totals]:
    """Totals over all scenarios, by side."""
    total = {side: Totals() for side in sides}
    for by_side in totals_by_scenario.values():
        for side, totals in by_side.items():
            target = total[side]
            for name in ("uploads", "calls", *COLUMNS):
                setattr(target, name, getattr(target, name) + getattr(totals, name))
            target.seconds += totals.seconds
    return total


def table(totals_by_scenario: dict[str, dict[str, Totals]], sides: tuple[str, ...]) -> list[str]:
    """The lines of the table: one per scenario, then the sums. A cell has a number for each side."""
    total = sum_by_side(totals_by_scenario, sides)
    width = max(len(title) for title in [*totals_by_scenario, "all"])
    each = 5 * len(sides)
    head = f"{'':{width}}  uploads " + "".join(f"{name.replace('_', ' '):>{each}} " for name in COLUMNS)
    head += f"{'calls per job':>{8 * len(sides)}}  {'longest time to right outcome':>{15 * len(sides)}}"
    lines = [f"each cell: {' / '.join(sides)}", head]
    for title, by_side in [*totals_by_scenario.items(), ("all", total)]:
        found = [by_side[side] for side in sides]
        cells = "".join(f"{counts([getattr(totals, name) for totals in found]):>{each}} " for name in COLUMNS)
        calls = " / ".join(f"{totals.calls / max(1, totals.uploads):.1f}" for totals in found)
        times = " / ".join(format_duration(totals.longest_seconds()) for totals in found)
        lines.append(f"{title:{width}}  {found[0].uploads:7} {cells}{calls:>{8 * len(sides)}}  {times:>{15 * len(sides)}}")
    return lines


def counts(numbers: list[int]) -> str:
    """Counts of the sides, with a dot in place of zero."""
    return " / ".join(str(number or "·") for number in numbers)
