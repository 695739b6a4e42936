"""The commands of Nuke's Tcl: which there are, which only look and reckon, and what the others do."""

from __future__ import annotations

from nuke_ai_panel.scripting.effect_names import EffectKind

__all__ = ["EFFECTS", "HARMLESS", "HARMLESS_FILE", "KNOWN", "MEANT"]

#: The commands of Tcl itself, and those Nuke adds to it.
_TCL = frozenset(
    str.split(
        "after append apply array binary break catch cd clock close concat continue dict encoding eof error eval exec "
        "exit expr "
        "fblocked fconfigure fcopy file fileevent flush for foreach format gets glob global if incr info interp join lappend "
        "lassign lindex linsert list llength load lrange lrepeat lreplace lreverse lsearch lset lsort namespace open "
        "package pid "
        "proc puts pwd read regexp regsub rename return scan seek set socket source split string subst switch tell "
        "time trace try "
        "throw unknown unload unset update uplevel upvar variable vwait while"
    )
)
_NUKE = frozenset(
    str.split(
        "add_format add_layer add_view addUserKnob alert animation animations animation_end animation_increment animation_name "
        "animation_start ask autoplace autoplace_all autoplace_snap autoplace_snap_all autoplace_snap_selected basename cancel "
        "center channels choose class clone close_script connect connect_selected connect_viewer copy_knobs "
        "crop_format cut_paste "
        "date delete delete_view dependencies dependent_nodes dirname display drop dup duplicate end_group env error "
        "exch execute "
        "execute_panel exists expression extract extract_selected file_dialog filename filename_filter formats frame frames "
        "from_script full_name get_clipname get_filename getenv group gui help hide_panel in index info input inputs "
        "insert_knob "
        "is_modified knob knob_changed knob_default knob_format knobs label layers load load_toolset loadall make_group max "
        "maxpos memory menu message metadata min modified name new_script node node_copy node_delete node_new node_paste nodes "
        "numvalue ocula open_panels panel pixel_sample plugin_addpath plugin_appendpath plugin_path plugins pop preferences "
        "preset print_value proxy push py pyexec pyrs python quit redo render restore_window_layout roll root sample save "
        "save_window_layout scenegraph script_clear script_close script_command script_directory script_exit script_name "
        "script_new script_open script_read script_save script_save_as script_source select select_all "
        "select_connected selected "
        "selected_node selected_nodes selection setenv set_preset setkey show_info show_panel splay stack substitute "
        "swap tab tcl "
        "thisgroup thisnode this toolbar topnode undo undo_redo user value version view views viewer window_layout "
        "writeable xpos "
        "ypos zoom zoom_to_fit attribute view_frame frame_range first_frame last_frame invert_selection nuke viewerDialog"
    )
)
KNOWN = _TCL | _NUKE
MEANT = {
    "print": "puts",
    "echo": "puts",
    "setvalue": "knob",
    "setknob": "knob",
    "setknobvalue": "knob",
    "getvalue": "value",
    "getknob": "value",
    "allnodes": "nodes",
    "selectednodes": "selected_nodes",
    "selectednode": "node",
    "createnode": "the class itself, as in: Blur {size 10}",
    "tonode": "the name itself, as in: knob Blur1.size",
    "def": "proc",
    "function": "proc",
    "elif": "elseif",
    "len": "llength",
    "deletenode": "delete",
    "setinput": "input",
    "connectnodes": "input",
}
EFFECTS: dict[str, EffectKind] = {
    "delete": "deletes nodes",
    "node_delete": "deletes nodes",
    "delete_view": "deletes nodes",
    "input": "connects",
    "connect": "connects",
    "connect_selected": "connects",
    "setkey": "changes knobs",
    "animation": "changes knobs",
    "addUserKnob": "changes knobs",
    "knobs": "changes knobs",
    "copy_knobs": "changes knobs",
    "autoplace": "changes knobs",
    "node_paste": "creates nodes",
    "clone": "creates nodes",
    "duplicate": "creates nodes",
    "make_group": "creates nodes",
    "load_toolset": "creates nodes",
    "script_read": "creates nodes",
    "execute": "renders",
    "render": "renders",
    "script_clear": "replaces the script",
    "script_close": "replaces the script",
    "close_script": "replaces the script",
    "script_new": "replaces the script",
    "new_script": "replaces the script",
    "script_open": "replaces the script",
    "script_save": "saves the script",
    "script_save_as": "saves the script",
    "script_exit": "exits",
    "quit": "exits",
    "exit": "exits",
    "exec": "starts a process",
    "socket": "network",
    "python": "runs hidden code",
    "py": "runs hidden code",
    "pyrs": "runs hidden code",
    "pyexec": "runs hidden code",
    "eval": "runs hidden code",
    "source": "runs hidden code",
    "script_source": "runs hidden code",
    "load": "runs hidden code",
    "subst": "runs hidden code",
    "uplevel": "runs hidden code",
    "message": "waits for the artist",
    "alert": "waits for the artist",
    "ask": "waits for the artist",
    "choose": "waits for the artist",
    "panel": "waits for the artist",
    "get_filename": "waits for the artist",
    "get_clipname": "waits for the artist",
    "menu": "stays in the session",
    "toolbar": "stays in the session",
    "knob_default": "stays in the session",
    "plugin_addpath": "stays in the session",
    "plugin_appendpath": "stays in the session",
    "add_format": "stays in the session",
    "setenv": "stays in the session",
    "glob": "reads files",
    "node_copy": "writes files",
}
#: Commands that only look and reckon; any other may change something.
HARMLESS = frozenset(
    str.split(
        "value numvalue knob expr expression exists class node full_name topnode input name if string lindex lrange "
        "llength list "
        "concat join split lsearch lsort lreverse lassign linsert lreplace lappend append incr set unset basename "
        "dirname format "
        "regsub regexp metadata sample pixel_sample frame frames date clock getenv channels layers return view views proxy "
        "filename filename_filter script_directory script_name first_frame last_frame stack in inputs scan catch foreach "
        "for while info nodes error break continue animation knobs binary array dict global plugins thisgroup "
        "frame_range pwd switch view_frame index"
    )
)
HARMLESS_FILE = frozenset(
    str.split("tail rootname dirname extension join split exists isfile isdirectory nativename normalize size mtime pathtype")
)
