"""The names of Nuke's ``nukescripts`` module, so that an invented one is told apart."""

from __future__ import annotations

__all__ = ["NUKESCRIPTS"]

_NAMES = """
    addDropDataCallback addPreset addToolsetsPanel allign_nodes animation animation_loop animation_move animation_negate
animation_reverse applymaterial autoBackdrop autobackdrop autocrop BackgroundRenderedFlipbook bakeApplyTexture
bakeProjection bakeSceneSelection bboxToTopLeft blinkscripteditor bookmarks branch breakoutLayers     BreakoutThreadClass
buildPresetDeletePanel buildPresetFileList buildPresetLoadPanel buildPresetSavePanel     buildUserPresetDeletePanel
buildUserPresetLoadPanel cache cache_particles_panel camera camera_down camera_up     cameraClass CameraFilmBackPresets
camerapresets cameratracker cameratrackerCreateCallback CaptureViewer     captureViewer cardClass CatInfo cattery
checkForEmptyToolsetDirectories checkReadNodeViews checkUdimValue     chooseObjectName clear_selection_recursive
clearAllCaches clearNodeSelection client clientserver color_nodes     connect_selected_to_viewer ConvertMemSizeToKb
ConvertSpeedUnitsToMhZ ConvertUnits copy_knobs copyCamera create     create_camera_here create_curve create_matrix
create_menu create_read create_time_warp create_viewsplitjoin     createCamera createCameraRig createCameraSet createCards
createCurveTool createEverything createKronos     createLensDistortion createNodePreset createNodePresetsMenu
CreateNodePresetsPanel createOFlow createPlanartracker     createPointCloud createPrmanRender createReadNode createScene
createToolsetMenuItems createToolsetsMenu     CreateToolsetsPanel createUndistortion createUVTile createViews crop
cut_paste_file declone deleteNodePreset     deleteToolset deleteUserNodePreset DialogState discover_packages
doReaderBreakout drop dropData edit execute     execute_panel executeDeferred ExecuteDialog export_nodes_as_script
exportTracker exportTracks extract filterRIB     find_repositories findMaxVersionForFileName findNextName findNextNodeName
flags flip flipbook FlipbookApplication     FlipbookDialog FlipbookFactory FlipbookFrameServerTask flipbooking
FlipbookLUTPathRegistry fnFlipbookRenderer frame     framecycler FramecyclerFlipbook FrameRangePanel framerangepanel
FrameserverRenderedFlipbook get_reads     get_script_data getallnodeinfo getAutoSaveFiles getDefaultOCIOConfig
getFilmBackSize getFlipbookRenderer     getItemDirName getLabels getLayers getLUTPath getNukeUserFolder getViews goofy_title
goto_frame group groupmake     HardwareInfo hardwareinfo humanReadable import_boujou import_script importexport
importTracker importTracks info     infoviewer initCallbacks InputHighlighter isAudioFilename isDeepFilename isGeoFilename
isSceneBrowserFilename jumpTo     Layer LineNumberArea LinkableImportPanel LinkToTrackPanel localisationprefs
makeScriptEditorKnob misc modelbuilder     modelbuilderCreateCallback new3D node_copypaste node_delete nodeIsInside
nodepresets nodes normalise_path_for_nuke     NukeProfiler nukeprofiler nukescripts ObjectNameChooserDialog onAutoSave
onAutoSaveDelete onAutoSaveRestore     onCreateRoot onPrefsKnobChanged onReadNodeCreated onReadNodeKnobChanged openurl
PackageInfo panels parseUdimFile     pointCloudClass populate_menu populateBakeMenu populateExportMenu
populateFilmBackPresets populatePresetsMenu     populateToolsetsMenu precomp precomp_copyToGroup precomp_open precomp_render
precomp_selected PrecompOptions     PrecompOptionsDialog PresetsDeletePanel PresetsLoadPanel print_callback_info
PrintMachineInfoToFile     processPresetFile psd pyAppHelper pyAppUtils pyQtAppHelper pyQtAppUtils PythonPanel
PythonPanelKnobChanged     pyWxAppUtils quickRestore quickSave reads readviewscheck refreshToolsetsMenu register
register_cats     register_default_viewer_processes register_viewers registerLUTPath registerPanel registerWidgetAsPanel
remove_inputs     render_panel RenderDialog renderdialog renderman renderpanel replaceHashes ReportTree restorePanel
rollingAutoSave     RunCmdWithTimeout saveNodePresets scanlineRenderClass sceneClass script
script_and_write_nodes_version_up     script_command script_data script_directory script_version_up ScriptEditor
scripteditorknob ScriptEditorWidgetKnob     ScriptInputArea search_replace searchreplace select select_by_name
select_similar server set_fileknob_version     setFlipbookDefaultOption setKnobToPreset setRenderDialogDefaultOption
setup_toolbars setViewsForMono     setViewsForStereo setViewsForStereoOrMono showExecuteDialog showFlipbookDialog
showFlipbookDialogForSelected     showname showRenderDialog showReportDialog showViewerCaptureDialog SimpleFlipbook snap3d
splitInSequence start     start_server stereo storeViewerProcessSelectionBeforeReload swapAB SynchronousRenderedFlipbook
TableDelegate     threaded_server timeline_write_version_set toggle toggle_monitor_out toolbar_sticky_note toolbars toolsets
trackerlinkingdialog trackerlinkingdialogexpressionx trackerlinkingdialogexpressiony traversePluginPaths udim     udim_group
udim_import UDIMErrorDialog UDIMFile UDIMOptionsDialog udimStr unrealreader unregister_viewers     unregisterPanel
updateReadKnobLocalisationDefaults UsdHighlighter usdhighlighter UserPresetsDeletePanel     UserPresetsLoadPanel utils
uv2udim ValueLabel version version_down version_get version_latest version_set version_up     VersionConflictDialog
VersionHelper ViewerCaptureDialog ViewerCaptureDialogThread ViewerProcess viewsettingsprefs     WidgetKnob
"""

#: Functions, classes and modules of Nuke 13 to 17.
NUKESCRIPTS: frozenset[str] = frozenset(_NAMES.split())
