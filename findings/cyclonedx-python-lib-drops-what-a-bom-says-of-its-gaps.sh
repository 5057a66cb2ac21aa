#!/usr/bin/env bash
# Library:   cyclonedx-python-lib 11.12.0 (Python). Date: 2026-12-01.
#
# Guess, written down before running: a valid bill of materials (CycloneDX 1.6) that is read with Bom.from_json and written
# with the same version's writer keeps all its parts; a part that the library does not know is refused when it is read.
#
# Behaviour: `compositions` (which says that a list of components is incomplete), `annotations` and `formulation` are dropped
# without a word, and what is written is valid. A tool that reads a bill only to add a property so turns "incomplete" into
# nothing said.
#
# Output seen:
#   read:    valid, with annotations, compositions, formulation, vulnerabilities
#   written: valid, with vulnerabilities
#   warnings: 0
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "cyclonedx-python-lib[json-validation]==11.12.0"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
import warnings

from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

PARTS = ("annotations", "compositions", "formulation", "vulnerabilities")
validator = JsonStrictValidator(SchemaVersion.V1_6)
before = {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:6f1e0c1e-3b0d-4b7e-9a53-0d3f5a1c2b4d",
    "version": 1,
    "metadata": {"component": {"type": "application", "bom-ref": "service", "name": "service", "version": "1"}},
    "components": [{"type": "library", "bom-ref": "pdf", "name": "pdf", "version": "1.0"}],
    "dependencies": [{"ref": "service", "dependsOn": ["pdf"]}],
    "compositions": [{"aggregate": "incomplete", "assemblies": ["service"]}],
    "annotations": [{
        "subjects": ["pdf"],
        "annotator": {"individual": {"name": "Reviewer"}},
        "timestamp": "2026-01-02T03:04:05Z",
        "text": "patched by us",
    }],
    "formulation": [{"bom-ref": "build"}],
    "vulnerabilities": [{"bom-ref": "one", "id": "CVE-2026-0001", "affects": [{"ref": "pdf"}]}],
}


def show(name, bom):
    parts = [part for part in PARTS if part in bom]
    error = validator.validate_str(json.dumps(bom))
    print(f"{name} {'valid' if error is None else 'invalid'}, with {', '.join(parts)}")
    return error is None, parts


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    after = json.loads(JsonV1Dot6(Bom.from_json(before)).output_as_string())
    said = [one for one in caught if not issubclass(one.category, DeprecationWarning)]
seen = [show("read:   ", before), show("written:", after)]
print(f"warnings: {len(said)}")
sys.exit(0 if seen == [(True, list(PARTS)), (True, ["vulnerabilities"])] and not said else 1)
PYTHON
