#!/usr/bin/env bash
# Library:   cloudevents 10.0.0 (the CloudEvents SDK for JavaScript, npm). Date: 2026-12-01.
#
# Guess, written down before running: an event with a PDF as data is read with the same bytes in `data` whether it came in
# binary mode (the body is the PDF) or in structured mode (JSON with `data_base64`), and written to a file it is the PDF.
#
# Behaviour: in structured mode `data` is a Uint32Array with one element a byte. Its length is right, and Buffer.from(data)
# copies it rightly, so a test that compares those passes. What takes the array as it is, such as fs.writeFile, sees four
# bytes for each: three zeros after every byte. In binary mode it is a Buffer.
#
# Output seen:
#   sent: 8 bytes "%PDF-1.7"
#   binary mode:     Buffer of length 8, as a file 8 bytes "%PDF-1.7"
#   structured mode: Uint32Array of length 8, as a file 32 bytes "%\0\0\0P\0\0\0D\0\0\0F\0\0\0-\0\0\01\0\0\0.\0\0\07\0\0\0"
#
# Needs Node.js. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --loglevel=error --no-audit --no-fund --prefix "$work" cloudevents@10.0.0 > log
cat > probe.js <<'JS'
const fs = require("fs");
const { CloudEvent, HTTP } = require("cloudevents");

const document = Buffer.from("%PDF-1.7");
const event = new CloudEvent({ id: "1", source: "/docket", type: "JobReady", datacontenttype: "application/pdf", data: document });
const show = (bytes) => `${bytes.length} bytes "${bytes.toString("latin1").replaceAll("\0", "\\0")}"`;

console.log(`sent: ${show(document)}`);
const seen = [];
for (const [name, message] of [["binary mode:    ", HTTP.binary(event)], ["structured mode:", HTTP.structured(event)]]) {
  const { data } = HTTP.toEvent(message);
  fs.writeFileSync("document.pdf", data);
  const file = fs.readFileSync("document.pdf");
  console.log(`${name} ${data.constructor.name} of length ${data.length}, as a file ${show(file)}`);
  seen.push(data.length, file.length);
}
process.exit(seen.join() === "8,8,8,32" ? 0 : 1);
JS
node probe.js
