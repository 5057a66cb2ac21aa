"""Writes mutants into Rust sources so that one build holds all of them. An environment variable picks one at run time.

cargo-mutants names the mutants and what replaces what. Here each becomes a choice in the source: the original code, or
the mutant if `mutation_switch::is_active` says so. Comments mark each choice, to find the mutants that do not compile.
"""

import dataclasses
import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_rust

LANGUAGE = tree_sitter.Language(tree_sitter_rust.language())
IS_ACTIVE = "mutation_switch::is_active"
OPERATIONS = ("binary_expression", "compound_assignment_expr")
FIELDS = ("field_initializer", "shorthand_field_initializer")


@dataclasses.dataclass
class Mutant:
    """One mutant of cargo-mutants, with the number that activates it."""

    number: int
    package: str
    file: str
    name: str
    genre: str
    replacement: str
    span: dict
    function: str = ""

    def describe(self) -> str:
        return f"{self.file}:{self.span['start']['line']}: {self.name}"


class NotInstrumented(Exception):
    """The place of a mutant was not found, or its form is not known."""


def parse(source: bytes) -> tree_sitter.Node:
    return tree_sitter.Parser(LANGUAGE).parse(source).root_node


def byte_offset(lines: list[bytes], position: dict) -> int:
    """The offset of a line and column, both from 1; columns count characters."""
    before = sum(len(line) for line in lines[: position["line"] - 1])
    line = lines[position["line"] - 1].decode()
    return before + len(line[: position["column"] - 1].encode())


class File:
    """A source file and the mutants that were put into it."""

    def __init__(self, source: bytes, mutants: list[Mutant]):
        self.source = source
        self.lines = source.splitlines(keepends=True)
        self.root = parse(source)
        self.constant: set[bytes] = set()
        self.unplaced: dict[int, str] = {}
        self.by_node: dict[tuple[int, int, str], list[Mutant]] = {}
        for mutant in mutants:
            try:
                node = self.node_of(mutant)
                self.by_node.setdefault(key(node), []).append(mutant)
            except NotInstrumented as reason:
                self.unplaced[mutant.number] = str(reason)

    def node_of(self, mutant: Mutant) -> tree_sitter.Node:
        start = byte_offset(self.lines, mutant.span["start"])
        end = byte_offset(self.lines, mutant.span["end"])
        match mutant.genre:
            case "BinaryOperator":
                return self.operation_at(start)
            case "UnaryOperator":
                return ancestor(self.root.descendant_for_byte_range(start, start + 1), ("unary_expression",))
            case "MatchArmGuard":
                node = self.root.descendant_for_byte_range(start, end)
                arm = ancestor(node, ("match_pattern",))
                guard = arm.child_by_field_name("condition")
                if guard is None or guard.type in ("let_condition", "let_chain"):
                    raise NotInstrumented("the guard matches a pattern")
                return guard
            case "MatchArm":
                return ancestor(self.root.descendant_for_byte_range(start, start + 1), ("match_arm",))
            case "FnValue":
                return self.body_at(start)
            case "StructField":
                return ancestor(self.field_at(mutant), ("struct_expression",))
            case genre:
                raise NotInstrumented(f"{genre} is not supported")

    def operation_at(self, start: int) -> tree_sitter.Node:
        node = self.root.descendant_for_byte_range(start, start + 1)
        while node is not None:
            operator = node.child_by_field_name("operator") if node.type in OPERATIONS else None
            if operator is not None and operator.start_byte == start:
                return node
            if node.type == "let_chain":
                # A condition that matches a pattern knows no other operator than &&.
                raise NotInstrumented("unviable")
            node = node.parent
        raise NotInstrumented("the operation was not found")

    def field_at(self, mutant: Mutant) -> tree_sitter.Node:
        start = byte_offset(self.lines, mutant.span["start"])
        return ancestor(self.root.descendant_for_byte_range(start, start + 1), FIELDS)

    def body_at(self, start: int) -> tree_sitter.Node:
        """The body of the innermost function around an offset."""
        function = ancestor(self.root.descendant_for_byte_range(start, start + 1), ("function_item",))
        body = function.child_by_field_name("body")
        if body is None:
            raise NotInstrumented("the function has no body")
        return body

    def render(self, left_out: set[int]) -> bytes:
        return self.render_node(self.root, left_out)

    def render_node(self, node: tree_sitter.Node, left_out: set[int]) -> bytes:
        mutants = [it for it in self.by_node.get(key(node), []) if it.number not in left_out]
        if not mutants:
            return self.inner(node, left_out)
        match mutants[0].genre:
            case "FnValue":
                return self.render_body(node, mutants, left_out)
            case "BinaryOperator":
                return self.render_operation(node, mutants, left_out)
            case "UnaryOperator":
                operand = self.render_node(node.children[-1], left_out)
                return choice(mutants, [operand], self.inner(node, left_out))
            case "MatchArmGuard":
                replacements = [it.replacement.encode() for it in mutants]
                return choice(mutants, replacements, self.inner(node, left_out))
            case "StructField":
                mutated = [self.without_field(node, self.field_at(it), left_out) for it in mutants]
                return choice(mutants, mutated, self.inner(node, left_out))
            case _:
                return self.render_arm(node, mutants[0], left_out)

    def inner(self, node: tree_sitter.Node, left_out: set[int]) -> bytes:
        if node.type == "function_modifiers" and node.parent.child_by_field_name("name").text not in self.constant:
            # A constant function cannot ask which mutant is active.
            return node.text.replace(b"const", b"")
        parts, at = [], node.start_byte
        for child in node.children:
            parts += [self.source[at : child.start_byte], self.render_node(child, left_out)]
            at = child.end_byte
        return b"".join([*parts, self.source[at : node.end_byte]])

    def keep_constant(self, name: str) -> set[int]:
        """Keeps the functions of a name constant. Returns their mutants, which cannot be switched then."""
        self.constant.add(name.encode())
        functions = [
            node
            for node in nodes(self.root)
            if node.type == "function_item" and node.child_by_field_name("name").text == name.encode()
        ]
        functions = [node for node in functions if b"const" in node.text.split(b"fn", 1)[0]]
        within = [
            some
            for (start, end, _), some in self.by_node.items()
            if any(it.start_byte <= start and end <= it.end_byte for it in functions)
        ]
        return {it.number for some in within for it in some}

    def render_body(self, body: tree_sitter.Node, mutants: list[Mutant], left_out: set[int]) -> bytes:
        text = self.inner(body, left_out)
        returns = b"".join(
            marked(it, b"if %s { return %s; }" % (active(it), it.replacement.encode())) for it in mutants
        )
        # Inner attributes come first in a block.
        attributes = [child.end_byte for child in body.children if child.type == "inner_attribute_item"]
        at = attributes[-1] - body.start_byte if attributes else 1
        return text[:at] + returns + text[at:]

    def render_operation(self, node: tree_sitter.Node, mutants: list[Mutant], left_out: set[int]) -> bytes:
        left = self.render_node(node.child_by_field_name("left"), left_out)
        right = self.render_node(node.child_by_field_name("right"), left_out)
        original = node.child_by_field_name("operator").text
        operators = [it.replacement.encode() for it in mutants]
        if original in (b"&&", b"||"):
            # The left side stands once: chains would otherwise double with each operator.
            mutated = [b"left %s (%s)" % (operator, right) for operator in operators]
            chosen = choice(mutants, mutated, b"left %s (%s)" % (original, right))
            return b"({ let left: bool = %s; %s })" % (left, chosen)
        mutated = [b"%s %s %s" % (left, operator, right) for operator in operators]
        return choice(mutants, mutated, b"%s %s %s" % (left, original, right))

    def without_field(self, node: tree_sitter.Node, field: tree_sitter.Node, left_out: set[int]) -> bytes:
        """A copy of a struct in which a field keeps its value."""
        members = node.child_by_field_name("body").named_children
        kept = [it for it in members if it != field and it.type in (*FIELDS, "base_field_initializer")]
        rendered = b", ".join(self.render_node(it, left_out) for it in kept)
        return b"%s { %s }" % (node.child_by_field_name("name").text, rendered)

    def render_arm(self, arm: tree_sitter.Node, mutant: Mutant, left_out: set[int]) -> bytes:
        pattern = arm.child_by_field_name("pattern")
        text = self.inner(arm, left_out)
        guard = pattern.child_by_field_name("condition")
        if guard is not None:
            raise NotInstrumented("the arm has a guard")
        length = len(self.render_node(pattern, left_out))
        condition = marked(mutant, b" if !%s " % active(mutant))
        at = pattern.start_byte - arm.start_byte + length
        return text[:at] + condition + text[at:]


