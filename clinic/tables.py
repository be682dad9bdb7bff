"""Imports every room's tables, so that `Base.metadata` is whole. For migrations and for tests."""

from clinic.accounts.tables import Account
from clinic.audit.tables import AuditLine
from clinic.learning.tables import Adapter, OwnSentence, Phrase, PhraseExample, ReadAloud
from clinic.live.tables import LiveSession, Utterance
from clinic.messages.tables import Message
from clinic.notes.tables import Note
from clinic.patients.tables import Consent, ListedWord, Patient, Pronunciation
from clinic.speaker.tables import SpeakerCheck, SpeakerFinding
from clinic.voices.tables import Comparison, Recording, Sample, Signer, Sitting, Trial, Voice

__all__ = [
    "Account",
    "Adapter",
    "AuditLine",
    "Comparison",
    "Consent",
    "ListedWord",
    "LiveSession",
    "Message",
    "Note",
    "OwnSentence",
    "Patient",
    "Phrase",
    "PhraseExample",
    "Pronunciation",
    "ReadAloud",
    "Recording",
    "Sample",
    "Signer",
    "Sitting",
    "SpeakerCheck",
    "SpeakerFinding",
    "Trial",
    "Utterance",
    "Voice",
]
