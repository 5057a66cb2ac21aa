/** Makes pages of the support guide, docs/support-guide.md: the screens for support link to its sections. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Marked } from "marked";
import type { Plugin } from "vite";

const ROOT = join(import.meta.dirname, "..", "..");
const GUIDE = "support-guide.html";

/** The id of a heading, as GitHub makes it. */
export function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
}

/** The guide as HTML. Links to other documents are text: only the guide is served. */
export function guideHtml(markdown: string): string {
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        return `<h${depth} id="${slug(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        return href.startsWith("#") ? `<a href="${href}">${text}</a>` : text;
      },
      // A wide table scrolls by itself, and a code block as well.
      code({ text }) {
        return `<pre tabindex="0"><code>${escapeHtml(text)}</code></pre>\n`;
      },
    },
  });
  return marked.parse(markdown, { async: false });
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function supportGuide(): Plugin {
  return {
    name: "support-guide",
    apply: "build",
    generateBundle() {
      const body = guideHtml(readFileSync(join(ROOT, "docs", "support-guide.md"), "utf8"));
      const style = readFileSync(join(ROOT, "web", "src", "style", "guide.css"), "utf8");
      const styleName = "assets/support-guide.css";
      this.emitFile({ type: "asset", fileName: styleName, source: style });
      this.emitFile({
        type: "asset",
        fileName: GUIDE,
        source: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Docket: support guide</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/${styleName}">
</head>
<body>
<main>
${body}</main>
</body>
</html>
`,
      });
    },
  };
}
