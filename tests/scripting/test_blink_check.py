"""Preflight of BlinkScript kernels."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

KERNEL = """// desaturates
kernel Desaturate : ImageComputationKernel<ePixelWise>
{
  Image<eRead, eAccessPoint, eEdgeClamped> src;
  Image<eWrite> dst;

  param:
    float amount;
    float3 weights;

  local:
    float rest;

  void define() {
    defineParam(amount, "Amount", 0.5f);
    defineParam(weights, "Weights", float3(0.2126f, 0.7152f, 0.0722f));
  }

  void init() {
    rest = 1.0f - amount;
  }

  void process() {
    SampleType(src) c = src();
    float luma = c.x * weights.x + c.y * weights.y + c.z * weights.z;
    dst() = c * rest + luma * amount;
  }
};
"""


def found(text, target="", surroundings=None):
    findings = preflight(ScriptProposal("blink", text, target=target), surroundings).findings
    return [(each.severity, each.rule, each.line, each.name, each.suggestion) for each in findings]


def test_nothing_is_said_of_a_kernel_that_is_right():
    assert found(KERNEL) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("ePixelWise", "ePixelwise", ("problem", "structure", 2, "ePixelwise", "ePixelWise")),
        ("<ePixelWise>", "", ("problem", "structure", 2, "", "ePixelWise")),
        (" : ImageComputationKernel<ePixelWise>", "", ("problem", "structure", 2, "Desaturate", "")),
        (
            "ImageComputationKernel",
            "ImageComputeKernel",
            ("problem", "structure", 2, "ImageComputeKernel", "ImageComputationKernel"),
        ),
        (
            "ImageComputationKernel",
            "ImageRollingKernel",
            ("problem", "structure", 2, "ImageRollingKernel", "ImageComputationKernel"),
        ),
        ("eEdgeClamped", "eEdgeClamp", ("problem", "unknown-value", 4, "eEdgeClamp", "eEdgeClamped")),
        ("Image<eWrite> dst;", "Image<eWrit> dst;", ("problem", "unknown-value", 5, "eWrit", "eWrite")),
        ("  Image<eWrite> dst;\n", "", ("problem", "structure", 3, "dst", "")),
        ("Image<eWrite> dst;", "Image<eWrite> dst", ("problem", "syntax", 5, "dst", "")),
        ("float amount;", "float amount", ("problem", "syntax", 8, "amount", "")),
        ("float rest;", "float rest", ("problem", "syntax", 12, "rest", "")),
        ("float3 weights;", "vec3 weights;", ("problem", "unknown-function", 9, "vec3", "float3")),
        ("float3 weights;", "flaot3 weights;", ("warning", "structure", 9, "flaot3", "float3")),
        ("param:", "params:", ("problem", "structure", 7, "params", "param")),
        ("defineParam(amount", "defineParam(amuont", ("problem", "unknown-knob", 15, "amuont", "amount")),
        ('"Amount", ', "", ("problem", "structure", 15, "defineParam", "")),
        ("0.5f);", "0.5f)", ("problem", "syntax", 15, "defineParam", "")),
        ("void define()", "define()", ("problem", "structure", 14, "define", "void")),
        ("void process()", "void main()", ("problem", "structure", 23, "main", "process")),
        ("process()", "process(int3 pos)", ("problem", "structure", 23, "int3", "int2")),
        ("process()", "process(vec2 uv)", ("problem", "structure", 23, "vec2", "int2")),
        ("SampleType(src)", "SampleType(scr)", ("problem", "unknown-input", 24, "scr", "src")),
        ("c = src();", "c = src(1, 0);", ("problem", "structure", 24, "src", "eAccessRandom")),
        ("eAccessPoint", "eAccessRanged2D", ("problem", "structure", 4, "src", "src.setRange")),
        ("c = src();", "c = texture2D(src, uv);", ("problem", "unknown-function", 24, "texture2D", "src(x, y)")),
        ("float luma = ", "float luma = std::abs(1) + ", ("problem", "structure", 25, "std", "")),
        ("luma * amount", "mix(luma, rest, amount)", ("warning", "unknown-function", 26, "mix", "a + (b - a) * t")),
        ("// desaturates", "#include <math.h>", ("warning", "structure", 1, "include", "")),
        ("};", "}", ("warning", "structure", 28, "", "")),
        ("luma * amount;\n  }", "luma * amount;\n", ("fatal", "syntax", 3, "", "")),
        ("c.x *", "c.x) *", ("fatal", "syntax", 23, "", "")),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(old, new, finding):
    assert old in KERNEL
    assert finding in found(KERNEL.replace(old, new, 1))


def test_text_without_a_kernel_is_none():
    assert ("problem", "structure", 1, "kernel", "") in found("void main() {\n  gl_FragColor = vec4(1.0);\n}\n")


def test_what_the_kernel_brings_itself_is_no_foreign_word():
    mine = "float mix(float a, float b, float t) {\n  return a + (b - a) * t; // like vec3\n}\n" + KERNEL
    assert found(mine.replace("luma * amount", "mix(luma, rest, amount)")) == []


def test_ranges_that_init_sets_are_right():
    text = KERNEL.replace("eAccessPoint", "eAccessRanged2D").replace("rest = 1", "src.setRange(-1, -1, 1, 1);\n    rest = 1")
    assert found(text.replace("c = src();", "c = src(1, 0);")) == []


def test_the_node_it_is_for_is_looked_up():
    there = Surroundings.of(
        b"version 15.1 v3\nRoot {\n inputs 0\n}\nBlinkScript {\n inputs 0\n name BlinkScript1\n}\nBlur {\n name Blur1\n}\n"
    )
    assert found(KERNEL, "BlinkScript1", there) == []
    assert ("problem", "unknown-node", 0, "BlinkScript9", "BlinkScript1") in found(KERNEL, "BlinkScript9", there)
    assert ("problem", "unknown-node", 0, "Blur1", "") in found(KERNEL, "Blur1", there)


def test_effects_tell_a_new_node_from_a_changed_one():
    (new,) = preflight(ScriptProposal("blink", KERNEL)).effects
    (changed,) = preflight(ScriptProposal("blink", KERNEL, target="BlinkScript1")).effects
    assert (new.kind, changed.kind) == ("creates nodes", "changes knobs")


def test_real_kernels_are_not_called_wrong(corpus):
    kernels = set()
    for path in [*corpus.rglob("*.nk"), *corpus.rglob("*.gizmo")]:
        data = path.read_bytes()
        if b"kernelSource" not in data or len(data) > 400_000:
            continue
        try:
            document = nk.loads(data)
        except NkError:
            continue
        kernels.update(node.knob("kernelSource") for node in document.nodes_of_class("BlinkScript", recurse=True))
    kernels.discard(None)
    assert len(kernels) > 10
    for kernel in kernels:
        assert found(kernel) == []
