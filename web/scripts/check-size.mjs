// Prints what the first screen costs and fails above the budget: 100 kB of script, as it goes over the wire.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 100 * 1000;
const dist = join(import.meta.dirname, "..", "dist");
const html = readFileSync(join(dist, "index.html"), "utf8");
let script = 0;
for (const name of readdirSync(join(dist, "assets")).sort()) {
  const bytes = gzipSync(readFileSync(join(dist, "assets", name)), { level: 9 }).length;
  // What index.html names is fetched before anything is seen; the rest comes with the screen that needs it.
  const first = html.includes(name);
  if (first && name.endsWith(".js")) script += bytes;
  console.log(`${String(bytes).padStart(7)} B gzip  ${first ? "first" : "later"}  ${name}`);
}
console.log(`script for the first screen: ${script} of ${BUDGET_BYTES} B`);
if (script > BUDGET_BYTES) {
  console.error("over the budget: load something later, or do without it");
  process.exit(1);
}
