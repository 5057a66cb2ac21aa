import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    // Everything comes as a file: the page's Content-Security-Policy knows no `data:` and nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
