"""What a patient said, understood: in which words, whether they may be spoken, how it sounded. Also before its end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from clinic.database import transaction
from clinic.live.tables import Utterance
from clinic.vault import get_vault
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Prosody, Transcript
from workers.feel import prosody
from workers.hear.decode import decode
from workers.hear.whose import Voice
from workers.tasks import listed, sealed, taught, understood, whose
from workers.tasks.listed import Words
