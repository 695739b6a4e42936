"""The public face: ``ChatCompletion.create`` and its neighbours, each with an async twin."""
