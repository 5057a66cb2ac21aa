"""Makes a release: everything that a deployment needs, in one folder and one archive, built from a commit.

  python supply-chain/release.py [--out target/release-set] [--build FOLDER] [--processor x86_64] [--processor arm64]

Without --processor: for this machine's, and for each other one for which rustc has its standard library and PATH has a C
compiler. The folder docket-<version>-<processor>, and an archive of it, have the functions' zips, the templates with the program
that deploys them, the page, the command line, bills of materials, licence notices, release.json (version, commit,
tools) and SHA256SUMS. The same commit gives the same bytes, whatever the folder and the time, with the same compiler,
Node and zlib: paths are mapped to fixed ones, archives have fixed times, modes and order. The build has a folder of its own,
because the mapped paths are flags of the compiler and others would compile everything anew.
Standard library only; docs/deploy.md, Releases.
"""

import argparse
import gzip
import hashlib
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tarfile
import zlib

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "crates" / "devstack" / "python"))

import package  # noqa: E402  the program that makes the zips

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# Files of the repository that are in a release, at the same places, since the deployment looks for them there.
COPIED = ("infra", "samples/contracts/consulting-agreement.pdf", "crates/devstack/python/venv.py", "LICENSE", "CHANGELOG.md", "docs/deploy.md")
NOT_COPIED = re.compile(r"infra/environments/(?!example\.json)|infra/[a-z]+\.pyc")
START = """#!/bin/sh
# ./docket-deploy preflight|deploy|prove|undeploy|policies ENVIRONMENT.json: needs Python 3.10 with venv, and no compiler.
set -e
here=$(cd "$(dirname "$0")" && pwd)
venv=${DOCKET_VENV:-$here/.venv}
python3 "$here/crates/devstack/python/venv.py" "$venv" "$here/infra/deploy/requirements.txt"
exec "$venv/bin/python" -B "$here/infra/deploy" "$@"
"""


# Rust's names of targets, by what CloudFormation calls the processor.
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}


def run(*command: str | Path, folder: Path = ROOT, **environment: str) -> None:
    """Runs a command, and ends with it if it fails."""
    print(f"== {' '.join(map(str, command))}", file=sys.stderr)
    if status := subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=False).returncode:
        raise SystemExit(status)


