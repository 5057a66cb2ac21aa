/** Whether a text was written as Markdown: it has a heading, a list of several lines, bold words, code or a link. */
export function looksLikeMarkdown(text: string): boolean {
  const bullets = text.match(/^\s{0,3}([-*+]|\d{1,3}[.)])\s+\S/gm)?.length ?? 0;
  return (
    bullets > 1 ||
    /^\s{0,3}#{1,6}\s+\S/m.test(text) ||
    /(^|\s)\*\*[^\s*][^\n*]*\*\*/.test(text) ||
    /^```/m.test(text) ||
    /\[[^\]\n]+\]\(https?:\/\/[^)\s]+\)/.test(text)
  );
}
