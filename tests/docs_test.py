"""Rules for the documents: what they name exists, and what exists and must be explained is named.

Each rule is a function from the project's texts to a list of complaints. As in template_test.py each has two kinds
of test: the files as they are raise no complaint, and the ways of breaking them listed below do.
Run: python -m unittest tests/docs_test.py (standard library only).
"""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("crates", "docs", "events", "infra", "samples", "tests", "web", "benches", ".ci")
CODE = {".rs", ".py"}
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


class Project:
    """The documents and what they speak of."""

    def __init__(self):
        paths = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "samples/README.md")]
        paths += sorted((ROOT / "docs").rglob("*.md"))
        self.docs = {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}
        self.service = (ROOT / "infra/service.yaml").read_text()
        self.endpoint = (ROOT / "infra/endpoint.yaml").read_text()
        self.watch = (ROOT / "infra/watch.yaml").read_text()
        self.manifest = (ROOT / "crates/functions/Cargo.toml").read_text()
        self.makefile = (ROOT / "Makefile").read_text()
        self.metrics = (ROOT / "crates/functions/src/metrics.rs").read_text()
        self.sources = {
            path.relative_to(ROOT).as_posix(): path.read_text()
            for folder in ("crates", "tests", ".ci")
            for path in sorted((ROOT / folder).rglob("*"))
            if path.suffix in CODE and "node_modules" not in path.parts
        }


def prose(text):
    """A document without its fenced blocks."""
    return FENCE.sub("", text)


def spans(text):
    """What stands between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(text))


def anchors(text):
    """The anchors of a document's headings, as forges make them."""
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def section(text, title):
    """The part of a document under a heading, down to the next one of its level."""
    found = re.search(rf"^(#+) {re.escape(title)}$(.*?)(?=^\1 |\Z)", text, re.MULTILINE | re.DOTALL)
    return found.group(2) if found else ""


def product(project):
    """Sources that are no tests, with their own tests cut off."""
    for path, text in project.sources.items():
        if path.endswith(".rs") and "/tests/" not in path and "/src/" in path:
            yield path, text.split("#[cfg(test)]")[0]


# ---------------------------------------------------------------- rules


def links_resolve(project):
    for name, text in project.docs.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = ((ROOT / name).parent / path).resolve() if path else ROOT / name
            if not file.exists() or not file.is_relative_to(ROOT):
                yield f"{name}: {target} leads nowhere"
            elif anchor and anchor not in anchors(project.docs.get(file.relative_to(ROOT).as_posix(), "")):
                yield f"{name}: {target} has no such heading"


def paths_exist(project):
    files = {pathlib.PurePosixPath(path).name for path in project.sources}
    for name, text in project.docs.items():
        for span in spans(text):
            if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", span) is None:
                continue
            first = span.split("/")[0]
            here = (ROOT / name).parent
            if first in FOLDERS and not ((ROOT / span).exists() or (here / span).exists()):
                yield f"{name}: there is no {span}"
            if "/" not in span and span.endswith((".rs", ".py")) and span not in files:
                yield f"{name}: there is no file {span}"


def named_tests_exist(project):
    """A name of three words and more, joined by underscores, is that of a function."""
    known = {word for text in project.sources.values() for word in re.findall(r"(?:fn|def) (\w+)", text)}
    for name, text in project.docs.items():
        for span in spans(text):
            if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){3,}", span) and span not in known:
                yield f"{name}: there is no function {span}"


def alarms_are_explained(project):
    headings = re.findall(r"^### `([^`]+)`$", project.docs["docs/operations.md"], re.MULTILINE)
    for template in (project.service, project.watch, project.endpoint):
        alarms = re.findall(r"AlarmName: !Sub '\$\{\w+\}-([a-z-]+)'", template)
        if len(alarms) != template.count("Type: AWS::CloudWatch::Alarm"):
            yield "an alarm is not called <name>-<what>"
        for alarm in alarms:
            if alarm not in headings:
                yield f"docs/operations.md has no heading for alarm {alarm}"