def output(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def flags(build: Path) -> str:
    """The compiler's flags that leave no path of this machine in a program. The last one that fits wins."""
    cargo_home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")).resolve()
    places = {ROOT: "/docket", build: "/build", cargo_home: "/cargo", Path(output("rustc", "--print", "sysroot")): "/rust"}
    # Separated as Cargo asks, since a path may have spaces.
    return "\x1f".join(f"--remap-path-prefix={place}={name}" for place, name in places.items())


def native() -> str:
    """This machine's processor."""
    host = re.search(r"^host: (\S+)$", output("rustc", "-vV"), re.MULTILINE)[1]
    return next((processor for processor, target in TARGETS.items() if host.split("-")[0] == target.split("-")[0]), host)


def c_compiler(target: str) -> str:
    """The name that Debian gives to the C compiler for a target; it also links."""
    return target.replace("-unknown", "") + "-gcc"


def processors() -> list[str]:
    """Those that this machine can build for, its own first."""
    ours = native()
    found = [ours]
    for processor, target in TARGETS.items():
        if processor != ours and Path(output("rustc", "--print", "target-libdir", "--target", target)).exists() and shutil.which(c_compiler(target)):
            found.append(processor)
    return found


def build_programs(build: Path, processor: str) -> Path:
    """Compiles the functions and the command line. Returns their folder."""
    environment = {"CARGO_TARGET_DIR": str(build), "CARGO_ENCODED_RUSTFLAGS": flags(build), "CARGO_INCREMENTAL": "0"}
    # The C code of crates: without a path, the debugging information and the macro __FILE__ would have it.
    maps = f"-ffile-prefix-map={build}=/build -ffile-prefix-map={Path(os.environ.get('CARGO_HOME', Path.home() / '.cargo')).resolve()}=/cargo"
    command = ["cargo", "build", "--release", "--locked", "-p", "function-binaries", "-p", "docket"]
    if processor == native():
        run(*command, **environment, CFLAGS=maps)
        return build / "release"
    target = TARGETS[processor]
    name = target.replace("-", "_")
    compilers = {f"CC_{name}": c_compiler(target), f"CARGO_TARGET_{name.upper()}_LINKER": c_compiler(target)}
    run(*command, "--target", target, **environment, **compilers, **{f"CFLAGS_{name}": maps})
    return build / target / "release"


def build_page() -> None:
    """Builds the page anew, since the existing one may be of another commit."""
    shutil.rmtree(ROOT / "web" / "dist", ignore_errors=True)
    run("npm", "ci", "--silent", "--no-audit", "--no-fund", folder=ROOT / "web")
    run("npm", "run", "--silent", "build", folder=ROOT / "web")


def committed() -> list[str]:
    """The files of the repository that a release has."""
    listed = output("git", "ls-files", "-z", "--", *COPIED).split("\0")
    return [name for name in listed if name and not NOT_COPIED.match(name)]


def described(version: str, binaries: Path) -> dict:
    """What release.json says: which release it is, and what made it."""
    program = (binaries / package.functions()[0]).read_bytes()
    return {
        "version": version,
        "commit": output("git", "rev-parse", "HEAD"),
        "architecture": {62: "x86_64", 183: "arm64"}[int.from_bytes(program[18:20], "little")],
        "functions": package.functions(),
        "made_with": {"rustc": output("rustc", "-V"), "node": output("node", "--version"), "python": sys.version.split()[0], "zlib": zlib.ZLIB_RUNTIME_VERSION},
    }


def settings() -> str:
    """What a deployed service must have, for `make prove`: the template has loops, which only .venv can expand."""
    code = "import json, sys; sys.path[:0] = sys.argv[1:]; import settings; print(json.dumps(settings.settings_of_template(), indent=1, sort_keys=True))"
    return output(str(ROOT / ".venv" / "bin" / "python"), "-c", code, str(ROOT / "infra"), str(ROOT / "infra" / "deploy")) + "\n"


def assemble(folder: Path, release: dict, binaries: Path, page: Path) -> None:
    """Puts everything but the bills of materials into the release's folder."""
    (folder / "functions").mkdir(parents=True)
    for name in release["functions"]:
        package.package(binaries / name, folder / "functions" / f"{name}.zip")
    for name in committed():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    shutil.copytree(page, folder / "web" / "dist")
    (folder / "bin").mkdir()
    shutil.copyfile(binaries / "docket", folder / "bin" / "docket")
    shutil.copyfile(package.NOTICES, folder / "THIRD-PARTY-NOTICES-functions")
    shutil.copyfile(ROOT / "crates" / "docket" / "THIRD-PARTY-NOTICES", folder / "THIRD-PARTY-NOTICES-docket")
    (folder / "docket-deploy").write_text(START)
    (folder / "settings.json").write_text(settings())
    (folder / "release.json").write_text(json.dumps(release, indent=1) + "\n")


def seal(folder: Path) -> None:
    """Gives all files fixed modes and writes SHA256SUMS, in the format of sha256sum."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        path.chmod(0o755 if name in ("bin/docket", "docket-deploy") else 0o644)
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n")
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(lines))
    sums.chmod(0o644)


def archive(folder: Path, time: int) -> Path:
    """An archive of the folder, in which all times are `time`: that of the commit."""
    made = folder.with_name(f"{folder.name}.tar.gz")
    with made.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            info = tarfile.TarInfo(path.relative_to(folder.parent).as_posix())
            info.size, info.mtime, info.mode = path.stat().st_size, time, path.stat().st_mode & 0o777
            with path.open("rb") as file:
                tar.addfile(info, file)
    return made


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Makes a release of the commit that is checked out.")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "release-set")
    parser.add_argument("--build", type=Path, default=TARGET / "reproducible", help="Cargo's folder for this build")
    parser.add_argument("--processor", action="append", choices=TARGETS, help="may be repeated")
    options = parser.parse_args()
    if changed := output("git", "status", "--porcelain"):
        print(f"release: a release is made from a commit; these files differ from it or are not in it:\n{changed}", file=sys.stderr)
        return 1
    version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    wanted = options.processor or processors()
    if without := set(TARGETS) - set(wanted):
        print(f"release: nothing is built for {', '.join(sorted(without))}", file=sys.stderr)
    built = {processor: build_programs(options.build.resolve(), processor) for processor in wanted}
    build_page()
    for processor, binaries in built.items():
        release = described(version, binaries)
        if release["architecture"] != processor:
            print(f"release: the programs for {processor} are for {release['architecture']}", file=sys.stderr)
            return 1
        folder = options.out.resolve() / f"docket-{version}-{processor}"
        shutil.rmtree(folder, ignore_errors=True)
        assemble(folder, release, binaries, ROOT / "web" / "dist")
        sbom = [ROOT / "supply-chain" / "sbom.py", "--out", folder / "sbom", "--zips", folder / "functions", "--binaries", folder / "bin"]
        run(ROOT / "target" / "venv-supply-chain" / "bin" / "python", *sbom, "--no-local-stack")
        seal(folder)
        made = archive(folder, int(output("git", "log", "-1", "--format=%ct")))
        print(f"{hashlib.sha256(made.read_bytes()).hexdigest()}  {made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
