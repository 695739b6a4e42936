"""Model servers: one class per protocol behind :class:`~nuke_ai_panel.providers.base.Provider`."""
