"""Rules for the documents: what they name exists, and what must be explained is explained.

Each rule is a function from the project's texts to a list of complaints; `templates.check` tests each twice: the files
as they are raise no complaint, and every listed way of breaking them does.
Run: .venv/bin/python -m unittest tests/docs_test.py
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import templates  # noqa: E402  a program's folder, no package

FOLDERS = ("crates", "docs", "events", "infra", "samples", "tests", "web", "benches", ".ci", ".github", "findings", "supply-chain")
BUILT = ("web/dist",)  # folders that `make` writes
CODE = {".rs", ".py"}
MAX_ARCHITECTURE_WORDS = 3000
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


class Project(templates.Project):
    """The documents and what they speak of."""

    def __init__(self):
        super().__init__()
        names = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
        names += [f"{folder}/README.md" for folder in ("crates/async-endpoint", "events", "findings", "samples", "tests/baseline", "web")]
        paths = [ROOT / name for name in names] + sorted((ROOT / "docs").rglob("*.md"))
        self.docs = {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}
        self.makefile = (ROOT / "Makefile").read_text()
        self.npm_scripts = set(json.loads((ROOT / "web/package.json").read_text())["scripts"])
        self.dependencies = dependencies()
        self.sources = {
            path.relative_to(ROOT).as_posix(): path.read_text()
            for folder in ("crates", "tests", ".ci", "infra", "benches", "samples", "supply-chain")
            for path in sorted((ROOT / folder).rglob("*"))
            if path.suffix in CODE and not {"node_modules", "target"} & set(path.parts)
        }


def dependencies():
    """The crates of this workspace that each of its crates depends on, except for its tests and the workspace hack."""
    manifests = {path.parent.name: path.read_text() for path in (ROOT / "crates").glob("*/Cargo.toml")}
    found = {}
    for crate, text in manifests.items():
        normal = "".join(re.findall(r"^\[dependencies\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL))
        found[crate] = set(re.findall(r"^([\w-]+)", normal, re.MULTILINE)) & (set(manifests) - {"workspace-hack"})
    return found


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
            if first in FOLDERS and not span.startswith(BUILT) and not ((ROOT / span).exists() or (here / span).exists()):
                yield f"{name}: there is no {span}"
            if "/" not in span and span.endswith((".rs", ".py")) and span not in files:
                yield f"{name}: there is no file {span}"


def named_tests_exist(project):
    """A name of four words and more, joined by underscores, is that of a function."""
    known = {word for text in project.sources.values() for word in re.findall(r"(?:fn|def) (\w+)", text)}
    known |= set(re.findall(r"^(\w+) =", (ROOT / "infra/pipelines.toml").read_text(), re.MULTILINE))
    for name, text in project.docs.items():
        for span in spans(text):
            if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){3,}", span) and span not in known:
                yield f"{name}: there is no function {span}"


def alarms_are_explained(project):
    headings = re.findall(r"^### `([^`]+)`$", project.docs["docs/operations.md"], re.MULTILINE)
    for _, _, alarm in templates.all_alarms(project):
        if templates.alarm_word(alarm) not in headings:
            yield f"docs/operations.md has no heading for alarm {templates.alarm_word(alarm)}"


def entry_points_are_the_functions(project):
    table = section(project.docs["ARCHITECTURE.md"], "Entry points")
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    for word in sorted(set(rows) ^ (project.functions | set(templates.plan.OPTIONAL_FUNCTIONS))):
        yield f"{word} is {'only in the table of entry points' if word in rows else 'not in the table of entry points'}"


def architecture_is_short(project):
    words = len(project.docs["ARCHITECTURE.md"].split())
    if words > MAX_ARCHITECTURE_WORDS:
        yield f"ARCHITECTURE.md has {words} words; {MAX_ARCHITECTURE_WORDS} are the limit, docs and docs/adr have room"


def arrows_are_the_dependencies(project):
    """The arrows between crates, with what follows from them, are the dependencies of their manifests."""
    drawn = {}
    for line in re.findall(r"^ (\S.*─▶.*)$", section(project.docs["ARCHITECTURE.md"], "Code map"), re.MULTILINE):
        for chain in re.split(r"\s{2,}", line):
            steps = [re.findall(r"[a-z][\w-]*", re.sub(r"\(.*?\)", "", step)) for step in chain.split("─▶")]
            for users, used in zip(steps, steps[1:]):
                for user in users:
                    drawn.setdefault(user, set()).update(used)

    def reached(crate):
        return set().union(*({used} | reached(used) for used in drawn.get(crate, ())))

    for user, dependencies in project.dependencies.items():
        for used in sorted(dependencies - reached(user)):
            yield f"ARCHITECTURE.md has no arrow from {user} to {used}"
        for used in sorted(drawn.get(user, set()) - dependencies):
            yield f"ARCHITECTURE.md has an arrow from {user} to {used}, and no manifest does"


def make_targets_exist(project):
    targets = set(re.findall(r"^([a-z][a-z-]*):", project.makefile, re.MULTILINE))
    for name, text in project.docs.items():
        inline = [span for span in spans(text) if span.startswith("make ")]
        blocks = re.findall(r"^make .*$", "\n".join(FENCE.findall(text)), re.MULTILINE)
        for command in inline + blocks:
            target = command.split("#")[0].split()[1]
            if target not in targets:
                yield f"{name}: there is no target for `make {target}`"


def options_of_docket_exist(project):
    """An option is a field of the command line's arguments, or has its name in an attribute."""
    sources = "".join(text for path, text in product(project) if path.startswith("crates/docket/src/"))
    known = {"help"} | {field.replace("_", "-") for field in re.findall(r"^\s+(?:pub\(\w+\) )?(\w+): ", sources, re.MULTILINE)}
    known |= set(re.findall(r'(?:long|alias) = "([\w-]+)"', sources))
    for name, text in project.docs.items():
        for command in re.findall(r"\bdocket [a-z][^\n`|]*", text):
            for option in re.findall(r"(?<=\s)--([a-z][\w-]*)", command):
                if option not in known:
                    yield f"{name}: docket has no option --{option}"


