"""Writes a bill of materials (SBOM, CycloneDX 1.6 as JSON) for each thing that is built here.

  python supply-chain/sbom.py [--out target/sbom] [--features functions/otel] [--venv .venv] [--zips target/lambda]
                              [--binaries target/release] [--no-local-stack]

One per function and one for the command line: the crates that Cargo links into it, with the SHA-256 of the zip or program if
it is built. All functions are one package, so Cargo links the same crates into each; which parts of them a function uses, the
linker decides. One for the page: the npm packages in its bundle. One for the local stack with the reference model: the Python
packages in .venv, with their licences' texts. They are checked against CycloneDX's schema.
The same inputs give the same bytes: no times, no random numbers.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path
import re
import subprocess
import sys

from crates import ROOT, Crate, host, linked
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FUNCTIONS = ROOT / "crates" / "function-binaries" / "src" / "bin"
# Vite writes a heading for each package in the bundle: "## preact - 11.2.0 (MIT)".
BUNDLED = re.compile(r"^## (\S+) - (\S+)", re.MULTILINE)


def program(name: str, artefact: Path, crates: list[Crate], package: str) -> dict:
    """The SBOM of a compiled program."""
    components = {str(crate): component(crate) for crate in crates}
    root = components[next(str(crate) for crate in crates if crate.name == package)]
    bom = Bom()
    bom.metadata.component = main = described(name, root.version, artefact)
    for crate in crates:
        bom.components.add(components[str(crate)])
        bom.register_dependency(components[str(crate)], [components[used] for used in crate.uses])
    bom.register_dependency(main, [root])
    return json.loads(JsonV1Dot6(bom).output_as_string())


def described(name: str, version: str, artefact: Path) -> Component:
    """The thing that an SBOM is about."""
    main = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=name)
    main.licenses.add(LicenseFactory().make_from_string("Apache-2.0"))
    if artefact.is_file():
        digest = hashlib.sha256(artefact.read_bytes()).hexdigest()
        main.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
    return main


def component(crate: Crate) -> Component:
    """A crate. Only those of crates.io have a package URL: others of the same name may be there."""
    purl = PackageURL("cargo", None, crate.name, crate.version) if crate.sha256 else None
    made = Component(
        name=crate.name,
        version=crate.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl or crate),
        description=" ".join(crate.description.split()),
    )
    made.licenses.add(LicenseFactory().make_from_string(crate.license.replace("/", " OR ")))
    if crate.sha256:
        made.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=crate.sha256))
    if crate.repository:
        made.external_references.add(ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(crate.repository)))
    return made


def page() -> dict:
    """The SBOM of the page: npm's own, with the packages in the bundle alone."""
    command = ["npm", "sbom", "--sbom-format", "cyclonedx", "--omit", "dev", "--package-lock-only"]
    printed = subprocess.run(command, cwd=ROOT / "web", check=True, stdout=subprocess.PIPE, text=True).stdout
    bom = json.loads(printed)
    bundled = {f"{name}@{version}" for name, version in BUNDLED.findall((ROOT / "web/dist/third-party-notices.txt").read_text())}
    if missing := bundled - {one["bom-ref"] for one in bom["components"]}:
        raise SystemExit(f"sbom: the page's bundle has {', '.join(sorted(missing))}, which npm does not list as a dependency")
    bom["components"] = [one for one in bom["components"] if one["bom-ref"] in bundled]
    kept = bundled | {bom["metadata"]["component"]["bom-ref"]}
    bom["dependencies"] = [
        {"ref": one["ref"], "dependsOn": [used for used in one["dependsOn"] if used in kept]}
        for one in bom["dependencies"]
        if one["ref"] in kept
    ]
    bom["metadata"]["component"]["name"] = "docket-web"
    del bom["serialNumber"], bom["metadata"]["timestamp"]
    return bom


def local_stack(venv: Path) -> dict:
    """The SBOM of the local stack's Python packages, among them those of the reference model."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    options = ["--gather-license-texts", "--output-reproducible", "--of", "JSON", "-o", "-"]
    command = [tool, "environment", *options, venv / "bin" / "python"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def write(bom: dict, file: Path, check: bool = True) -> None:
    """Checks the SBOM against the schema of its version, which takes seconds, and writes it."""
    # cyclonedx-python-lib numbers each document at random and names the time.
    bom.pop("serialNumber", None)
    bom["metadata"].pop("timestamp", None)
    text = json.dumps(bom, indent=1, ensure_ascii=False) + "\n"
    validator = JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"]))
    if check and (wrong := validator.validate_str(text)):
        raise SystemExit(f"sbom: {file.name} does not follow CycloneDX: {wrong}")
    file.write_text(text)
    print(f"{len(bom['components']):>4} components  {file.name}", file=sys.stderr)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Writes a bill of materials for each thing that is built here.")
    parser.add_argument("--out", type=Path, default=TARGET / "sbom")
    parser.add_argument("--features", default="", help="with which the functions were built")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("--zips", type=Path, default=ROOT / "target" / "lambda", help="folder of the functions' zips")
    parser.add_argument("--binaries", type=Path, default=TARGET / "release", help="folder of the command line")
    parser.add_argument("--no-local-stack", action="store_true", help="leave out the local stack, which is in no release")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    # The functions are built for Linux; arm64 and x86_64 link the same crates.
    crates = linked("function-binaries", list(filter(None, [options.features])), host())
    names = sorted(path.stem for path in FUNCTIONS.glob("*.rs"))
    for name in names:
        artefact = options.zips / f"{name}.zip"
        # They differ in the function's name and hash alone.
        write(program(name, artefact, crates, "function-binaries"), options.out / f"{name}.cdx.json", check=name == names[0])
    docket = linked("docket", [], host())
    write(program("docket", options.binaries / "docket", docket, "docket"), options.out / "docket.cdx.json")
    if (ROOT / "web/dist/third-party-notices.txt").is_file():
        write(page(), options.out / "docket-web.cdx.json")
    else:
        print("sbom: the page is not built: no SBOM for it", file=sys.stderr)
    if not options.no_local_stack:
        write(local_stack(options.venv), options.out / "local-stack.cdx.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
