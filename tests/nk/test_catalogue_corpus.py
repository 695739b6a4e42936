"""Real scripts: how much of them the catalogue knows, and that it finds no fault with what Nuke itself wrote."""

from __future__ import annotations

import collections
import json
from pathlib import Path

import pytest

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


def test_no_class_and_no_knob_ever_seen_in_a_script_is_called_wrong_in_its_own_version(shared: Path) -> None:
    data = shared / "data" / "class_knob_versions_from_corpus.json"
    if not data.is_file():
        pytest.skip("the folder 'shared' holds no history of knobs")
    wrong = []
    for class_name, history in json.loads(data.read_text(encoding="utf-8")).items():
        for version in set(history["seen"][:2]):
            problem = Catalogue.for_version(version).check_class(class_name)
            if problem is not None and problem.reason != "obsolete":
                wrong.append((class_name, version, problem.suggestion))
        for knob, (first, last, _count) in history["knobs"].items():
            for version in {first, last}:
                problem = Catalogue.for_version(version).check_knob(class_name, knob.strip('"'))
                if problem is not None:
                    wrong.append((class_name, knob, version))
    # Gizmos that are called almost like a class of Nuke get a hint, no more.
    assert [each for each in wrong if each[0] not in ("LensDistortion1_0", "edge_detect")] == []


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
