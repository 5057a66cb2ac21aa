"""Looks for known vulnerabilities of the dependencies, in the databases of Rust, npm and Python.

  python supply-chain/advisories.py [rust] [npm] [python]     all three without arguments

Each check says how many packages it looked up. Where its database cannot be reached, it says "not checked" and why, and
fails nothing; a vulnerability that a database names fails the command. To take the RustSec database from a mirror, set
git's url.<mirror>.insteadOf to its address (RUSTSEC). Needs cargo-deny, npm and pip-audit on the path.
"""

import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = Path(__file__).resolve().parent.parent
RUSTSEC = "https://github.com/RustSec/advisory-db"
PYTHON = ROOT / "crates" / "devstack" / "python"
REQUIREMENTS = (
    PYTHON / "requirements.txt",
    PYTHON / "requirements-ocr.txt",
    PYTHON / "requirements-model.txt",
    PYTHON / "requirements-check.txt",
    ROOT / "supply-chain" / "requirements.txt",
    ROOT / "tests" / "baseline" / "requirements.txt",
    ROOT / "tests" / "clients" / "requirements.txt",
    ROOT / "tests" / "clients" / "s3" / "requirements.txt",
    ROOT / "tests" / "emulators" / "requirements.txt",
    ROOT / "tests" / "mutation" / "requirements.txt",
    ROOT / "infra" / "deploy" / "requirements.txt",
)
MAX_SECONDS = 600
# cargo-deny refuses a database without any advisory.
NO_CRATE = """```toml
[advisory]
id = "RUSTSEC-2000-0000"
package = "no-crate"
date = "2000-01-01"

[versions]
patched = []
```

# None

This advisory concerns no crate.
"""


class NotChecked(Exception):
    """A database could not be reached; the text says why."""


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Runs a tool and returns its output. CI must have every tool."""
    if not shutil.which(command[0]):
        if os.environ.get("CI"):
            raise SystemExit(f"advisories: CI needs {command[0]}")
        raise NotChecked(f"{command[0]} is not installed")
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            check=False,
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotChecked(f"{command[0]} did not end within {MAX_SECONDS} s") from None


def rust(project: Path = ROOT) -> list[str]:
    """Crates with an advisory of RustSec, and crates that were withdrawn (yanked) from crates.io."""
    fetched = run("cargo", "deny", "fetch", "db", cwd=project)
    if fetched.returncode == 0:
        return cargo_deny(project, "advisories of RustSec")
    if complaints := withdrawn(project):
        return complaints
    lines = fetched.stderr.strip().splitlines()
    reason = next((line for line in lines if line.startswith("fatal: ")), lines[-1] if lines else "no reason given")
    raise NotChecked(f"git cannot fetch the RustSec database: {reason.removeprefix('fatal: ')}")


def withdrawn(project: Path) -> list[str]:
    """Crates that crates.io names as yanked. cargo-deny needs a database to ask for them: this one has no advisory."""
    with tempfile.TemporaryDirectory() as folder:
        database, config = Path(folder) / "database", Path(folder) / "deny.toml"
        settings = (project / "deny.toml").read_text()
        config.write_text(settings.replace("[advisories]\n", f'[advisories]\ndb-path = "{folder}/fetched"\n'))
        env = advisory_database(database, {"RUSTSEC-2000-0000": NO_CRATE})
        if run("cargo", "deny", "--config", config, "fetch", "index", cwd=project, env=env).returncode != 0:
            return []
        return cargo_deny(project, "yanked releases on crates.io", "--config", config, env=env)


def cargo_deny(project: Path, source: str, *options: str | Path, env: dict[str, str] | None = None) -> list[str]:
    """What cargo-deny complains about."""
    checked = run("cargo", "deny", *options, "check", "advisories", cwd=project, env=env)
    crates = (project / "Cargo.lock").read_text().count("[[package]]")
    print(f"advisories: rust: looked up {crates} crates in {source}", file=sys.stderr)
    return [] if checked.returncode == 0 else [checked.stderr.strip()]


def advisory_database(folder: Path, advisories: dict[str, str]) -> dict[str, str]:
    """Writes advisories as a repository like RustSec's, and returns the environment that makes git fetch it instead."""
    for name, text in advisories.items():
        crate = re.search(r'^package = "(.+)"', text, re.MULTILINE)[1]
        (folder / "crates" / crate).mkdir(parents=True)
        (folder / "crates" / crate / f"{name}.md").write_text(text)
    author = ("-c", "user.name=docket", "-c", "user.email=docket@localhost")
    for command in (("init", "--quiet", "--initial-branch=main"), ("add", "."), (*author, "commit", "--quiet", "-m", "-")):
        subprocess.run(("git", *command), cwd=folder, check=True)
    variables = {"KEY_0": f"url.file://{folder}.insteadOf", "VALUE_0": RUSTSEC, "COUNT": "1"}
    return {f"GIT_CONFIG_{name}": value for name, value in variables.items()}


