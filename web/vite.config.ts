import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { supportGuide } from "./scripts/guide.ts";

export default defineConfig({
  plugins: [pdfAssets(), supportGuide()],
  worker: { format: "es" },
  // Not the list of two hundred files: scripts/check-size.mjs says what matters.
  logLevel: "warn",
  build: {
    target: "es2022",
    // The page's Content-Security-Policy allows neither `data:` URLs nor inline assets.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // pdf.js, which is loaded with the first document. scripts/check-size.mjs checks what is loaded before.
    chunkSizeWarningLimit: 1500,
    // The licences of the packages in the bundle travel with the page.
    license: { fileName: "third-party-notices.txt" },
  },
});

/**
 * What pdf.js loads for some documents: character maps of East Asian fonts, fonts that a document does not embed, and
 * decoders of pictures, as scripts, because the page allows no WebAssembly. With them their licences.
 */
function pdfAssets(): Plugin {
  const root = dirname(createRequire(import.meta.url).resolve("pdfjs-dist/package.json"));
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return {
    name: "pdf-assets",
    apply: "build",
    generateBundle() {
      for (const folder of ["cmaps", "standard_fonts", "wasm"]) {
        for (const name of readdirSync(join(root, folder))) {
          if (name.endsWith(".wasm") || name.startsWith("quickjs")) continue;
          const fileName = `assets/pdfjs-${version}/${name === "LICENSE" ? `LICENSE_${folder}` : name}`;
          this.emitFile({ type: "asset", fileName, source: readFileSync(join(root, folder, name)) });
        }
      }
    },
  };
}
