// Prints the size of what the first screen loads, and fails if its script exceeds its budget of 40 kB (gzip).
// On standard error: standard output belongs to what is run after the build, for example the demo.
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
  if (!html.includes(name)) continue;
  if (name.endsWith(".js")) script += bytes;
  console.error(`${String(bytes).padStart(7)} B gzip  ${name}`);
}
console.error(`script for the first screen: ${script} of ${BUDGET_BYTES} B`);
if (script > BUDGET_BYTES) {
  console.error("over budget: load something lazily, or remove it");
  process.exit(1);
}