def key(node: tree_sitter.Node) -> tuple[int, int, str]:
    return node.start_byte, node.end_byte, node.type


def nodes(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def ancestor(node: tree_sitter.Node | None, types: tuple[str, ...]) -> tree_sitter.Node:
    while node is not None and node.type not in types:
        node = node.parent
    if node is None:
        raise NotInstrumented(f"no {types[0]} was found")
    return node


def active(mutant: Mutant) -> bytes:
    return b"%s(%d)" % (IS_ACTIVE.encode(), mutant.number)


def marked(mutant: Mutant, code: bytes) -> bytes:
    return b"/*<%d*/%s/*%d>*/" % (mutant.number, code, mutant.number)


def choice(mutants: list[Mutant], mutated: list[bytes], original: bytes) -> bytes:
    parts = [
        marked(it, b"if %s { %s }" % (active(it), code)) + b" else " for it, code in zip(mutants, mutated, strict=True)
    ]
    return b"(%s{ %s })" % (b"".join(parts), original)


MARK = re.compile(rb"/\*<(\d+)\*/|/\*(\d+)>\*/")


def mutants_at(instrumented: bytes, offset: int) -> list[int]:
    """The mutants whose code is around a byte offset, the innermost last."""
    around: list[int] = []
    for mark in MARK.finditer(instrumented):
        if mark.start() > offset:
            break
        if mark[1]:
            around.append(int(mark[1]))
        elif around:
            around.pop()
    return around


def deleted_arms(instrumented: bytes, offset: int) -> list[int]:
    """The mutants that delete an arm of the match whose value is at a byte offset."""
    node = parse(instrumented).descendant_for_byte_range(offset, offset + 1)
    text = ancestor(node, ("match_expression",)).text
    return [int(it) for it in re.findall(rb"/\*<(\d+)\*/ if !", text)]


def returned_values(instrumented: bytes, offset: int) -> list[int]:
    """The mutants that return at the start of the function around a byte offset."""
    node = parse(instrumented).descendant_for_byte_range(offset, offset + 1)
    try:
        text = ancestor(node, ("function_item",)).text
    except NotInstrumented:
        return []
    return [int(it) for it in re.findall(rb"/\*<(\d+)\*/if [\w:]+\(\d+\) \{ return ", text)]
