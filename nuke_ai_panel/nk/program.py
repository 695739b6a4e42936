"""The stack program of one scope, into which new nodes are put one after the other.

A program is run once. From then on every slot of the stack is known with what put it there, who takes it, and which ``set``
gives it a name, so that a node that takes one slot and leaves one is put in by asking those alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Optional, Union

from nuke_ai_panel.nk.node import Item, Node, Push, SetTop

__all__ = ["Program", "Step", "reach"]

Fits = Callable[[Iterable[Item], dict[str, Optional[Node]], set[Node]], bool]
# Where a place can only be tried by a run of the whole program, so many steps are run in all.
_STEPS_TO_PLACE = 500_000


class Slot:
    """A place on the stack from when it is filled to when it is taken."""

    __slots__ = ("below", "by", "node", "seen_by", "taker")

    def __init__(self, node: Node | None, below: Slot | None, by: Step) -> None:
        self.node = node
        self.below = below
        self.by = by
        self.taker: Step | None = None
        #: The steps that find it on top, and the slots that are filled right above it.
        self.seen_by: list[Union[Step, Slot]] = []


class Step:
    """An item at its place in the program; `top` is the slot it finds on top, `named` what a ``set`` gives a name to."""

    __slots__ = ("after", "before", "item", "named", "order", "top")

    def __init__(self, item: Item | None, order: float) -> None:
        self.item = item
        self.order = order
        self.before: Step | None = None
        self.after: Step | None = None
        self.top: Slot | None = None
        self.named: Node | None = None

    def slots(self, count: int) -> list[Slot]:
        """Return the slots that a step finds, from the top on, at most `count` of them."""
        found: list[Slot] = []
        slot = self.top
        while slot is not None and len(found) < count:
            found.append(slot)
            slot = slot.below
        return found


class Program:
    """A program that fits the graph, but for the nodes in `unplaced`; whoever puts one of them in takes it out of there."""

    def __init__(self, items: Iterable[Item], known: dict[str, Node | None], unplaced: set[Node], fits: Fits) -> None:
        self.known = known
        self.unplaced = unplaced
        self._fits = fits
        self._steps_left = _STEPS_TO_PLACE
        self._run(items)

    def items(self) -> list[Item]:
        """Return what is written."""
        found: list[Item] = []
        step = self.first.after
        while step is not None:
            if step.item is not None:
                found.append(step.item)
            step = step.after
        return found

    def step_of(self, node: Node) -> Step | None:
        """Return where a node stands, None where it does not."""
        return self._of_node.get(node)

    def put(self, node: Node, before: Step, readers: Collection[Node]) -> bool:
        """Put a node before a step if the program then fits, with `readers` (and nobody else) reading from it."""
        top = before.top
        if not self._finds_its_inputs(node, before):
            return False
        if before is self.last:
            if readers:
                return False
            self._append(node)
            return True
        if node.pops == 1 and top is not None:
            return self._exchange(node, before, top, readers)
        items = self.items()
        at = next(index for index, item in enumerate(items) if item is before.item)
        return self.put_all([*items[:at], node, *items[at:]])

    def put_all(self, items: list[Item]) -> bool:
        """Take other items if they fit."""
        self._steps_left -= len(items)
        if self._steps_left < 0 or not self._fits(items, self.known, self.unplaced):
            return False
        self._run(items)
        return True

    def put_with_pushes(self, node: Node) -> bool:
        """Put a node that nobody reads yet at the end, its inputs pushed before it, with new names where they have none."""
        document = node.document
        if len(node._inputs) > node.pops or any(
            source is not None and self._name_of(source) is None and source not in self._of_node for source in node._inputs
        ):
            return False
        if node.clone_of is not None and not self._is_family(node, self._named(node.clone_variable, self.last)):
            return False
        wanted = [*node._inputs, *([None] * (node.pops - len(node._inputs)))][: node.pops]
        for source in reversed(wanted):
            if source is None:
                self._append(Push(f"push 0{document.newline}", None))
                continue
            name = self._name_of(source)
            if name is None:
                name = document.variable_for(source)
                self._insert(SetTop(f"set {name} [stack 0]{document.newline}", name), self._of_node[source])
            self._append(Push(f"push ${name}{document.newline}", name))
        self._append(node)
        return True

    # Running

    def _run(self, items: Iterable[Item]) -> None:
        self._of_node: dict[Node, Step] = {}
        self._sets: dict[str, list[Step]] = {}
        self._uses: dict[str, list[Step]] = {}
        self._names: dict[Node, str] | None = None
        self.first = Step(None, 0.0)
        self.last = Step(None, 1.0)
        self.first.after, self.last.before = self.last, self.first
        for item in items:
            self._append(item)

    def _append(self, item: Item) -> None:
        last = self.last
        step = Step(item, last.order)
        last.order += 1.0
        self._link(step, last)
        step.top = top = last.top
        if top is not None:
            top.seen_by.append(step)
        if isinstance(item, Node):
            if item.class_name == "Root" and item.scope.owner is None:
                return
            for slot in step.slots(item.text.pops):
                slot.taker = step
                top = slot.below
            last.top = self._fill(item, top, step)
        elif isinstance(item, Push):
            named = None if item.variable is None else self._named(item.variable, step)
            last.top = self._fill(named, top, step)
        elif isinstance(item, SetTop):
            step.named = top.node if top is not None else None
            self._names = None

    def _fill(self, node: Node | None, below: Slot | None, by: Step) -> Slot:
        slot = Slot(node, below, by)
        if below is not None:
            below.seen_by.append(slot)
        return slot

    def _link(self, step: Step, before: Step) -> None:
        ahead = before.before
        step.before, step.after, before.before = ahead, before, step
        if ahead is not None:
            ahead.after = step
        item = step.item
        if isinstance(item, Node):
            self._of_node[item] = step
            if item.clone_of is not None:
                self._uses.setdefault(item.clone_variable, []).append(step)
        elif isinstance(item, SetTop):
            self._sets.setdefault(item.variable, []).append(step)
        elif isinstance(item, Push) and item.variable is not None:
            self._uses.setdefault(item.variable, []).append(step)

    def _insert(self, item: SetTop, behind: Step) -> None:
        """Give what a step leaves on the stack a name of its own."""
        following = behind.after or self.last
        step = Step(item, self._between(behind, following))
        self._link(step, following)
        step.top = following.top
        if step.top is not None:
            step.top.seen_by.append(step)
            step.named = step.top.node
        if self._names is not None and step.named is not None:
            self._names.setdefault(step.named, item.variable)

    def _between(self, one: Step, other: Step) -> float:
        order = (one.order + other.order) / 2
        if not one.order < order < other.order:
            at, number = self.first.after, 0.0
            while at is not None:
                number += 1.0
                at.order = number
                at = at.after
            order = (one.order + other.order) / 2
        return order

    def _named(self, variable: str, step: Step) -> Node | None:
        found = self._set_for(variable, step.order)
        return self.known.get(variable) if found is None else found.named

    def _set_for(self, variable: str, order: float) -> Step | None:
        """Return the ``set`` that a variable's value comes from at a place in the program."""
        found: Step | None = None
        for one in self._sets.get(variable, ()):
            if one.order < order and (found is None or one.order > found.order):
                found = one
        return found

    def _name_of(self, node: Node) -> str | None:
        if self._names is None:
            self._names = {}
            for variable, steps in self._sets.items():
                named = max(steps, key=_order).named
                if named is not None:
                    self._names.setdefault(named, variable)
        return self._names.get(node)

    # Putting in

    def _finds_its_inputs(self, node: Node, before: Step) -> bool:
        wanted, count = node._inputs, node.pops
        slots = before.slots(count)
        for index in range(max(count, len(wanted))):
            have = slots[index].node if index < len(slots) else None
            if not self._is_meant(wanted[index] if index < len(wanted) else None, have):
                return False
        return node.clone_of is None or self._is_family(node, self._named(node.clone_variable, before))

    def _is_meant(self, want: Node | None, have: Node | None) -> bool:
        return want is have or (want in self.unplaced and reach(want, self.unplaced) is have)

    @staticmethod
    def _is_family(clone: Node, named: Node | None) -> bool:
        return named is not None and (named.clone_of or named) is clone.clone_of

    def _exchange(self, node: Node, before: Step, top: Slot, readers: Collection[Node]) -> bool:
        """Let a node take the slot on top and leave itself there for whoever took it; undone nowhere, so tried first."""
        other: dict[Slot, Node] = {top: node}
        renamed: dict[Step, Node] = {}
        takers: dict[Step, None] = {}
        clones: list[Step] = []
        todo = [top]
        while todo:
            slot = todo.pop()
            if slot.taker is not None:
                takers[slot.taker] = None
            for seen in slot.seen_by:
                if not isinstance(seen, Step) or not isinstance(seen.item, SetTop) or seen in renamed:
                    continue
                if slot is top and seen.order < before.order:
                    continue
                renamed[seen] = node
                for use in self._uses.get(seen.item.variable, ()):
                    if use.order <= seen.order or self._set_for(seen.item.variable, use.order) is not seen:
                        continue
                    if isinstance(use.item, Node):
                        clones.append(use)
                        continue
                    # A name is taken from the stack at another place: what was pushed there changes too.
                    pushed = self._pushed(use)
                    if pushed is not None and pushed not in other:
                        other[pushed] = node
                        todo.append(pushed)
        if sum(1 for step in takers if step.item in readers) < len(readers):
            return False
        for step in takers:
            reader = step.item
            if not isinstance(reader, Node):
                return False
            wanted, slots = reader._inputs, step.slots(reader.pops)
            for index in range(max(len(slots), len(wanted))):
                have = other.get(slots[index], slots[index].node) if index < len(slots) else None
                if not self._is_meant(wanted[index] if index < len(wanted) else None, have):
                    return False
        if any(isinstance(use.item, Node) and not self._is_family(use.item, node) for use in clones):
            return False
        self._take_over(node, before, top)
        for slot in other:
            if slot is not top:
                slot.node = node
        for step in renamed:
            step.named = node
        if renamed:
            self._names = None
        return True

    def _take_over(self, node: Node, before: Step, top: Slot) -> None:
        step = Step(node, self._between(before.before or self.first, before))
        self._link(step, before)
        step.top = top
        made = self._fill(node, top.below, step)
        made.taker, top.taker = top.taker, step
        kept: list[Union[Step, Slot]] = [step]
        for seen in top.seen_by:
            order = seen.order if isinstance(seen, Step) else seen.by.order
            if order < step.order:
                kept.append(seen)
                continue
            made.seen_by.append(seen)
            if isinstance(seen, Step):
                seen.top = made
            else:
                seen.below = made
        top.seen_by = kept
        if self.last.top is top:
            self.last.top = made

    @staticmethod
    def _pushed(step: Step) -> Slot | None:
        """Return the slot that a ``push`` fills."""
        following = step.after
        return following.top if following is not None else None


def reach(source: Node | None, unplaced: Collection[Node]) -> Node | None:
    """Return what stands for `source` while the nodes in `unplaced` are not there yet: what their first input reads."""
    seen = 0
    while source is not None and source in unplaced and seen <= len(unplaced):
        source = source._inputs[0] if source._inputs else None
        seen += 1
    return source


def _order(step: Step) -> float:
    return step.order
