import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    // The page's Content-Security-Policy allows neither `data:` URLs nor inline assets.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // The licences of the packages in the bundle travel with the page.
    license: { fileName: "third-party-notices.txt" },
  },
});
