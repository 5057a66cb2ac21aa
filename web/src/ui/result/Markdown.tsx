/**
 * Markdown of a model. The parser makes a tree, and each kind of node becomes an element here: there is no way from the text to
 * markup or scripts. HTML in it is shown as text, images are not loaded, and only addresses of the web become links.
 */

import { fromMarkdown } from "mdast-util-from-markdown";
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";

interface Node {
  type: string;
  value?: string;
  alt?: string | null;
  url?: string;
  depth?: number;
  ordered?: boolean | null;
  start?: number | null;
  children?: Node[];
}

/** Deeper nesting is shown as text: rendering it could overflow the stack. */
const MAX_DEPTH = 20;

export default function Markdown({ text }: { text: string }): JSX.Element {
  const tree = useMemo(() => fromMarkdown(text) as Node, [text]);
  return <div class="markdown">{children(tree, 0)}</div>;
}

function children(node: Node, depth: number): ComponentChildren {
  if (depth > MAX_DEPTH) return plain(node);
  return node.children?.map((one, index) => <MarkdownNode key={index} node={one} depth={depth + 1} />);
}

/** The words of a node without its form. */
function plain(node: Node): string {
  let words = "";
  const open = [node];
  for (let next = open.pop(); next; next = open.pop()) {
    words += next.value ?? next.alt ?? "";
    open.push(...[...(next.children ?? [])].reverse());
  }
  return words;
}

function MarkdownNode({ node, depth }: { node: Node; depth: number }): JSX.Element | null {
  const inner = children(node, depth);
  switch (node.type) {
    case "paragraph":
      return (
        <p>
          <bdi>{inner}</bdi>
        </p>
      );
    case "heading":
      // The headings of the page itself are above.
      return (node.depth ?? 1) <= 2 ? <h3>{inner}</h3> : <h4>{inner}</h4>;
    case "strong":
      return <strong>{inner}</strong>;
    case "emphasis":
      return <em>{inner}</em>;
    case "list":
      return node.ordered ? <ol start={node.start ?? 1}>{inner}</ol> : <ul>{inner}</ul>;
    case "listItem":
      return <li>{inner}</li>;
    case "blockquote":
      return <blockquote>{inner}</blockquote>;
    case "inlineCode":
      return <code>{node.value}</code>;
    case "code":
      return (
        <pre class="raw" tabIndex={0}>
          {node.value}
        </pre>
      );
    case "break":
      return <br />;
    case "thematicBreak":
      return <hr />;
    case "link":
      return node.url !== undefined && /^https?:\/\//i.test(node.url) ? (
        <a href={node.url} target="_blank" rel="noopener noreferrer nofollow">
          {inner}
        </a>
      ) : (
        <span>{inner}</span>
      );
    case "image":
      return <>{node.alt}</>;
    case "definition":
      return null;
    default:
      return <>{inner ?? node.value}</>;
  }
}
