"""Rules for words: names and prose do without the words that Docket gave up, and one type name means one thing.

Run: python3 -m unittest tests/words_test.py (standard library and git only).
"""

from collections import defaultdict
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUFFIXES = {".rs", ".py", ".ts", ".tsx", ".md", ".yaml", ".toml", ".json", ".css", ".html", ".mjs", ".tf", ".svg"}
# Texts of others or of documents, files that tools write, and the table of renamed words.
LEFT_OUT = ("findings/", "samples/", "supply-chain/", "CHANGELOG.md", "web/package-lock.json", "crates/devstack/company/package-lock.json", "tests/words_test.py")
# The word that was given up, and what says it now.
WORDS = {
    r"desk|tally|weather|sweeps?|swept": "a term of the field",
    r"wake[-_ ]?ups?|wake_at|by_wake|woken": "check, next_check_at",
    r"owed|owes": "pending effects",
    r"graces?|grace_\w+": "a limit with its unit",
    r"HOPE|PATIENCE|CLOCKS|YOUNG|MOST_\w+|LONGEST_\w+": "MAX_… with the unit",
    r"whoever|whomever|somebody|someone|anybody|everybody|nobody|no one": "the actor: a customer, support, another function; or the passive of what is not done",
    r"patien(?:ce|t)": "a limit with its unit, max_wait, a retry strategy",
    r"troubles?": "failure kind",
    r"signs?[ _]of[ _]life|all_past": "presumed lost",
    r"record of pauses": "pause record",
    r"note_once|audit::note": "record_at_once, record_if_absent",
    r"of late": "recent, in the last day",
    r"in_words\.rs|words\.rs": "the name of what the text is about: reason.rs, text.rs",
    r"nine in ten|nine tenths": "p90",
    r"canceled|canceling|cancelation": "cancelled, cancelling, cancellation",
    r"recognis\w+|organis\w+|synchronis\w+|initialis\w+|summaris\w+|serialis\w+|randomis\w+|optimis(?!tic)\w+": "-ize (Oxford spelling)",
    r"behaviors?(?![_ ]version|:)|modeled|labeled|honored": "behaviour, modelled, labelled, honoured",
    r"hogs?": "noisy neighbor",
    r"sick": "unprocessable, broken",
    r"TODO|FIXME|XXX": "nothing: finish it, or open an issue",
}
# (file or folder, word) that stand for something else there.
ALLOWED = {
    ("ARCHITECTURE.md", "no one"),  # guarantee 8, whose wording is fixed
    ("docs/reliability.md", "no one"),
    ("crates/simulation/src/checks/guarantees.rs", "no one"),
    ("crates/handler-tests/tests/handlers/pages.rs", "no one"),
    ("web/e2e/account.test.ts", "nobody"),  # part of an address
    ("crates/planner/src/cli.rs", "hog"),  # a scenario of `make replay`
    ("crates/planner/src/noisy_neighbor.rs", "hog"),
    ("crates/simulation/src/history_plan.rs", "hog"),
    ("docs/adr/0033-window-and-turns.md", "hog"),
    ("docs/capacity.md", "hog"),
    ("crates/docket/src/model_check/target.rs", "canceled"),  # a method of hyper
    ("crates/docket/src/watch.rs", "behavior"),  # a method of tokio
    ("crates/devstack/python/stack_process.py", "wakeup"),  # a function of Python
    ("crates/handler-tests/tests/handlers/outcomes/model_answers.rs", "recogniser"),  # a container's own words
}
# What defines a type, by language. Rust's aliases count too, but not the associated types of traits, which are indented.
TYPE = {
    ".rs": re.compile(r"^(?:\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union)|(?:pub(?:\([^)]*\))? )?type) ([A-Z]\w*)", re.MULTILINE),
    ".ts": re.compile(r"^(?:export )?(?:default )?(?:abstract )?(?:class|interface|type|enum) ([A-Z]\w*)", re.MULTILINE),
    ".py": re.compile(r"^class ([A-Z]\w*)", re.MULTILINE),
}  # fmt: skip
TESTS = re.compile(r"#\[cfg\(test\)\]\s*mod \w+ \{.*\Z", re.DOTALL)
# The crates, the page, the Python client, the reference model and the deployment; not their tests.
PRODUCT = re.compile(
    r"crates/[\w-]+/src/(?!.*/tests)(?!tests).*\.rs$|web/src/(?!.*\.test\.).*\.tsx?$"
    r"|clients/python/src/.*\.py$|crates/devstack/python/(?!test_).*\.py$|infra/.*\.py$"
)  # fmt: skip
# Types of the API in other languages: generated from docs/openapi.json, whose schemas are named after Rust's types.
API_TYPES = ("clients/python/src/docket_client/types.py", "web/src/api/types.ts")
ALIAS = re.compile(r"^export type (\w+) = Schemas\[\"(\w+)\"\];", re.MULTILINE)
# Names that several crates, modules or languages use for the same thing.
SAME_MEANING = {
    "the settings of the function in whose module it is": {"Environment"},
    "the same message or part of it, seen by its sender and its receiver": {"Detail", "ErrorBody", "PushMessage", "ResponseParameters"},
    "HTTP of two clients or servers": {"HttpResponse", "RequestBody"},
    "the same part of an endpoint in its model and in the light model of plans": {"Fleet", "Instance", "Scaling", "WarmHours"},
    "the same in the simulation and in the in-memory ports": {"MultipartUpload"},
    "p50, p90 and p99, of the demo and of the replay": {"Percentiles"},
    "an error, an operation and an error answer of the API, in the service and in its clients": {"ApiError", "Operation", "Problem"},
    "sign-in and tokens, on the page and in the command line, one also in the client": {
        "Challenge", "Claims", "PendingSignIn", "Session", "Token", "Tokens",
    },
    "a part of an uploaded file, and an upload to resume": {"FileRange", "UnfinishedUpload"},
    "a model's JSON result as the page and `docket` understand it": {"Rank", "Remainder", "Understood"},
    "a page's WebSocket connection, at its ends": {"Connection", "PageConnection"},
    "the feed, as it is stored and as the client reads it": {"FeedPage", "FeedPosition"},
    "infra/prices.toml, the AWS CLI, YAML with CloudFormation's tags": {"AwsCli", "Loader", "PriceList"},
    "the convention of Rust, of the client's users, and of Preact": {"Props", "Result"},
}  # fmt: skip


