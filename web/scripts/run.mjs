// Runs TypeScript with Vite, which also builds the page, so that the tests need no other runner:
//   run.mjs FILE.ts [arguments]        runs one program
//   run.mjs --test FOLDER [pattern]    runs each *.test.ts in it with Node's test runner
import { spawn } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { build } from "vite";

const root = resolve(import.meta.dirname, "..");
const [first, ...rest] = process.argv.slice(2);
const testing = first === "--test";
const entries = testing
  ? tests(join(root, rest[0] ?? "src")).filter((file) => file.includes(rest[1] ?? ""))
  : [resolve(root, first)];
// One folder per process, so that concurrent runs do not overwrite each other's files.
const out = join(root, "node_modules", ".run", String(process.pid));

await build({
  root,
  configFile: false,
  logLevel: "warn",
  build: {
    ssr: true,
    outDir: out,
    emptyOutDir: true,
    target: "node20",
    sourcemap: "inline",
    minify: false,
    rollupOptions: {
      input: Object.fromEntries(entries.map((file) => [relative(root, file).replace(/\.tsx?$/, ""), file])),
      output: { entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" },
    },
  },
});
const files = entries.map((file) => join(out, relative(root, file).replace(/\.tsx?$/, ".mjs")));
const options = testing
  ? ["--enable-source-maps", "--test", "--test-concurrency=1", ...files]
  : ["--enable-source-maps", files[0], ...rest];
const child = spawn(process.execPath, options, { cwd: root, stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => {
  rmSync(out, { recursive: true, force: true });
  process.exit(code ?? 1);
});

function tests(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.test\.tsx?$/.test(name))
    .map((name) => join(folder, name))
    .sort();
}
