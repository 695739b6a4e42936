"""Colours from a palette."""

from __future__ import annotations

import dataclasses

import pytest

from nuke_ai_panel_ui.qt import QtGui, QtWidgets
from nuke_ai_panel_ui.theme import NUKE_ORANGE, READABLE, Theme, contrast, nuke_palette, style_sheet


def light_palette():
    palette = QtGui.QPalette()
    roles = QtGui.QPalette.ColorRole
    for role, colour in ((roles.Window, "#efefef"), (roles.WindowText, "#101010"), (roles.Highlight, "#3070c0")):
        palette.setColor(role, QtGui.QColor(colour))
    return palette


def grey_palette():
    palette = nuke_palette()
    palette.setColor(QtGui.QPalette.ColorRole.Highlight, QtGui.QColor("#3a3a3a"))
    palette.setColor(QtGui.QPalette.ColorRole.Link, QtGui.QColor("#0000ff"))
    return palette


def test_theme_takes_nukes_colours_from_nukes_palette(qapp):
    theme = Theme.from_palette(nuke_palette(), qapp.font())
    assert (theme.background, theme.text, theme.accent) == ("#323232", "#d8d8d8", NUKE_ORANGE)


def middle_palette():
    palette = nuke_palette()
    roles = QtGui.QPalette.ColorRole
    for role, colour in ((roles.Window, "#535353"), (roles.WindowText, "#e0e0e0"), (roles.Base, "#454545")):
        palette.setColor(role, QtGui.QColor(colour))
    return palette


@pytest.mark.parametrize("make", [nuke_palette, light_palette, grey_palette, middle_palette])
def test_theme_is_readable_on_dark_and_light(qapp, make):
    theme = Theme.from_palette(make(), qapp.font())
    for ink in ("text", "dim", "link", "accent_text", "error", "warning", "ok"):
        for ground in ("background", "panel", "user_band"):
            assert contrast(getattr(theme, ink), getattr(theme, ground)) >= READABLE, (ink, ground)
    for ink in ("text", "keyword", "string", "number", "comment", "call"):
        colour = theme.text if ink == "text" else getattr(theme, f"syntax_{ink}")
        assert contrast(colour, theme.code_background) >= READABLE, ink
    assert contrast(theme.dim, theme.code_header) >= READABLE
    assert contrast(theme.dim, theme.field) >= READABLE
    assert contrast(theme.inline_code, theme.inline_code_background) >= READABLE
    assert contrast(theme.text, theme.selection) >= READABLE
    assert contrast(theme.on_accent, theme.accent) >= READABLE
    assert contrast(theme.accent, theme.background) >= 2.5


def test_theme_colours_are_hexadecimal(qapp):
    theme = Theme.from_palette(nuke_palette(), qapp.font())
    for field in dataclasses.fields(theme):
        if field.name not in ("font_px", "font_family", "mono_family"):
            assert QtGui.QColor(getattr(theme, field.name)).isValid(), field.name
    assert QtGui.QFontInfo(QtGui.QFont(theme.mono_family)).fixedPitch() or theme.mono_family


def test_style_sheet_is_accepted_and_colours_the_primary_button(qtbot, qapp):
    theme = Theme.from_palette(nuke_palette(), qapp.font())
    box = QtWidgets.QWidget()
    qtbot.addWidget(box)
    button = QtWidgets.QPushButton("Run", box)
    button.setObjectName("primary")
    button.resize(80, 30)
    box.setStyleSheet(style_sheet(theme))
    box.show()
    qtbot.waitExposed(box)
    assert QtGui.QColor(button.grab().toImage().pixel(10, 6)).name() == theme.accent
