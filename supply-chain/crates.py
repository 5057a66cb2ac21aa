"""The crates that are linked into a program, by Cargo's own resolution."""

from collections import defaultdict
from dataclasses import dataclass
import json
from pathlib import Path
import subprocess

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Crate:
    """A crate that is linked into a program."""

    name: str
    version: str
    license: str
    description: str
    repository: str
    folder: Path
    # The SHA-256 of the package on crates.io; None for the crates of this repository.
    sha256: str | None
    # The linked crates that it uses, as "name version".
    uses: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def cargo(*arguments: str) -> str:
    """Runs Cargo in the repository and returns what it prints."""
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def host() -> str:
    """The target that this machine builds for."""
    printed = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(line.removeprefix("host: ") for line in printed.splitlines() if line.startswith("host: "))


def linked(package: str, features: list[str], target: str) -> list[Crate]:
    """The crates that Cargo links into the programs of a package, its own library included.

    `target` is a target triple, or `all`. Crates that only run while compiling (build scripts, procedural macros) and crates of
    tests are none of them.
    """
    uses = dependencies(package, features, target)
    sha256 = checksums()
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    return sorted(
        (
            Crate(
                name=one["name"],
                version=one["version"],
                license=one["license"] or "",
                description=one["description"] or "",
                repository=one["repository"] or "",
                folder=Path(one["manifest_path"]).parent,
                sha256=sha256.get((one["name"], one["version"])),
                uses=tuple(sorted(uses[f"{one['name']} {one['version']}"])),
            )
            for one in packages
            if f"{one['name']} {one['version']}" in uses
        ),
        key=str,
    )


def dependencies(package: str, features: list[str], target: str) -> dict[str, set[str]]:
    """Which linked crate uses which others, as "name version"."""
    selection = ["--package", package, "--features", ",".join(features), "--target", target]
    options = ["--edges", "normal,no-proc-macro", "--prefix", "depth", "--no-dedupe", "--format", " {p}"]
    uses, path = defaultdict(set), []
    for line in cargo("tree", "--locked", *selection, *options).splitlines():
        # "2 tokio v1.2.3", for members of the workspace with " (/their/path)" behind.
        depth, name, version = line.split(" ")[:3]
        path[int(depth) :] = [f"{name} {version.removeprefix('v')}"]
        uses[path[-1]].update()
        if len(path) > 1:
            uses[path[-2]].add(path[-1])
    return uses


def checksums() -> dict[tuple[str, str], str]:
    """The SHA-256 that Cargo.lock names for each crate of crates.io."""
    found = {}
    for block in (ROOT / "Cargo.lock").read_text().split("[[package]]\n")[1:]:
        fields = dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
        if "checksum" in fields:
            found[json.loads(fields["name"]), json.loads(fields["version"])] = json.loads(fields["checksum"])
    return found