def npm(folders: tuple[Path, ...] = (ROOT / "web", ROOT / "infra" / "cdk", ROOT / "crates" / "devstack" / "company")) -> list[str]:
    """Packages of the package-lock.json of each folder with an advisory in npm's database."""
    complaints, count = [], 0
    for folder in folders:
        audited = run("npm", "audit", "--json", cwd=folder)
        try:
            report = json.loads(audited.stdout)
        except json.JSONDecodeError:
            report = {"message": audited.stderr.strip()}
        if "vulnerabilities" not in report:
            raise NotChecked(f"npm audit: {report.get('message') or report.get('error')}")
        count += report["metadata"]["dependencies"]["total"]
        complaints += [
            f"npm: {name} {found['range']}: {found['severity']}; {', '.join(reasons(found))}"
            for name, found in sorted(report["vulnerabilities"].items())
        ]
    print(f"advisories: npm: looked up {count} packages in npm's database", file=sys.stderr)
    return complaints


def reasons(found: dict) -> list[str]:
    """The advisories behind an entry of npm's report, or the dependencies that have them."""
    return [via if isinstance(via, str) else f"{via['title']} ({via['url']})" for via in found["via"]]


def python(requirements: tuple[Path, ...] = REQUIREMENTS) -> list[str]:
    """Pinned packages with a vulnerability that PyPI names."""
    options = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json")
    complaints, known, unknown = [], set(), set()
    # One file after the other: pip-audit refuses two pins of one package.
    for file in requirements:
        audited = run("pip-audit", *options, "-r", file)
        try:
            report = json.loads(audited.stdout)
        except json.JSONDecodeError:
            raise NotChecked(f"pip-audit: {(audited.stderr.strip().splitlines() or ['no output'])[-1]}") from None
        for package in report["dependencies"]:
            (unknown if "skip_reason" in package else known).add(package["name"])
            for found in package.get("vulns", []):
                fixed = ", ".join(found["fix_versions"]) or "no release"
                complaints.append(f"python: {package['name']} {package['version']}: {found['id']}, fixed by {fixed}")
    if known:
        print(f"advisories: python: looked up {len(known)} packages in PyPI's database", file=sys.stderr)
    if unknown and not complaints:
        raise NotChecked(f"PyPI does not answer for {len(unknown)} packages: {', '.join(sorted(unknown)[:3])}, ...")
    return complaints


def main() -> int:
    """The command line."""
    checks = {"rust": rust, "npm": npm, "python": python}
    names = sys.argv[1:] or list(checks)
    if not set(names) <= set(checks):
        print(__doc__, file=sys.stderr)
        return 2
    complaints = []
    for name in names:
        try:
            complaints += checks[name]()
        except NotChecked as reason:
            print(f"advisories: {name}: NOT CHECKED: {reason}", file=sys.stderr)
    for complaint in complaints:
        print(f"advisories: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
