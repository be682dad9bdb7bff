"""The working side: everything that needs a model.

This file runs before any room's module, and so before the libraries that they import: it shuts the model hub off and
pyannote's telemetry (on by default), which are read once, at import.
"""

import os

for _name, _value in {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}.items():
    os.environ.setdefault(_name, _value)
