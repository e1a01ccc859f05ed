"""What the process imports that worker processes are forked from: the voice that its environment names, loaded."""

import os
from contextlib import suppress
from pathlib import Path

from tasks.voices.piper_workers import MODEL_VARIABLE, stand_back

stand_back()
# A voice that cannot be loaded is told of by the worker that is asked to speak with it.
with suppress(Exception):
    from tasks.voices.piper_model import load

    load(Path(os.environ[MODEL_VARIABLE]))