def guarantees_have_one_wording(project):
    """In ARCHITECTURE.md, in docs/reliability.md, and in the violations of the simulation."""
    reliability, simulation = project.docs["docs/reliability.md"], project.sources["crates/simulation/src/checks/guarantees.rs"]
    for number, words in re.findall(r"^(\d+)\. (.+)$", section(project.docs["ARCHITECTURE.md"], "Guarantees"), re.MULTILINE):
        if f"> {words}" not in reliability:
            yield f"docs/reliability.md has another wording of guarantee {number}"
        if f'"{number}. {words.replace("`", "")}"' not in simulation:
            yield f"the simulation has another wording of guarantee {number}"


def npm_scripts_exist(project):
    for name, text in project.docs.items():
        for script in re.findall(r"\bnpm run (?:--\S+ )*([\w-]+)", text):
            if script not in project.npm_scripts:
                yield f"{name}: there is no script for `npm run {script}`"


def crates_exist(project):
    for name, text in project.docs.items():
        for package in re.findall(r"\bcargo (?:test|run|check|build) [^`\n]*-p ([a-z][\w-]*)", text):
            if not (ROOT / "crates" / package).is_dir() and package != "scenarios":
                yield f"{name}: there is no crate {package}"


def attributes_are_stored(project):
    """A command that reads an attribute of an item names one that the functions write."""
    stored = {
        word
        for path, text in project.sources.items()
        if path.startswith("crates/functions/src/aws/")
        for word in re.findall(r'"([a-z_]+)"', text)
    }
    for name, text in project.docs.items():
        for attribute in re.findall(r"\b([a-z_]+)\.[SNML]\b", "\n".join(FENCE.findall(text))):
            if attribute not in stored:
                yield f"{name}: no function writes the attribute {attribute}"


