"""Menu and pane of Nuke AI Panel. Nuke runs this file only in sessions with a window, after every ``init.py``.

Nothing of the panel's is imported here: each command imports what it needs when it is first chosen, and the pane when it is
first shown. Nuke runs all start-up scripts in one namespace (``__main__``), so what is defined here may be overwritten by
another plug-in's file; the commands therefore hold on to nothing global.
"""


def _install_nuke_ai_panel() -> None:
    import nuke
    import nukescripts

    def command(function: str) -> object:
        def run() -> None:
            import importlib
            import traceback

            try:
                getattr(importlib.import_module("nuke_ai_panel_ui.nuke_panel"), function)()
            except Exception as error:  # noqa: BLE001 - the top of a menu command
                traceback.print_exc()
                nuke.message(f"Nuke AI Panel could not do this: {error}\n\nThe Script Editor shows the details.")

        run.__name__ = function
        return run

    # Nuke evaluates the text in __main__, when the pane is built or a workspace restored; nothing needs to be imported there
    # before. The id is written into workspaces and scripts: it is never changed.
    nukescripts.panels.registerWidgetAsPanel(
        "__import__('nuke_ai_panel_ui.nuke_panel', fromlist=['NukePanel']).NukePanel", "AI Panel", "uk.nukeaipanel.panel"
    )
    menu = nuke.menu("Nuke").addMenu("AI")
    menu.addCommand("Show panel", command("show_panel"))
    menu.addCommand("Generate script\u2026", command("generate_script"))
    menu.addCommand("Explain selected nodes", command("explain_selected"))
    menu.addSeparator()
    menu.addCommand("Settings\u2026", command("open_settings"))


try:
    _install_nuke_ai_panel()
except Exception:  # noqa: BLE001 - an exception here would stop the start-up scripts that come after it
    import traceback

    print("Nuke AI Panel could not add its menu:")  # noqa: T201 - where Nuke's own start-up messages go
    traceback.print_exc()
finally:
    del _install_nuke_ai_panel
