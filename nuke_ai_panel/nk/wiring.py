"""The stack program of a scope: what it connects, and a program that connects what the graph says.

A node takes its inputs from a stack (the first one popped is input 0) and leaves itself there; ``set`` names the top, ``push``
puts a named node back. As long as the text already says what the graph says, it stays. New nodes are put where they add lines
only, wherever such a place exists; else the scope is written anew in Nuke's own order, each node's text kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.node import Item, Node, Push, Scope, SetTop, Verbatim
from nuke_ai_panel.nk.program import Program, reach

__all__ = ["arranged", "first_written", "in_nuke_order"]

# What is pasted in a larger number is written with its scope in Nuke's order, as Nuke would.
_PLACED_ONE_BY_ONE = 200
_WITHOUT_CHANNELS = frozenset({"BackdropNode", "StickyNote"})
_SNIPPET_INPUT = "cut_paste_input"


def arranged(scope: Scope) -> list[Item]:
    """Return the items to write for a scope: the text as read where it fits, else with the least change that does."""
    if not scope.rewired:
        return scope.base
    set_here = {item.variable for item in scope.base if isinstance(item, SetTop)}
    # What stands in the scope bears only the names that the scope gives it.
    known = {
        name: node
        for name, node in scope.document.names_read.items()
        if name not in set_here and (node is None or node.scope is not scope)
    }
    standing = set(scope.nodes)
    old = {item for item in scope.base if isinstance(item, Node)}
    new = [node for node in scope.nodes if node not in old]
    before: list[Item] | None = None
    for opened in (False, True):
        program = _without_deleted(scope, standing, opened)
        if program == before:
            break
        before = program
        if not fits(program, known, set(new)):
            continue
        placed = _place_all(program, new, known) if new else program
        if placed is not None and (placed is program or fits(placed, known, set())) and _serves_clones(placed, scope):
            return placed
    program = in_nuke_order(scope)
    if not (fits(program, known, set()) and _serves_clones(program, scope)):
        # Where an input order puts a clone before its original, the originals come first.
        program = in_nuke_order(scope, originals_first=True)
        if not (fits(program, known, set()) and _serves_clones(program, scope)):
            raise NkError("Clones that read from each other cannot be written after this change; declone one of them first.")
    return program


def _serves_clones(program: Sequence[Item], scope: Scope) -> bool:
    """Return whether originals come before their clones, and bear the names that those in other scopes call them by."""
    if not scope.document.cloned:
        return True
    needs = _needs_of_clones(scope)
    passed: set[Node] = set()
    for item in program if needs else ():
        if isinstance(item, Node):
            if not passed.issuperset(needs.get(item, ())):
                return False
            passed.add(item)
    called = {
        clone.clone_variable: original
        for original, clones in scope.document.cloned.items()
        if original.scope is scope
        for clone in clones
        if clone.scope is not scope
    }
    if not called:
        return True
    names: dict[str, Node | None] = {}
    stack: list[Node | None] = []
    for item in program:
        if isinstance(item, Node):
            if item is not item.document.root_node:
                pops = item.text.pops
                del stack[len(stack) - min(pops, len(stack)) :]
                stack.append(item)
        elif isinstance(item, Push):
            stack.append(None if item.variable is None else names.get(item.variable))
        elif isinstance(item, SetTop):
            names[item.variable] = stack[-1] if stack else None
    return all(
        named is original or (named is not None and named.clone_of is original)
        for named, original in ((names.get(variable), original) for variable, original in called.items())
    )


def _without_deleted(scope: Scope, standing: set[Node], opened: bool) -> list[Item]:
    program: list[Item] = []
    for item in scope.base:
        if isinstance(item, Node) and item not in standing and item is not scope.document.root_node:
            if opened and not item.pops:
                program.append(Push("push 0" + scope.document.newline, None))
            continue
        program.append(item)
    return program


def fits(program: Iterable[Item], known: dict[str, Node | None], unplaced: set[Node]) -> bool:
    """Return whether a program connects what the graph says, but for the nodes in `unplaced`; ends where it does not."""
    names: dict[str, Node | None] = {}
    stack: list[Node | None] = []
    for item in program:
        if isinstance(item, Node):
            wanted = item._inputs
            count = item.text.pops
            if item.class_name == "Root" and item.scope.owner is None:
                continue
            for index in range(max(count, len(wanted))):
                have = stack.pop() if index < count and stack else None
                want = wanted[index] if index < len(wanted) else None
                if want is not have and (want not in unplaced or reach(want, unplaced) is not have):
                    return False
            if item.clone_of is not None:
                variable = item.clone_variable
                named = names.get(variable, known.get(variable))
                if named is None or (named.clone_of or named) is not item.clone_of:
                    return False
            stack.append(item)
        elif isinstance(item, Push):
            name = item.variable
            stack.append(None if name is None else names.get(name, known.get(name)))
        elif isinstance(item, SetTop):
            names[item.variable] = stack[-1] if stack else None
    return True


def _sources_first(new: Sequence[Node]) -> list[Node]:
    waiting = set(new)
    order: list[Node] = []
    for first in new:
        path = [first]
        while path:
            node = path[-1]
            if node not in waiting:
                path.pop()
                continue
            ahead = [source for source in node._inputs if source in waiting and source is not None and source not in path]
            if ahead:
                path.extend(ahead)
            else:
                waiting.discard(node)
                order.append(node)
                path.pop()
    return order


def _place_all(items: list[Item], new: Sequence[Node], known: dict[str, Node | None]) -> list[Item] | None:
    """Return the items with the new nodes among them, each where it needs the fewest lines; None where one has no place."""
    if len(new) > _PLACED_ONE_BY_ONE:
        return None
    unplaced = set(new)
    program = Program(items, known, unplaced, fits)
    waiting = _sources_first(new)
    backdrops = [node for node in waiting if node.class_name == "BackdropNode"]
    first = _first_node(items)
    if first is not None and backdrops and not any(node.pops or node.dependents for node in backdrops):
        unplaced.difference_update(backdrops)
        if program.put_all([*items[:first], *reversed(backdrops), *items[first:]]):
            waiting = [node for node in waiting if node in unplaced]
        else:
            unplaced.update(backdrops)
    for node in waiting:
        unplaced.discard(node)
        if not _place(program, node, _readers_due(node, unplaced)):
            return None
    return program.items()


def _place(program: Program, node: Node, readers: set[Node]) -> bool:
    """Put a node where it fits, the places first that need the fewest lines."""
    if node.class_name == "BackdropNode":
        items = program.items()
        first = _first_node(items)
        if first is not None and program.put_all([*items[:first], node, *items[first:]]):
            return True
    source = node._inputs[0] if node._inputs else None
    at = program.step_of(source) if source is not None else None
    if at is not None and at.after is not None:
        if program.put(node, at.after, readers):
            return True
        after = at.after
        while isinstance(after.item, SetTop) and after.after is not None:
            after = after.after
        if after is not at.after and program.put(node, after, readers):
            return True
    if program.put(node, program.last, readers):
        return True
    steps = [step for step in map(program.step_of, node.dependents) if step is not None]
    if any(program.put(node, step, readers) for step in sorted(steps, key=lambda step: step.order)):
        return True
    return not readers and program.put_with_pushes(node)


def _first_node(items: Sequence[Item]) -> int | None:
    return next((i for i, item in enumerate(items) if isinstance(item, Node) and item.class_name != "Root"), None)


def _readers_due(node: Node, unplaced: set[Node]) -> set[Node]:
    """Return the nodes in the program that have to read from `node`: its readers, and those of unplaced ones it stands for."""
    found: set[Node] = set()
    todo = [node]
    while todo:
        source = todo.pop()
        for reader in source.dependents:
            if reader not in unplaced:
                found.add(reader)
            elif reader._inputs[0] is source:
                todo.append(reader)
    return found


def in_nuke_order(scope: Scope, *, originals_first: bool = False) -> list[Item]:
    """Return the scope as Nuke writes it: backdrops, then depth first from the sinks, inputs last to first."""
    document = scope.document
    newline = document.newline
    head, leading, layers, trailing = _verbatim_parts(scope)
    places = {item: place for place, item in enumerate(scope.base) if isinstance(item, Node)}
    inner = _pushed_inside(scope)
    names: dict[Node, list[SetTop]] = {}
    for item, named in _names_in_text(scope):
        if named is not None:
            names.setdefault(named, []).append(item)
    used: set[Node] = set()
    for node in scope.nodes:
        used.update(source for source in node._inputs if source is not None)
    originals = _originals_in_order(scope)
    backdrops = [node for node in scope.nodes if node.class_name == "BackdropNode"]
    sinks = [node for node in scope.nodes if node not in used and node.class_name != "BackdropNode"]
    roots = [*backdrops, *(originals if originals_first else ()), *sinks, *scope.nodes]
    from_snippet = _reading_the_snippet(scope)
    order: list[Node | Push | None] = []
    emitted: set[Node] = set()
    pushed: set[Node] = set()
    for root in roots:
        if root not in emitted:
            _emit(root, order, emitted, pushed, names, from_snippet)
    items: list[Item] = list(head)
    if _begins_with_nothing(scope):
        while order and isinstance(order[0], Push) and order[0].variable is None:
            del order[0]
    for entry in order:
        if isinstance(entry, Push):
            items.append(entry)
        elif entry is not None:
            # A layer is declared before the first of the nodes that followed it, and before what is new.
            place = -1 if entry.class_name in _WITHOUT_CHANNELS else places.get(entry, len(scope.base))
            while layers and layers[0][0] < place:
                items.append(layers.pop(0)[1])
            items.extend(leading.get(entry, ()))
            items.append(entry)
            kept = [
                item
                for item in names.get(entry, [])
                if entry in pushed or item.variable in inner or item.variable in originals.get(entry, ())
            ]
            items.extend(kept)
            for variable in originals.get(entry, {}):
                if all(item.variable != variable for item in kept):
                    items.append(SetTop(f"set {variable} [stack 0]{newline}", variable))
    return [*items, *(layer for _, layer in layers), *trailing]


def _emit(
    root: Node,
    order: list[Node | Push | None],
    emitted: set[Node],
    pushed: set[Node],
    names: dict[Node, list[SetTop]],
    from_snippet: set[tuple[Node, int]],
) -> None:
    document = root.document
    newline = document.newline
    snippet_input = Push(f"push ${_SNIPPET_INPUT}{newline}", _SNIPPET_INPUT)
    todo: list[tuple[Node | Push | None, bool]] = [(root, False)]
    opened: set[Node] = set()
    while todo:
        node, ready = todo.pop()
        if node is None:
            order.append(Push(f"push 0{newline}", None))
        elif isinstance(node, Push):
            order.append(Push(node.text, node.variable))
        elif ready:
            order.append(node)
            emitted.add(node)
        elif node in emitted or node in opened:
            if not names.get(node):
                name = document.variable_for(node)
                names[node] = [SetTop(f"set {name} [stack 0]{newline}", name)]
            name = next((item.variable for item in names[node] if not item.variable.startswith("C")), names[node][0].variable)
            pushed.add(node)
            order.append(Push(f"push ${name}{newline}", name))
        else:
            opened.add(node)
            todo.append((node, True))
            count = node.pops
            wanted = [*node._inputs, *([None] * (count - len(node._inputs)))][:count]
            # The last input is written first, and a list used as a stack gives back what was put on it last.
            for index, source in enumerate(wanted):
                todo.append((snippet_input if source is None and (node, index) in from_snippet else source, False))


def first_written(scope: Scope) -> dict[Node, Node]:
    """Return, for each original with clones in the scope, which of them comes first when inputs come before their readers."""
    order: list[Node] = []
    seen: set[Node] = set()
    for root in scope.nodes:
        todo: list[tuple[Node, bool]] = [(root, False)]
        while todo:
            node, ready = todo.pop()
            if ready:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                todo.append((node, True))
                todo.extend((source, False) for source in node._inputs if source is not None)
    found: dict[Node, Node] = {}
    originals = {node.clone_of for node in order if node.clone_of is not None}
    for node in order:
        family = node.clone_of or node
        if family in originals and family.scope is scope:
            found.setdefault(family, node)
    return found


def _originals_in_order(scope: Scope) -> dict[Node, dict[str, None]]:
    """Return the nodes that clones need, each after those it needs itself, with the variables that clones name them by."""
    if not scope.document.cloned:
        return {}
    variables: dict[Node, dict[str, None]] = {}
    for original, clones in scope.document.cloned.items():
        if original.scope is scope:
            # Clones in groups of this scope count too; those elsewhere name the original by the same variable.
            variables[original] = {clone.clone_variable: None for clone in clones}
    needs = _needs_of_clones(scope)
    for needed in needs.values():
        for node in needed:
            variables.setdefault(node, {})
    ordered: dict[Node, dict[str, None]] = {}
    seen: set[Node] = set()
    for first in [node for node in scope.nodes if node in variables]:
        todo: list[tuple[Node, bool]] = [(first, False)]
        while todo:
            node, ready = todo.pop()
            if ready:
                if node in variables:
                    ordered[node] = variables[node]
            elif node not in seen:
                seen.add(node)
                todo.append((node, True))
                needed_first = [*node._inputs, *needs.get(node, ())]
                todo.extend((other, False) for other in needed_first if other is not None and other.scope is scope)
    return ordered


def _needs_of_clones(scope: Scope) -> dict[Node, dict[Node, None]]:
    """Return the nodes that are clones or hold some, each with those that are, or hold, what has to be written before."""
    found: dict[Node, dict[Node, None]] = {}
    for original, clones in scope.document.cloned.items():
        source = _in_scope(original, scope)
        if source is None:
            continue
        for clone in clones:
            node = _in_scope(clone, scope)
            if node is not None and node is not source:
                found.setdefault(node, {})[source] = None
    return found


def _in_scope(node: Node, scope: Scope) -> Node | None:
    """Return the node of a scope that is `node`, or that it stands in; None for one that is elsewhere."""
    at: Node | None = node
    while at is not None and at.scope is not scope:
        at = at.scope.owner
    return at


def _names_in_text(scope: Scope) -> Iterable[tuple[SetTop, Node | None]]:
    stack: list[Node | None] = []
    names: dict[str, Node | None] = {}
    known = scope.document.names_read
    for item in scope.base:
        if isinstance(item, Node):
            if item is scope.document.root_node:
                continue
            for _ in range(item.pops):
                if stack:
                    stack.pop()
            stack.append(item)
        elif isinstance(item, Push):
            stack.append(None if item.variable is None else names.get(item.variable, known.get(item.variable)))
        elif isinstance(item, SetTop):
            names[item.variable] = stack[-1] if stack else None
            yield item, names[item.variable]


def _reading_the_snippet(scope: Scope) -> set[tuple[Node, int]]:
    """Return the inputs, by node and number, that read what the snippet is pasted after."""
    found: set[tuple[Node, int]] = set()
    stack: list[bool] = []
    for item in scope.base:
        if isinstance(item, Node):
            if item is scope.document.root_node:
                continue
            for index in range(min(item.pops, len(stack))):
                if stack.pop():
                    found.add((item, index))
            stack.append(False)
        elif isinstance(item, Push):
            stack.append(item.variable == _SNIPPET_INPUT)
    return found


def _begins_with_nothing(scope: Scope) -> bool:
    """Return whether the text relies on an empty stack, as that of a gizmo does: its first node takes what is not there."""
    pushed = 0
    for item in scope.base:
        if isinstance(item, Push):
            pushed += 1
        elif isinstance(item, Node) and item is not scope.document.root_node:
            return item.pops > pushed
    return False


def _pushed_inside(scope: Scope) -> set[str]:
    """Return the variables that groups of the scope push; Nuke writes no such thing, but a hand may have."""
    return {
        item.variable
        for node in scope.document.walk(scope)
        if node.children is not None
        for item in node.children.base
        if isinstance(item, Push) and item.variable is not None
    }


def _verbatim_parts(
    scope: Scope,
) -> tuple[list[Item], dict[Node, list[Item]], list[tuple[int, Item]], list[Item]]:
    """Split what is no node: the header, the comments before a node, each ``add_layer`` with its place, and the end."""
    head: list[Item] = []
    leading: dict[Node, list[Item]] = {}
    layers: list[tuple[int, Item]] = []
    waiting: list[Item] = []
    seen_node = seen_push = False
    for place, item in enumerate(scope.base):
        if isinstance(item, Verbatim):
            is_layer = item.text.lstrip().startswith("add_layer")
            if not seen_node and not (is_layer and seen_push):
                head.append(item)
            elif is_layer:
                layers.append((place, item))
            else:
                waiting.append(item)
        elif isinstance(item, Node):
            if item is scope.document.root_node:
                head.append(item)
                continue
            seen_node = True
            if item.alive:
                leading[item] = waiting
                waiting = []
        elif isinstance(item, SetTop) and item.variable == _SNIPPET_INPUT and not seen_node:
            head.append(item)
        elif isinstance(item, Push):
            seen_push = True
    return head, leading, layers, waiting
