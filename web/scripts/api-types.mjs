// Generates src/api/openapi.ts from docs/openapi.json.
//   api-types.mjs            writes the file
//   api-types.mjs --check    fails if the committed file is out of date
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const SOURCE = join(import.meta.dirname, "..", "..", "docs", "openapi.json");
const TARGET = join(import.meta.dirname, "..", "src", "api", "openapi.ts");
const HEADER = `// Generated from docs/openapi.json by \`npm run api-types\`. Do not edit.\n\n`;

// Fields that have a fixed set of values, which the document names only in the description. An entry has no effect as
// soon as the document has an enum (or a reference) there.
const STATUS_GROUPS = ["open", "ready", "failed", "cancelled", "erased"];
const VALUES = {
  "JobView.status": ["Submitting", "InProgress", "RetryScheduled", "Ready", "Failed", "Cancelled", "Erased"],
  "JobQuery.status": STATUS_GROUPS,
  "FailureView.cause": [
    "InvalidInput",
    "Superseded",
    "ModelRejected",
    "ModelError",
    "TimedOut",
    "Expired",
    "Lost",
    "PipelineGone",
    "Refused",
    "Unknown",
  ],
  "RetryPlanView.status": ["planned", "releasing", "released"],
  "Me.roles": ["customer", "reviewer", "support"],
  "AuditEntry.action": ["retry", "cancel", "delete-data", "plan", "apply-plan", "redrive", "discard"],
};

const document = withoutNull(JSON.parse(readFileSync(SOURCE, "utf8")));
for (const [field, values] of Object.entries(VALUES)) {
  const [schema, property] = field.split(".");
  const found = document.components.schemas[schema]?.properties?.[property];
  if (!found) throw new Error(`docs/openapi.json has no ${field} any more: update VALUES in scripts/api-types.mjs`);
  restrict(found, values);
}
for (const parameter of document.paths["/jobs"].get.parameters) {
  if (parameter.name === "status") restrict(parameter.schema, STATUS_GROUPS);
}

const text = HEADER + astToString(await openapiTS(document, { defaultNonNullable: false }));
if (!process.argv.includes("--check")) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, "utf8") !== text) {
  console.error("src/api/openapi.ts does not match docs/openapi.json: run `npm run api-types` and commit the result");
  process.exit(1);
}

function restrict(schema, values) {
  const strings = schema.type === "array" ? schema.items : schema;
  if (strings.type === "string") strings.enum ??= values;
}

// The service leaves out a field that has no value; it never sends `null`. The document allows both.
function withoutNull(node) {
  if (Array.isArray(node)) return node.map(withoutNull);
  if (typeof node !== "object" || node === null) return node;
  const { anyOf, ...rest } = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withoutNull(value)]));
  if (Array.isArray(rest.type)) {
    const types = rest.type.filter((type) => type !== "null");
    if (types.length === 1) [rest.type] = types;
  }
  if (anyOf === undefined) return rest;
  const schemas = anyOf.filter((schema) => schema.type !== "null");
  return schemas.length === 1 ? { ...rest, ...schemas[0] } : { ...rest, anyOf: schemas };
}