def metrics_are_explained(project):
    listed = set(spans(project.docs["docs/operations.md"]))
    for metric in sorted(set(project.metrics) - listed):
        yield f"docs/operations.md does not explain metric {metric}"


def log_fields_are_explained(project):
    listed = set(spans(project.docs["docs/operations.md"]))
    for path, text in product(project):
        if not path.startswith(("crates/jobs/", "crates/api/", "crates/functions/")):
            continue
        for call in re.findall(r"\b(?:info|warn|error)!\((.*?)\);?\s*\n", text, re.DOTALL):
            for field in re.findall(r"(?:^|[(,])\s*([a-z]+\.[a-z_]+)(?=\s*[=,])", call):
                if field not in listed:
                    yield f"docs/operations.md does not explain log field {field} of {path}"


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


Rules = templates.check(
    {
        links_resolve: [
            in_doc("README.md", "(docs/deploy.md)", "(docs/deployment.md)"),
            in_doc("docs/operations.md", "(#quarantine)", "(#isolation)"),
        ],
        paths_exist: [
            in_doc("ARCHITECTURE.md", "`crates/jobs/src/transition.rs`", "`crates/jobs/src/decide.rs`"),
            in_doc("ARCHITECTURE.md", "`effects.rs`", "`deliveries.rs`"),
        ],
        named_tests_exist: [in_doc("docs/reliability.md", "_", "_x_")],
        alarms_are_explained: [
            in_doc("docs/operations.md", "### `checks-dead-letters`", "### Checks"),
            lambda p: templates.resource(p, "ChecksDeadLettersAlarm").update(AlarmName={"Fn::Sub": "${ServiceName}-checks"}),
        ],
        entry_points_are_the_functions: [
            in_doc("ARCHITECTURE.md", "| `retry` |", "| `again` |"),
            lambda p: p.functions.remove("retry"),
        ],
        architecture_is_short: [in_doc("ARCHITECTURE.md", "# Architecture", "# Architecture" + " word" * 3000)],
        arrows_are_the_dependencies: [
            in_doc("ARCHITECTURE.md", "docket ─▶ api,", "docket ─▶"),
            lambda p: p.dependencies["jobs"].add("api"),
            lambda p: p.dependencies["planner"].remove("simulation"),
        ],
        make_targets_exist: [
            in_doc("README.md", "`make down`", "`make stop`"),
            in_doc("docs/deploy.md", "make undeploy", "make remove"),
        ],
        options_of_docket_exist: [in_doc("docs/operations.md", "docket jobs list --status open", "docket jobs list --standing open")],
        guarantees_have_one_wording: [
            in_doc("docs/reliability.md", "records its actor and its reason.", "names its actor."),
            in_doc("ARCHITECTURE.md", "7. A connected page", "7. An open page"),
        ],
        npm_scripts_exist: [
            in_doc("CONTRIBUTING.md", "npm run build", "npm run make"),
            in_doc("web/README.md", "npm run e2e", "npm run browser"),
        ],
        attributes_are_stored: [in_doc("docs/operations.md", "created_at.N", "made_at.N")],
        crates_exist: [in_doc("CONTRIBUTING.md", "-p handler-tests", "-p handlers")],
        metrics_are_explained: [
            in_doc("docs/operations.md", "`TimeToReady`", "`Time`"),
            lambda p: p.metrics.update(NoSuchMetric={}),
        ],
        log_fields_are_explained: [
            in_doc("docs/operations.md", "`inference.id`", "`id`"),
            in_doc("docs/operations.md", "`upload.version`", "`version`"),
        ],
        decisions_are_complete: [
            in_doc("docs/adr/0005-lean-tls.md", "## Consequences", "## Results"),
            in_doc("docs/adr/0005-lean-tls.md", "# 5. ", "# 6. "),
        ],
    },
    Project,
)
