#!/usr/bin/env bash
# Library:   python-docx 1.2.0 (Python), docx2txt 0.9 (Python) and mammoth 1.13.0 (npm), the last two for comparison.
# Date:      2026-12-01.
#
# Guess, written down before running: `paragraph.text` of a contract with tracked changes is the text as it would be with all
# changes accepted: with what was inserted, without what was deleted. If not, it is the text before the changes.
#
# Behaviour: it is neither. Deleted words are left out, and inserted words too, so a sentence says what no version of
# the contract says. Content controls (the fields of a template that are filled in) are left out in the same way.
# docx2txt and mammoth give the text with the changes accepted.
#
# Output seen:
#   before the changes: The supplier is fully liable. Term: 48 months.
#   after the changes:  The supplier is not liable. Term: 48 months.
#   python-docx:        The supplier is liable. Term: months.
#   docx2txt:           The supplier is not liable. Term: 48 months.
#   mammoth:            The supplier is not liable. Term: 48 months.
#
# Needs Node.js. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check python-docx==1.2.0 docx2txt==0.9
npm install --loglevel=error --no-audit --no-fund --prefix "$work" mammoth@1.13.0 > "$work/log"
cat > "$work/probe.py" <<'PYTHON'
import json
import subprocess
import sys

import docx
import docx2txt
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

CHANGE = f'{nsdecls("w")} w:author="A" w:date="2026-01-02T03:04:05Z"'
SPACE = 'xml:space="preserve"'
document = docx.Document()
paragraph = document.add_paragraph("The supplier is ")
for part in (
    f"<w:del {CHANGE} w:id='1'><w:r><w:delText {SPACE}>fully </w:delText></w:r></w:del>",
    f"<w:ins {CHANGE} w:id='2'><w:r><w:t {SPACE}>not </w:t></w:r></w:ins>",
    f"<w:r {nsdecls('w')}><w:t {SPACE}>liable. Term: </w:t></w:r>",
    f"<w:sdt {nsdecls('w')}><w:sdtPr/><w:sdtContent><w:r><w:t {SPACE}>48 </w:t></w:r></w:sdtContent></w:sdt>",
    f"<w:r {nsdecls('w')}><w:t>months.</w:t></w:r>",
):
    paragraph._p.append(parse_xml(part))
document.save("contract.docx")

script = 'require("mammoth").extractRawText({path: "contract.docx"}).then(({value}) => console.log(JSON.stringify(value)))'
by_mammoth = subprocess.run(["node", "-e", script], check=True, capture_output=True, text=True, timeout=60).stdout
seen = {
    "python-docx": " ".join(one.text for one in docx.Document("contract.docx").paragraphs),
    "docx2txt": docx2txt.process("contract.docx").strip(),
    "mammoth": json.loads(by_mammoth).strip(),
}
print("before the changes: The supplier is fully liable. Term: 48 months.")
print("after the changes:  The supplier is not liable. Term: 48 months.")
for name, text in seen.items():
    print(f"{name + ':':19} {text}")
accepted = "The supplier is not liable. Term: 48 months."
sys.exit(0 if list(seen.values()) == ["The supplier is liable. Term: months.", accepted, accepted] else 1)
PYTHON
cd "$work" && venv/bin/python probe.py
