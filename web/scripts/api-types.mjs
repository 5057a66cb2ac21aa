// Generates src/api/openapi.ts from docs/openapi.json.
//   api-types.mjs            writes the file
//   api-types.mjs --check    fails if the committed file is out of date
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const SOURCE = join(import.meta.dirname, "..", "..", "docs", "openapi.json");
const TARGET = join(import.meta.dirname, "..", "src", "api", "openapi.ts");
const HEADER = `// Generated from docs/openapi.json by \`npm run api-types\`. Do not edit.\n\n`;

const document = JSON.parse(readFileSync(SOURCE, "utf8"));
const text = HEADER + astToString(await openapiTS(document, { defaultNonNullable: false }));
if (!process.argv.includes("--check")) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, "utf8") !== text) {
  console.error("src/api/openapi.ts does not match docs/openapi.json: run `npm run api-types` and commit the result");
  process.exit(1);
}
