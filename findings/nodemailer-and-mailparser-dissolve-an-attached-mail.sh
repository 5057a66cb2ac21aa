#!/usr/bin/env bash
# Library:   nodemailer 10.6.1 and mailparser 3.14.2 (npm). Date: 2026-12-01.
#
# Guess, after the plain case had been seen, written down before the case with `contentDisposition` was run: of a mail sent by
# nodemailer with the attachments order.eml and terms.pdf, mailparser lists these two, in either case.
#
# Behaviour: nodemailer sends every entry of `attachments` as an attachment except a mail, which it sends inline; and mailparser
# takes an inline mail apart. order.eml is gone: its text, with its headers, stands in the text of the outer mail as if
# the sender had written it there, and the contract in it is listed beside terms.pdf, with no sign of where it came from.
# With `contentDisposition: "attachment"` it arrives as it was attached.
#
# Output seen:
#   as attached:        contract.pdf, terms.pdf; text with "Please sign."
#   contentDisposition: order.eml, terms.pdf; text without it
#
# Needs Node.js. Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --loglevel=error --no-audit --no-fund --prefix "$work" nodemailer@10.6.1 mailparser@3.14.2 > log
cat > probe.js <<'JS'
const { createTransport } = require("nodemailer");
const { simpleParser } = require("mailparser");

const transport = createTransport({ streamTransport: true, buffer: true });
const compose = async (mail) => (await transport.sendMail(mail)).message;
const document = (filename) => ({ filename, content: Buffer.from("%PDF-1.7") });

async function received(how) {
  const order = await compose({
    from: "ben@beta.example",
    to: "ana@acme.example",
    subject: "Order",
    text: "Please sign.",
    attachments: [document("contract.pdf")],
  });
  const mail = await simpleParser(await compose({
    from: "ana@acme.example",
    to: "inbox@docket.example",
    subject: "For review",
    text: "See the attached mail.",
    attachments: [{ filename: "order.eml", content: order, ...how }, document("terms.pdf")],
  }));
  return [mail.attachments.map(({ filename }) => filename).join(", "), mail.text.includes("Please sign.")];
}

(async () => {
  const seen = [await received({}), await received({ contentDisposition: "attachment" })];
  ["as attached:       ", "contentDisposition:"].forEach((name, index) => {
    const [files, dissolved] = seen[index];
    console.log(`${name} ${files}; text ${dissolved ? 'with "Please sign."' : "without it"}`);
  });
  process.exit(seen.join(" | ") === "contract.pdf, terms.pdf,true | order.eml, terms.pdf,false" ? 0 : 1);
})();
JS
node probe.js