def entry_points_are_the_binaries(project):
    table = section(project.docs["ARCHITECTURE.md"], "Entry points")
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    binaries = re.findall(r'\[\[bin\]\]\nname = "([a-z-]+)"', project.manifest)
    for word in sorted(set(rows) ^ set(binaries)):
        yield f"{word} is {'only in the table of entry points' if word in rows else 'not in the table of entry points'}"


def make_targets_exist(project):
    targets = set(re.findall(r"^([a-z][a-z-]*):", project.makefile, re.MULTILINE))
    for name, text in project.docs.items():
        inline = [span for span in spans(text) if span.startswith("make ")]
        blocks = re.findall(r"^make .*$", "\n".join(FENCE.findall(text)), re.MULTILINE)
        for command in inline + blocks:
            target = command.split("#")[0].split()[1]
            if target not in targets:
                yield f"{name}: there is no target for `make {target}`"


def metrics_and_log_fields_are_explained(project):
    listed = set(spans(project.docs["docs/operations.md"]))
    for metric in re.findall(r'Self::\w+ => "([A-Z]\w+)",', project.metrics):
        if metric not in listed and metric not in ("Milliseconds", "Seconds", "Count"):
            yield f"docs/operations.md does not explain metric {metric}"
    for path, text in product(project):
        if not path.startswith(("crates/jobs/", "crates/functions/")):
            continue
        for call in re.findall(r"\b(?:info|warn|error)!\((.*?)\);?\s*\n", text, re.DOTALL):
            for field in re.findall(r"(?:^|[(,])\s*([a-z]+\.[a-z_]+)(?=\s*[=,])", call):
                if field not in listed:
                    yield f"docs/operations.md does not explain log field {field} of {path}"


def quarantine_causes_are_explained(project):
    kinds = re.search(r"pub const fn kind\(.*?\n    }", project.sources["crates/jobs/src/error.rs"], re.DOTALL)
    known = set(re.findall(r'=> "(\w+)"', kinds.group(0))) | {"Malformed"}
    known |= set(re.findall(r'cause: "(\w+)"', project.sources["crates/jobs/src/reconcile.rs"]))
    part = section(project.docs["docs/operations.md"], "Quarantine")
    headings = set(re.findall(r"^### `([^`]+)`$", part, re.MULTILINE))
    waits = {"Unavailable", "Unreadable", "Leased", "Contended"}  # these only ever come back
    for cause in sorted(headings ^ (known - waits)):
        yield f"cause {cause} stands in only one of docs/operations.md and the code"


def one_file_creates_jobs(project):
    """Only submit.rs creates jobs. That only apply.rs saves them is checked by the compiler (SaveRequest)."""
    home = "crates/jobs/src/submit.rs"
    for path, text in product(project):
        if path != home and not path.startswith("crates/testkit/") and re.search(r"\bports\s*\.create\(", text):
            yield f"{path} calls create: only {home} does"
    if not re.search(r"\bports\s*\.create\(", project.sources[home]):
        yield f"{home} no longer calls create"


def decisions_are_complete(project):
    numbers = []
    for name, text in project.docs.items():
        found = re.fullmatch(r"docs/adr/(\d{4})-[a-z0-9-]+\.md", name)
        if not found:
            continue
        numbers.append(int(found.group(1)))
        if re.findall(r"^## (.+)$", text, re.MULTILINE) != ["Context", "Decision", "Consequences"]:
            yield f"{name} is not context, decision, consequences"
        if not text.startswith(f"# {numbers[-1]}. "):
            yield f"{name} does not begin with its number"
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        yield f"the decisions are numbered {sorted(numbers)}"


# ---------------------------------------------------------------- the rules at work


