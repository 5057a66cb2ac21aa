// Generates src/api/openapi.ts and src/api/limits.ts from docs/openapi.json.
//   api-types.mjs            writes the files
//   api-types.mjs --check    fails if a committed file is out of date
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const SOURCE = join(import.meta.dirname, "..", "..", "docs", "openapi.json");
const TARGET = join(import.meta.dirname, "..", "src", "api");
const HEADER = "// Generated from docs/openapi.json by `npm run api-types`. Do not edit.\n\n";

// Without examples, which would be comments of a thousand lines. No schema has a field with these names.
const withoutExamples = (key, value) => (key === "example" || key === "examples" ? undefined : value);
const document = JSON.parse(readFileSync(SOURCE, "utf8"), withoutExamples);

/** The limit that a schema sets for a field. */
function limit(schema, field, keyword) {
  const found = document.components.schemas[schema].properties[field][keyword];
  if (typeof found !== "number") throw new Error(`${schema}.${field} has no ${keyword}`);
  return found;
}

const limits = {
  assignee: limit("MarksChange", "assigned_to", "maxLength"),
  batch: limit("NewUpload", "batch", "maxLength"),
  countedFindings: limit("FindingCounts", "other", "maximum"),
  fileName: limit("NewUpload", "name", "maxLength"),
  jobsPerPage: limit("JobQuery", "limit", "maximum"),
  model: limit("RetryPlanFilter", "model", "maxLength"),
  note: limit("MarksChange", "note", "maxLength"),
  perMinute: limit("NewRetryPlan", "per_minute", "maximum"),
  planReason: limit("NewRetryPlan", "reason", "maxLength"),
  reason: limit("JobCommandRequest", "reason", "maxLength"),
  webhookUrl: limit("NewWebhook", "url", "maxLength"),
};
for (const [name, value] of Object.entries(document["x-limits"]))
  limits[name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())] = value;
const fields = Object.entries(limits).sort(([a], [b]) => (a < b ? -1 : 1));

const files = {
  "openapi.ts": HEADER + astToString(await openapiTS(document, { defaultNonNullable: false })),
  "limits.ts": `${HEADER}/** The API's limits. Texts are measured in characters, unless the name says otherwise. */\n\n${fields
    .map(([name, value]) => `export const ${name} = ${value};\n`)
    .join("")}`,
};
let isStale = false;
for (const [name, text] of Object.entries(files)) {
  const path = join(TARGET, name);
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (readFileSync(path, "utf8") !== text) {
    console.error(`src/api/${name} does not match docs/openapi.json: run \`npm run api-types\` and commit the result`);
    isStale = true;
  }
}
if (isStale) process.exit(1);
