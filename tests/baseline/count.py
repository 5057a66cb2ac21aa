"""What became of every document, and the table of it. No AWS in here."""

from dataclasses import dataclass, field

READY, FAILED, SUPERSEDED = "ready", "failed", "superseded"


@dataclass(frozen=True)
class Document:
    """One version of an object, and what should become of it."""

    scenario: str
    tag: str
    key: str
    etag: str
    expected: str  # READY, FAILED, or SUPERSEDED: a newer version took its place


@dataclass(frozen=True)
class Row:
    """A job's row, whoever wrote it."""

    job: str
    etag: str
    state: str  # READY, FAILED, SUPERSEDED or "open"
    output: str | None  # key of the output that it names
    updated_at: float


@dataclass
class Fate:
    """What became of a document."""

    lost: int = 0  # there is no record of it at all
    stuck: int = 0  # its record is open although its time is up
    doubled: int = 0  # runs on a GPU beyond one, those not counted that the model itself failed
    wrong: int = 0  # its record says what is not so
    given_up: int = 0  # it failed, honestly, though another try would have worked
    why: str = ""
    seconds: float | None = None  # from the upload to the right end


def judge(document: Document, rows: list[Row], runs: list[int], results: set[str], objects: set[str], uploaded_at: float) -> Fate:
    """Judges one document at the end of its time.

    `runs`: the model's status, for every run of this version. `results`: keys that the endpoint named for it.
    `objects`: all keys that are there.
    """
    fate = Fate(doubled=max(0, sum(status < 500 for status in runs) - 1))
    if not rows:
        fate.lost, fate.why = 1, "no record"
        return fate
    if len(rows) > 1:
        fate.wrong, fate.why = 1, f"{len(rows)} records"
        return fate
    row = rows[0]
    has_output = bool(results & objects)
    if row.state == "open":
        fate.stuck, fate.why = 1, "still open"
    elif row.state == READY and row.output not in objects:
        fate.wrong, fate.why = 1, "ready without an output"
    elif row.state == READY and document.expected != READY:
        fate.wrong, fate.why = 1, "ready, of a version that was replaced" if document.expected == SUPERSEDED else "ready, of a bad document"
    elif row.state != READY and document.expected == READY and has_output:
        fate.wrong, fate.why = 1, f"{row.state} though an output is there"
    elif row.state != READY and document.expected == READY:
        fate.given_up, fate.why = 1, f"{row.state} though another try would have worked"
    else:
        fate.seconds = max(0.0, row.updated_at - uploaded_at)
    return fate


@dataclass
class Tally:
    """Fates summed up."""

    uploads: int = 0
    lost: int = 0
    stuck: int = 0
    doubled: int = 0
    wrong: int = 0
    given_up: int = 0
    calls: int = 0  # of AWS, by functions, for these documents
    seconds: list[float] = field(default_factory=list)

    def add(self, fate: Fate, calls: int) -> None:
        """One document more."""
        self.uploads += 1
        self.lost += fate.lost
        self.stuck += fate.stuck
        self.doubled += fate.doubled
        self.wrong += fate.wrong
        self.given_up += fate.given_up
        self.calls += calls
        if fate.seconds is not None:
            self.seconds.append(fate.seconds)

    def worst(self) -> float | None:
        """The longest time from an upload to its right end."""
        return max(self.seconds, default=None)

    def summary(self) -> dict[str, object]:
        """For the line of JSON."""
        names = ("uploads", "lost", "stuck", "doubled", "wrong", "given_up")
        return {name: getattr(self, name) for name in names} | {
            "right": len(self.seconds),
            "calls_per_job": round(self.calls / max(1, self.uploads), 1),
            "worst_seconds": None if self.worst() is None else round(self.worst()),
        }


def spoken(seconds: float | None) -> str:
    """`7 s`, `12 min`, `6 h 32 min`, or a dash for never."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


COLUMNS = ("lost", "stuck", "doubled", "wrong", "given_up")


def sums(tallies: dict[str, dict[str, Tally]], sides: tuple[str, str]) -> dict[str, Tally]:
    """All scenarios of each side in one."""
    total = {side: Tally() for side in sides}
    for by_side in tallies.values():
        for side, tally in by_side.items():
            into = total[side]
            for name in ("uploads", "calls", *COLUMNS):
                setattr(into, name, getattr(into, name) + getattr(tally, name))
            into.seconds += tally.seconds
    return total


def table(tallies: dict[str, dict[str, Tally]], sides: tuple[str, str]) -> list[str]:
    """Lines of text: a scenario each, then all of them. A pair of numbers is the first side's and the second's."""
    first, second = sides
    total = sums(tallies, sides)
    width = max(len(title) for title in [*tallies, "all"])
    head = f"{'':{width}}  uploads " + "".join(f"{name.replace('_', ' '):>10} " for name in COLUMNS)
    head += f"{'calls per job':>16}  {'longest way to the right end':>30}"
    lines = [f"each pair: {first} / {second}", head]
    for title, by_side in [*tallies.items(), ("all", total)]:
        one, other = by_side[first], by_side[second]
        cells = "".join(f"{pair(getattr(one, name), getattr(other, name)):>10} " for name in COLUMNS)
        calls = " / ".join(f"{tally.calls / max(1, tally.uploads):.1f}" for tally in (one, other))
        times = " / ".join(spoken(tally.worst()) for tally in (one, other))
        lines.append(f"{title:{width}}  {one.uploads:7} {cells}{calls:>16}  {times:>30}")
    return lines


def pair(one: int, other: int) -> str:
    """Nothing wrong is not worth a number."""
    return f"{one or '·'} / {other or '·'}"
