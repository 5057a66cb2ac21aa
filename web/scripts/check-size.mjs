// Prints the size of each asset and fails if the script of the first screen exceeds its budget of 40 kB (gzip).
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 40 * 1000;
const dist = join(import.meta.dirname, "..", "dist");
const html = readFileSync(join(dist, "index.html"), "utf8");
let script = 0;
const files = readdirSync(join(dist, "assets"), { withFileTypes: true }).filter((entry) => entry.isFile());
for (const { name } of files) {
  const bytes = gzipSync(readFileSync(join(dist, "assets", name)), { level: 9 }).length;
  // Assets that index.html names load first; the others load with the screen that needs them.
  const first = html.includes(name);
  if (first && name.endsWith(".js")) script += bytes;
  console.log(`${String(bytes).padStart(7)} B gzip  ${first ? "first" : "later"}  ${name}`);
}
console.log(`script for the first screen: ${script} of ${BUDGET_BYTES} B`);
if (script > BUDGET_BYTES) {
  console.error("over budget: load something lazily, or remove it");
  process.exit(1);
}
