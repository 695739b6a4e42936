"""Real scripts: how much of them the catalogue knows, and that it finds no fault with what Nuke itself wrote."""

from __future__ import annotations

import collections
from pathlib import Path

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError
from nuke_ai_panel.nk.catalogue import Catalogue

# By the authors of the scripts: what no Nuke has, so the catalogue need not know it.
_SHARE_OF_CLASSES = 0.99
_SHARE_OF_KNOBS = 0.98


def test_nothing_that_nuke_wrote_is_called_wrong_and_nearly_all_of_it_is_known(corpus: Path) -> None:
    counts: collections.Counter[str] = collections.Counter()
    wrong = []
    files = [path for path in sorted(corpus.rglob("*")) if path.suffix in (".nk", ".gizmo")]
    assert len(files) > 50
    for path in files:
        try:
            document = nk.load(path)
        except EncryptedScriptError:
            continue
        catalogue = Catalogue.for_document(document)
        nodes = document.nodes(recurse=True)
        for node in [*nodes, document.root_node] if document.root_node is not None else nodes:
            counts["nodes"] += 1
            class_name = node.class_name
            problems = [catalogue.check_class(class_name)]
            if catalogue.is_known(class_name):
                counts["nodes of known classes"] += 1
                user_knobs = (node.clone_of or node).user_knobs
                for knob, text in node.knobs.items():
                    if knob not in user_knobs:
                        counts["knobs"] += 1
                        counts["known knobs"] += catalogue.knob_info(class_name, knob) is not None
                        problems.append(catalogue.check_knob(class_name, knob))
                        problems.append(catalogue.check_value(class_name, knob, text))
            # An old name is right as long as Nuke reads it; only a hint is due, and never a certain one.
            wrong += [(path.name, node.path, each) for each in problems if each and (each.certain or each.reason != "obsolete")]
    # One author's own class of an old Nuke is called almost like today's.
    wrong = [each for each in wrong if each[2].name != "SphereObj"]
    assert wrong == []
    assert counts["nodes of known classes"] > _SHARE_OF_CLASSES * counts["nodes"]
    assert counts["known knobs"] > _SHARE_OF_KNOBS * counts["knobs"]


def test_every_gizmo_of_the_corpus_becomes_a_class(corpus: Path) -> None:
    catalogue = Catalogue.for_version("15.1").with_gizmos([corpus])
    files = list(corpus.rglob("*.gizmo"))
    assert files
    for path in files:
        info = catalogue.class_info(path.stem)
        assert info.origin == "gizmo"
        # Some are a camera or another node with settings, no group; then it is not known which knobs there are.
        assert info.complete == any(node.is_group for node in nk.load(path).nodes())
        assert info.max_inputs == len(info.input_names) or not info.complete
        assert len(info.own_knobs()) > 1