def files():
    """The tracked texts, by path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path in filter(None, listed.split("\0")):
        file = ROOT / path
        if file.suffix in SUFFIXES and not path.startswith(LEFT_OUT) and file.is_file():
            yield path, file.read_text()


def given_up(path, text):
    """Words in a text that Docket gave up, with their lines."""
    for pattern, instead in WORDS.items():
        # Capitals only where the pattern has no others: WORDS of code, not of prose.
        flags = 0 if pattern.isupper() or pattern[0].isupper() else re.IGNORECASE
        for found in re.finditer(rf"(?<![A-Za-z]){'(?:' + pattern + ')'}(?![A-Za-z])", text, flags):
            if not any(path.startswith(file) and found[0].lower().startswith(word) for file, word in ALLOWED):
                yield f"{path}:{text[: found.start()].count(chr(10)) + 1}: {found[0]!r}; say {instead}"


def product():
    """The product's sources that define types by hand, by path."""
    return ((path, text) for path, text in files() if PRODUCT.match(path) and path not in API_TYPES)


def twice(sources):
    """Type names that are defined more than once, with the files."""
    places = defaultdict(list)
    for path, text in sources:
        for name in TYPE[pathlib.Path(path).suffix.removesuffix("x")].findall(TESTS.sub("", text)):
            places[name].append(path)
    return {name: sorted(paths) for name, paths in places.items() if len(paths) > 1}


class Words(unittest.TestCase):
    """The texts as they are, and texts that break a rule."""

    def test_no_text_has_a_word_that_was_given_up(self):
        self.assertEqual([], [complaint for path, text in files() for complaint in given_up(path, text)])

    def test_a_word_that_was_given_up_is_noticed(self):
        for text in ("a Wake-up", "fn sweep()", "const PATIENCE: u8", "MOST_ROWS", "Somebody else", "no one", "enum Trouble {", "signs_of_life", "it was canceled", "// TODO"):
            self.assertNotEqual([], list(given_up("x.rs", text)), text)
        self.assertEqual([], list(given_up("x.rs", "most of it, a waker, gracefully, the youngest, latest")))

    def test_a_type_name_of_the_product_means_one_thing(self):
        allowed = set().union(*SAME_MEANING.values())
        used_twice = twice(product())
        self.assertEqual({}, {name: at for name, at in used_twice.items() if name not in allowed})
        self.assertEqual(set(), allowed - used_twice.keys(), "names that are used once now")

    def test_the_product_has_sources_in_each_language(self):
        found = {pathlib.Path(path).parts[0] + pathlib.Path(path).suffix for path, _ in product()}
        self.assertLessEqual({"crates.rs", "crates.py", "web.ts", "web.tsx", "clients.py", "infra.py"}, found)

    def test_a_type_of_the_api_has_its_schemas_name_on_the_page(self):
        aliases = ALIAS.findall((ROOT / "web/src/api/types.ts").read_text())
        self.assertGreater(len(aliases), 30)
        self.assertEqual([], [(alias, schema) for alias, schema in aliases if alias != schema])

    def test_a_type_name_that_is_used_twice_is_noticed(self):
        self.assertEqual({"A": ["x.rs", "y.rs"]}, twice([("x.rs", "pub struct A;\nenum B {"), ("y.rs", "pub(crate) enum A {")]))
        self.assertEqual({"A": ["x.rs", "y.rs"]}, twice([("x.rs", "pub type A = u8;"), ("y.rs", "struct A;\nimpl B for C {\n    type B = u8;")]))
        places = {"A": ["w.tsx", "x.rs", "y.ts", "z.py"]}
        self.assertEqual(places, twice([("x.rs", "trait A {"), ("y.ts", "export class A<T> {"), ("w.tsx", "interface A {"), ("z.py", "class A:")]))


if __name__ == "__main__":
    unittest.main()
