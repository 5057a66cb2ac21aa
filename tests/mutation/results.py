"""What became of each mutant: results.json, the survivors that are accepted, and the figures of a run."""

import collections
import hashlib
import json
import pathlib
import sys
import tomllib

from instrument import Mutant

NOTICED = ("caught", "hangs")
# An undecided mutant counts as one that no test noticed.
SURVIVED = ("survived", "unreached", "undecided")


class Results:
    """The results of a run, by the number of the mutant."""

    def __init__(self, root: pathlib.Path, path: pathlib.Path, mutants: list[Mutant], packages: tuple[str, ...]):
        self.root = root
        self.path = path
        self.mutants = mutants
        self.by_number: dict[int, str] = {}
        self.untried: dict[int, str] = {}
        entries = json.loads(path.read_text()) if path.is_file() else []
        self.last = [it for it in entries if it.get("package") in packages]
        self.of_other_packages = [it for it in entries if it.get("package", "") not in packages]
        self.sources = {it.file: (root / it.file).read_text() for it in mutants}

    def entry(self, mutant: Mutant) -> dict:
        start = mutant.span["start"]
        result = self.by_number.get(mutant.number) or self.untried.get(mutant.number, "not tried")
        return {
            "package": mutant.package,
            "file": mutant.file,
            "source": hashlib.sha256(self.sources[mutant.file].encode()).hexdigest()[:16],
            "line": start["line"],
            "column": start["column"],
            "mutant": mutant.name,
            "result": result,
        }

    def of_last_run(self, *wanted: str) -> dict[int, str]:
        """The results of the last run that are among these, of files that did not change since."""

        def key(entry: dict) -> tuple:
            return tuple(value for name, value in entry.items() if name != "result")

        known = {key(it): it["result"] for it in self.last if it["result"] in wanted}
        found = {it.number: known.get(key(self.entry(it))) for it in self.mutants}
        return {number: result for number, result in found.items() if result}

    def write(self) -> list[dict]:
        entries = [self.entry(it) for it in self.mutants]
        self.path.write_text(json.dumps([*self.of_other_packages, *entries], indent=1))
        return entries

    def line(self, mutant: Mutant) -> str:
        return self.sources[mutant.file].splitlines()[mutant.span["start"]["line"] - 1].strip()

    def report(self) -> int:
        counted = collections.Counter(it["result"] for it in self.write()).most_common()
        print(", ".join(f"{count} {result}" for result, count in counted), file=sys.stderr)
        survivors = [it for it in self.mutants if self.by_number.get(it.number) in SURVIVED]
        accepted = read_accepted(self.root / "tests" / "mutation" / "accepted.toml")
        mattering = [it for it in survivors if (it.file, it.name, self.line(it)) not in accepted]
        for mutant in mattering:
            print(mutant.describe())
        survived = {(it.file, it.name, self.line(it)) for it in survivors}
        tried = {(it.file, it.name, self.line(it)) for it in self.mutants if it.number in self.by_number}
        for file, name, line in (accepted & tried) - survived:
            print(f"accepted, but caught: {file}: {name}: {line}", file=sys.stderr)
        caught = len(self.by_number) - len(survivors)
        figures = {"viable": len(self.by_number), "caught": caught, "survivors_that_matter": len(mattering)}
        print(json.dumps(figures))
        return 1 if mattering else 0


def read_accepted(path: pathlib.Path) -> set[tuple[str, str, str]]:
    """The survivors that do not matter: the file, the mutant, and the line of source without its indentation."""
    entries = tomllib.loads(path.read_text()).get("accepted", [])
    for entry in entries:
        if not entry.get("reason", "").strip():
            raise SystemExit(f"{path.name}: {entry} has no reason")
    return {(it["file"], mutant, it["line"]) for it in entries for mutant in it["mutants"]}
