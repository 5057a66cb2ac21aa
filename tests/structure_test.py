"""No import circles: the modules of each Rust crate form floors, and so do the crates.

Reads `mod`, `use crate::…`, `use super::…` and inline `crate::…` paths. A module that only declares and re-exports its
children depends on none of them. Unit-test modules (`#[cfg(test)]` to the end of the file) are left out.
The circles of the page's TypeScript are checked by its own linter.

Run: python -m unittest tests/structure_test.py (standard library only).
"""

from collections import defaultdict
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMENT = re.compile(r"//[^\n]*")
TESTS = re.compile(r"#\[cfg\(test\)\]\s*mod \w+ \{.*\Z", re.DOTALL)
USE = re.compile(r"^[ \t]*(pub(?:\([^)]*\))?\s+)?use\s+([\w:{][^;]*);", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<![\w:])(crate(?:::\w+)+)")


def flatten(tree, prefix=()):
    """The paths of a use tree, without aliases."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    path = prefix + tuple(part for part in re.split(r"::|\s", head.split(" as ")[0].strip()) if part)
    if not brace:
        yield path
        return
    depth, start = 0, 0
    inner = rest[: rest.rindex("}")]
    for at, sign in enumerate(inner + ","):
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            if inner[start:at].strip():
                yield from flatten(inner[start:at], path)
            start = at + 1


def modules(source):
    """The modules of a crate by path: `("aws", "row")` -> its text."""
    found = {}
    for file in sorted(source.rglob("*.rs")):
        parts = file.relative_to(source).with_suffix("").parts
        if parts[0] == "bin":
            continue
        if parts[-1] in ("mod", "lib", "main"):
            parts = parts[:-1]
        text = COMMENT.sub("", TESTS.sub("", file.read_text()))
        found[parts] = found.get(parts, "") + text
    return found


def imports(found):
    """Which module uses which: the deepest module that a path names. Re-exports of own children do not count."""
    edges = defaultdict(set)
    for here, text in found.items():
        paths = [(bool(m[1]), path) for m in USE.finditer(text) for path in flatten(m[2])]
        paths += [(False, tuple(m[1].split("::"))) for m in INLINE.finditer(text)]
        for exported, path in paths:
            if not path:
                continue
            if path[0] == "crate":
                path = path[1:]
            elif path[0] not in ("super", "self"):
                if here + path[:1] not in found:
                    continue  # another crate
                path = here + path
            else:
                base = here
                while path and path[0] in ("super", "self"):
                    base = base[:-1] if path[0] == "super" else base
                    path = path[1:]
                path = base + path
            target = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in found), None)
            if target is None or target == here:
                continue
            if exported and target[: len(here)] == here:
                continue
            edges[here].add(target)
    return edges


def circles(edges):
    """The strongly connected components with more than one module (Tarjan)."""
    index, low, stack, on, out = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on.add(node)
        for target in sorted(edges.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in on:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while True:
                component.append(stack.pop())
                on.discard(component[-1])
                if component[-1] == node:
                    break
            if len(component) > 1:
                out.append(sorted("::".join(part) or "the crate's root" for part in component))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return out


class Structure(unittest.TestCase):
    """Each crate as it is, and small crates with and without a circle."""

    def test_no_crate_has_an_import_circle(self):
        for source in sorted(ROOT.glob("crates/*/src")):
            with self.subTest(source.parent.name):
                self.assertEqual(circles(imports(modules(source))), [])

    def test_a_circle_of_two_modules_is_reported(self):
        found = {("a",): "use crate::b::{self, B};\n", ("b",): "fn f() { crate::a::g() }"}
        self.assertEqual(circles(imports(found)), [["a", "b"]])

    def test_a_parent_that_uses_its_child_and_is_used_by_it_is_a_circle(self):
        found = {("a",): "mod b;\nuse b::B;", ("a", "b"): "use super::A;"}
        self.assertEqual(circles(imports(found)), [["a", "a::b"]])

    def test_a_parent_that_only_re_exports_its_child_is_no_circle(self):
        found = {("a",): "mod b;\npub use b::B;", ("a", "b"): "use super::A;"}
        self.assertEqual(circles(imports(found)), [])


if __name__ == "__main__":
    unittest.main()
