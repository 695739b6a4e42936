"""The style sheet of the panel and its windows: the theme's, plus the font size and the controls that only the panel has."""

from __future__ import annotations

from dataclasses import replace

from nuke_ai_panel_ui.qt import QtGui, QtWidgets
from nuke_ai_panel_ui.theme import Theme, style_sheet

__all__ = ["panel_style_sheet", "panel_theme", "window_style_sheet"]


#: As in the settings, where nobody has chosen another size.
_FONT_PX = 13


def panel_theme(palette: QtGui.QPalette, font: QtGui.QFont, font_px: int) -> Theme:
    """Return the theme of a host's palette with the artist's font size, in pixels."""
    return replace(Theme.from_palette(palette, font), font_px=font_px)


def window_style_sheet(theme: Theme | None = None) -> str:
    """Return the style sheet of a window that stands alone; without a theme, that of the application's palette."""
    application = QtWidgets.QApplication
    return panel_style_sheet(theme or panel_theme(application.palette(), application.font(), _FONT_PX))


def panel_style_sheet(theme: Theme) -> str:
    """Return the style sheet to set on a top widget of ours. Sizes follow ``theme.font_px``."""
    size = theme.font_px
    small = max(8, round(size * 0.86))
    return (
        style_sheet(theme)
        + f"""
QWidget {{ font-size: {size}px; }}
QLabel#heading {{ font-size: {round(size * 1.45)}px; color: {theme.text}; }}
QLabel#title {{ font-weight: 600; color: {theme.text}; }}
QLabel#small {{ font-size: {small}px; color: {theme.dim}; }}
QLabel#warning {{ color: {theme.warning}; }}
QLabel#notice {{ color: {theme.text}; background: {theme.user_band}; border: 1px solid {theme.line}; border-radius: 3px;
    padding: 5px 8px; }}
QLabel#problem {{ color: {theme.error}; }}
QLabel#good {{ color: {theme.ok}; }}
QFrame#rule {{ background: {theme.line}; border: none; }}
QFrame#notice {{ background: {theme.panel}; border: 1px solid {theme.line}; border-radius: 3px; }}
QPlainTextEdit#lines {{ background: {theme.code_background}; border: 1px solid {theme.line}; border-radius: 3px;
    color: {theme.text}; font-family: "{theme.mono_family}"; font-size: {small}px; }}
QPushButton#suggestion {{ text-align: left; padding: 7px 10px; }}
QPushButton#fold {{ background: transparent; border: 1px solid transparent; padding: 1px 4px 1px 0; text-align: left;
    color: {theme.dim}; }}
QPushButton#fold:hover {{ color: {theme.text}; }}
QPushButton#fold:focus {{ border-color: {theme.accent}; }}
QPushButton#section {{ background: transparent; border: 1px solid transparent; padding: 1px 4px 1px 0; text-align: left;
    color: {theme.text}; font-weight: 600; }}
QPushButton#section:focus {{ border-color: {theme.accent}; }}
QPushButton#sees {{ background: transparent; border: 1px solid transparent; padding: 0 2px; text-align: left;
    color: {theme.dim}; font-size: {small}px; }}
QPushButton#sees:hover {{ color: {theme.text}; }}
QPushButton#sees:focus {{ border-color: {theme.accent}; }}
QFrame#popup {{ background: {theme.panel}; border: 1px solid {theme.line}; }}
QFrame#popup QListView {{ background: transparent; border: none; outline: none; color: {theme.text}; }}
QLineEdit {{ background: {theme.field}; border: 1px solid {theme.line}; border-radius: 3px; padding: 4px 6px;
    color: {theme.text}; selection-background-color: {theme.accent}; selection-color: {theme.on_accent}; }}
QLineEdit:focus {{ border-color: {theme.accent}; }}
QLineEdit:disabled {{ color: {theme.dim}; background: {theme.background}; }}
QListWidget#entries {{ background: {theme.field}; border: 1px solid {theme.line}; border-radius: 3px; outline: none;
    color: {theme.text}; }}
QListWidget#entries::item {{ padding: 4px 6px; background: transparent; border: none; }}
QListWidget#entries::item:selected {{ background: {theme.selection}; color: {theme.text}; }}
QDialog QPlainTextEdit {{ background: {theme.field}; border: 1px solid {theme.line}; border-radius: 3px; padding: 2px 3px;
    color: {theme.text}; selection-background-color: {theme.accent}; selection-color: {theme.on_accent}; }}
QDialog QPlainTextEdit:focus {{ border-color: {theme.accent}; }}
QProgressBar {{ background: {theme.field}; border: 1px solid {theme.line}; border-radius: 3px; max-height: 6px; }}
QProgressBar::chunk {{ background: {theme.accent}; }}
QPushButton#stopSmall {{ font-size: {small}px; padding: 0 6px; color: {theme.text}; border-color: {theme.error}; }}
QToolButton#mode {{ padding: 3px 6px; }}
QCheckBox {{ color: {theme.text}; spacing: 6px; }}
QCheckBox::indicator:unchecked {{ background: {theme.field}; border: 1px solid {theme.dim}; border-radius: 2px;
    width: 11px; height: 11px; }}
QCheckBox:focus {{ color: {theme.accent_text}; }}
QCheckBox:disabled {{ color: {theme.dim}; }}
QCheckBox#section {{ font-weight: 600; }}
QDialog, QMainWindow {{ background: {theme.background}; }}
"""
    )