def in_doc(name, old, new):
    """A way of breaking a document."""

    def spoil(project):
        assert old in project.docs[name], old
        project.docs[name] = project.docs[name].replace(old, new)

    return spoil


def in_text(attribute, old, new):
    """A way of breaking another text."""

    def spoil(project):
        text = getattr(project, attribute)
        assert old in text, old
        setattr(project, attribute, text.replace(old, new))

    return spoil


def in_source(path, old, new):
    """A way of breaking a source file."""

    def spoil(project):
        assert old in project.sources[path], old
        project.sources[path] = project.sources[path].replace(old, new)

    return spoil


BREAKS = {
    links_resolve: [
        in_doc("README.md", "(docs/deploy.md)", "(docs/deployment.md)"),
        in_doc("docs/operations.md", "(#quarantine)", "(#isolation)"),
    ],
    paths_exist: [
        in_doc("ARCHITECTURE.md", "`crates/jobs/src/apply.rs`", "`crates/jobs/src/save.rs`"),
        in_doc("ARCHITECTURE.md", "`watch.rs`", "`look.rs`"),
    ],
    named_tests_exist: [
        in_doc("ARCHITECTURE.md", "`late_and_doubled_messages_change_nothing`", "`late_messages_change_nothing`")
    ],
    alarms_are_explained: [
        in_doc("docs/operations.md", "### `checks-dead-letters`", "### Wake-ups"),
        in_text("endpoint", "${EndpointName}-wake", "${EndpointName}-rouse"),
        in_text("watch", "AlarmName: !Sub '${ServiceName}-queue-stalled'", "AlarmName: !Sub '${ServiceName}-queue-stuck'"),
        in_text("service", "AlarmName: !Sub '${ServiceName}-uploads-dead-letters'", "AlarmName: uploads"),
    ],
    entry_points_are_the_binaries: [
        in_doc("ARCHITECTURE.md", "| `retry` |", "| `again` |"),
        in_text("manifest", 'name = "retry"', 'name = "reconciler"'),
    ],
    make_targets_exist: [
        in_doc("README.md", "`make down`", "`make stop`"),
        in_doc("docs/deploy.md", "make package\nmake zips", "make package\nmake sizes"),
    ],
    metrics_and_log_fields_are_explained: [
        in_doc("docs/operations.md", "`TimeToReady`", "`Time`"),
        in_doc("docs/operations.md", "`inference.id`", "`id`"),
        in_doc("docs/operations.md", "`upload.version`", "`version`"),
    ],
    quarantine_causes_are_explained: [
        in_doc("docs/operations.md", "### `NotOurs`", "### `Foreign`"),
        in_source("crates/jobs/src/error.rs", '"UnknownJob"', '"NoJob"'),
        in_source("crates/jobs/src/reconcile.rs", 'cause: "DeadLetter"', 'cause: "Dead"'),
    ],
    one_file_creates_jobs: [
        in_source("crates/jobs/src/retry.rs", "match apply(ports", "ports.create(&job).await?; match apply(ports"),
        in_source("crates/jobs/src/submit.rs", "ports.create(", "store.create("),
    ],
    decisions_are_complete: [
        in_doc("docs/adr/0005-lean-tls.md", "## Consequences", "## Results"),
        in_doc("docs/adr/0005-lean-tls.md", "# 5. ", "# 6. "),
    ],
}


class Rules(unittest.TestCase):
    """The documents as they are, and every listed way of breaking them."""

    def test_documents_keep_the_rules(self):
        for rule in BREAKS:
            with self.subTest(rule.__name__):
                self.assertEqual(list(rule(Project())), [])

    def test_every_rule_sees_what_breaks_it(self):
        for rule, breaks in BREAKS.items():
            for number, spoil in enumerate(breaks):
                with self.subTest(rule.__name__, number=number):
                    project = Project()
                    spoil(project)
                    self.assertNotEqual(list(rule(project)), [])


if __name__ == "__main__":
    unittest.main()
