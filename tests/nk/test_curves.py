"""Animation curves in knob texts: what is written, what it is worth at a frame, how it is written back."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError
from nuke_ai_panel.nk.curves import Component, Curve, Key, parse_component, parse_value
from nuke_ai_panel.nk.words import DamagedWordError


def curve(text: str) -> Curve:
    return parse_component("{" + text + "}").curve


def test_component_tells_numbers_expressions_and_curves_apart():
    assert parse_component("5").number == 5.0
    assert parse_component("-.5e3").number == -500.0
    assert parse_component("rgba") == Component("rgba")
    keys = parse_component("{curve x1 0 x10 5}")
    assert (keys.expression, keys.is_animated, keys.has_expression) == ("curve", True, False)
    linked = parse_component("{parent.size i}")
    assert (linked.expression, linked.mark, linked.has_expression, linked.is_animated) == ("parent.size", "i", True, False)
    both = parse_component('{"a > b ? 1 : 0" I x5 10}')
    assert (both.expression, both.mark, [key.y for key in both.curve.keys]) == ("a > b ? 1 : 0", "I", [10.0])


def test_key_without_a_frame_repeats_the_last_spacing():
    assert [key.x for key in curve("curve 4 5 6").keys] == [0, 1, 2]
    assert [key.x for key in curve("curve x1 2 x1.5 4 8 x9 16 32").keys] == [1, 1.5, 2, 9, 16]


def test_letters_hold_from_the_next_key_until_another_letter():
    keys = curve("curve K x1 0 x2 1 L x3 2 l C x4 3").keys
    assert [key.interpolation for key in keys] == ["constant", "constant", "linear", "cubic"]
    assert [key.linear_ends for key in keys] == [False, False, False, True]


def test_slope_on_the_left_counts_for_both_sides_unless_the_right_has_its_own():
    (one, other) = curve("curve x1 0 s2 x5 3 s0.5 t-1 u0.2 v3").keys
    assert (one.left_slope, one.right_slope) == (2, 2)
    assert (other.left_slope, other.right_slope, other.left_weight, other.right_weight) == (0.5, -1, 0.2, 3)


def test_constant_keys_hold_their_value_until_the_next():
    held = curve("curve K x1 10 x5 20 x9 30")
    assert [held.at(frame) for frame in (1, 4.99, 5, 8, 9, 20)] == [10, 10, 20, 20, 30, 30]


def test_linear_keys_are_joined_by_straight_lines():
    line = curve("curve L x0 0 x10 10 x20 0")
    assert [line.at(frame) for frame in (0, 2.5, 10, 15, 20)] == [0, 2.5, 10, 5, 0]


def test_two_smooth_keys_make_a_straight_line():
    # The second derivative is zero at the first and the last key; of a cubic through two keys only the line has that.
    assert [curve("curve x1 0 x11 10").at(frame) for frame in (1, 4, 6, 11)] == [0, 3, 5, 10]


def test_smooth_key_at_a_peak_is_level_so_nothing_overshoots():
    bump = curve("curve x0 0 x10 10 x20 0")
    assert bump.slopes()[1] == (0, 0)
    # First slope (3 * 1 - 0) / 2 = 1.5; Hermite at half way: (0 + 10) / 2 + 10 * (1.5 - 0) / 8 = 6.875.
    assert bump.at(5) == pytest.approx(6.875)
    assert max(bump.at(frame / 10) for frame in range(201)) == 10


def test_smooth_slope_is_that_between_the_neighbours_clamped_to_three_steps():
    # Neighbours: (11 - 0) / (20 - 0) = 0.55; steps 0.1 and 1, so at most 0.3.
    assert curve("curve x0 0 x10 1 x20 11").slopes()[1] == pytest.approx((0.3, 0.3))
    assert curve("curve R x0 0 x10 1 x20 11").slopes()[1] == pytest.approx((0.55, 0.55))


def test_catmull_rom_may_overshoot_where_smooth_does_not():
    keys = "x0 0 x10 10 x20 10 x30 0"
    assert curve("curve R " + keys).at(15) == pytest.approx(10 + 10 * (0.5 - -0.5) / 8)
    assert curve("curve " + keys).at(15) == 10


def test_cubic_is_the_natural_spline():
    # Keys (0,0) (1,1) (2,0): slopes by 2a+b=3, a+4b+c=0, b+2c=-3 are 1.5, 0, -1.5.
    spline = curve("curve C x0 0 x1 1 x2 0")
    assert [slope for slope, _ in spline.slopes()[1:2]] == pytest.approx([0])
    assert spline.at(0.5) == pytest.approx(0.5 + 1.5 / 8)
    # It has continuous second derivatives, which the same keys with R have not.
    uneven = curve("curve C x0 0 x1 5 x3 1 x4 4")
    step = 1e-4

    def bend(at: float) -> float:
        return (uneven.at(at + step) - 2 * uneven.at(at) + uneven.at(at - step)) / step**2

    assert bend(1 - 2 * step) == pytest.approx(bend(1 + 2 * step), abs=0.1)


def test_slopes_that_are_written_decide():
    eased = curve("curve x0 0 s0 x10 10 s0")
    # Level at both ends: t * t * (3 - 2 t).
    assert [eased.at(frame) for frame in (0, 2.5, 5, 10)] == pytest.approx([0, 1.5625, 5, 10])


def test_weights_move_the_handles_along_the_frames():
    # Handles of length 0 at both ends: frame and value run alike, 3t^2 - 2t^3 each, so the line stays straight.
    assert curve("curve x0 0 s0 u0 v0 x10 10 s0 u0 v0").at(2.5) == pytest.approx(2.5)
    # A full-length level handle holds the first key longer than one of a third.
    assert curve("curve x0 0 s0 v3 x10 10 s0").at(3) < curve("curve x0 0 s0 x10 10 s0").at(3)


def test_outside_of_the_keys_the_curve_is_level_or_goes_on_straight():
    assert [curve("curve L x10 0 x20 10").at(frame) for frame in (0, 30)] == [0, 10]
    straight = curve("curve l L x10 0 x20 10")
    assert [straight.at(frame) for frame in (0, 30)] == [-10, 20]
    assert curve("curve x7 3").at(-100) == 3
    assert curve("curve").at(5) == 0


def test_value_knows_its_components_and_their_places():
    value = parse_value("{10 {curve x1 0 x5 4} {parent.z i}}")
    ten, keys, linked = value.components()
    assert (ten.number, keys.curve.at(3), linked.expression) == (10, 2, "parent.z")
    assert value.is_animated
    assert value.has_expression
    assert value.with_component(1, Component.of_number(7)) == "{10 7 {parent.z i}}"
    with pytest.raises(IndexError):
        value.with_component(3, Component.of_number(1))


def test_lone_number_gets_the_braces_an_expression_needs():
    assert parse_value("5").with_component(0, Component.of("parent.size")) == "{{parent.size}}"


def test_matrix_rows_are_read_as_their_numbers():
    value = parse_value("{\n    {1 0 {a.b}}\n    {0 {curve x1 2} 0}\n  }")
    assert [part.number for part in value.components()] == [1, 0, None, 0, None, 0]
    assert value.components()[2].expression == "a.b"
    assert value.with_component(5, Component.of_number(9)) == "{\n    {1 0 {a.b}}\n    {0 {curve x1 2} 9}\n  }"


def test_views_have_components_of_their_own():
    value = parse_value("{default {1 2} left {{curve x1 0 x3 4} 5} right 6}")
    assert [part.number for part in value.components()] == [1, 2]
    assert value.components("left")[0].curve.at(2) == 2
    assert value.components("right")[0].number == 6
    assert value.components("centre") == value.components()
    assert value.with_component(1, Component.of_number(0), view="left") == (
        "{default {1 2} left {{curve x1 0 x3 4} 0} right 6}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "x1 0 x10 5",
        "K x1 0 x2 1 2 3",
        "L x1 0 x10 10 l C x20 3 s0.5 t-1 u0.2 v3",
        "x1 0.1234567891 x3 2 k",
    ],
)
def test_curve_is_written_as_it_was_read(text):
    read = curve("curve " + text)
    assert curve("curve " + read.text()) == read


def test_curve_made_of_keys_is_written_as_nuke_would():
    made = Curve((Key(1, 0), Key(10, 5), Key(19, 7), Key(30, 8, "linear")))
    assert Component.of(curve=made).text == "{curve x1 0 x10 5 7 L x30 8}"
    assert Component.of("a > b", mark="i").text == '{"a > b" i}'


def test_every_knob_of_a_real_script_is_read_without_loss(corpus_file: Path):
    try:
        document = nk.load(corpus_file)
    except EncryptedScriptError:
        pytest.skip("encrypted")
    for node in document.walk():
        for span in node.text.spans:
            word = node.text.word(span)
            if "{curve" not in word or span.name in ("curves", "addUserKnob"):
                continue
            try:
                value = parse_value(word)
            except DamagedWordError:
                continue
            assert value.text == word
            for index, part in enumerate(value.components()):
                assert value.with_component(index, part) == word
                if part.is_animated:
                    again = parse_component(Component.of(part.expression, part.curve, mark=part.mark).text)
                    assert (again.curve, again.expression, again.mark) == (part.curve, part.expression, part.mark)
                    part.curve.at(part.curve.keys[0].x + 0.5)
