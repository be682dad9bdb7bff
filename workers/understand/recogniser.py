"""Speech to words: Whisper by CTranslate2, opened and run through WhisperX, with no network.

Two ways in. `transcribe` is for a person who waits: one utterance, a short encoder window, n-best readings and gates.
`transcribe_long` is for recordings: WhisperX's pipeline (voice activity, 30 s windows, beam search), with word times.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import whisperx
from faster_whisper.tokenizer import Tokenizer
from whisperx.asr import WhisperModel
from whisperx.audio import log_mel_spectrogram

from workers import redirects
from workers.activity import at_recognition_rate, speech_spans
from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray, SpokenError, Transcript, Word
from workers.understand import forced, gates, metric, speech_head, translating, whisper_file
from workers.understand.adapter import Adapter
from workers.understand.aligner import Aligner
from workers.understand.calibration import Calibration
from workers.understand.confidence import SURE_AT, confidence_of
from workers.understand.listed import Listed, told, weighed
from workers.understand.pauses import Shortened, as_recognised, shortened
from workers.understand.readings import Hypothesis, calibrated, distinct
from workers.understand.sounding import FRAMES_S, sounding
from workers.understand.vad import OfflineVad
from workers.understand.words import aligned_words

# It logs to standard output, which belongs to the commands' JSON.
logging.getLogger("whisperx").setLevel(logging.WARNING)

#: Whisper was trained on 30 s, and the encoder's cost is its window's: 14 s give the same words for short utterances at
#: a third of the price. One cut close to the speech makes it loop.
_SHORT_WINDOW_S = 14.0
_SHORT_UP_TO_S = 13.0
_WINDOW_S = 30.0
_BEAM = 5
#: Where a patient will be asked, the readings come out of a beam so wide, too. A text of it may be so many times as
#: long as the longest that is known, and so many tokens: sixteen loops cost more than they can bring.
_WIDE_BEAM = 16
_LONGER, _LONGER_TOKENS = 1.5, 8
_ENCODED_HZ = 50  # frames of the encoder

#: (longest sound, window) for `features`: no decoder is there to loop, so a window may be as short as a phrase.
_FEATURES_WINDOWS_S = ((6.5, 7.0), (13.5, _SHORT_WINDOW_S))
_FEATURES_PAD = 10  # hundredths of a second of quiet before the speech

redirects.settle()  # pyannote, which WhisperX imports, imports SpeechBrain


@dataclass(frozen=True)
class _Heard:
    """One window's outcome, before it is judged. near: False where the speech head heard nobody speak. encoded: what it
    was decoded from. listed: a word of the patient's list stands where another was found, that sounds otherwise."""

    words: tuple[Word, ...]
    hypotheses: tuple[Hypothesis, ...]
    near: bool = True
    encoded: Any = None
    listed: bool = False


_NO_WORDS = _Heard((), (), near=False)


class Recogniser:
    """A Whisper model in CTranslate2's form. Safe to call from several threads; they take turns."""

    def __init__(
        self,
        model_dir: Path,
        *,
        device: str = "cpu",
        compute_type: str = "int8",
        threads: int = 2,
        aligner_dir: Path | None = None,
        adapter: Adapter | None = None,
        calibration: Calibration | None = None,
        everybodys: Recogniser | None = None,
    ) -> None:
        """Open the folder (model.bin, config.json, tokenizer.json, vocabulary). Nothing is looked for elsewhere.

        `aligner_dir`: a wav2vec2 CTC folder for word times in `transcribe_long`, where a hospital has one. `adapter`:
        what was learned of a patient; it is added to the weights in memory, so nothing of it comes to lie on a disk.
        `calibration`: turns this patient's confidences into how often they are right. `everybodys`: the recogniser of
        the same weights without an adapter, which is asked as well whether what is hardly speech is any.
        Raises SpokenError: 'recogniser_unreadable', and the adapter's 'foreign_adapter', 'damaged_adapter'.
        """
        self._turn = threading.Lock()
        self._tokenizers: dict[str, Tokenizer] = {}  # its own: a shared cache would keep a patient's weights alive
        try:
            # WhisperX prints a line about the voice activity model; standard output belongs to the commands' JSON.
            with contextlib.redirect_stdout(sys.stderr):
                self._pipeline: Any = whisperx.load_model(
                    str(model_dir),
                    device=device,
                    compute_type=compute_type,
                    threads=threads,
                    local_files_only=True,
                    vad_model=OfflineVad(),
                    model=_adapted(model_dir, adapter, device, compute_type, threads) if adapter is not None else None,
                )
        except (RuntimeError, ValueError, OSError) as error:
            raise SpokenError(
                "recogniser_unreadable",
                "The speech recognition weights cannot be opened. Run `samevoice models verify` and try again.",
            ) from error
        self._model = self._pipeline.model
        base = _sha256(model_dir / "model.bin")
        #: Whether somebody near speaks; None with weights that it was not learned on: then everything is decoded.
        self.speech_head = speech_head.belonging_to(base)
        #: For `phrases.Phrases`, likewise.
        self.usual_within = metric.usual_within(base)
        self._mels = int(self._model.feat_kwargs.get("feature_size") or 80)
        self._aligner = Aligner(aligner_dir, device) if aligner_dir is not None else None
        self._calibration = calibration
        self._looks_further = adapter is not None
        self._everybodys = everybodys

    def interpret(self, audio: Audio, language: str, *, sure_at: float = SURE_AT, into: str = "en") -> Transcript:
        """As `transcribe`, with the first reading's English beside it, and no other reading: theirs is not known.

        No reading, and the gate 'no_english', where it could not be put into English. Raises SpokenError
        'other_target', 'nothing_to_interpret', 'unknown_language', and 'too_long_to_interpret' over 30 s.
        """
        translating.require_possible(language, into)
        return self._transcribed(audio, language, sure_at, english=True)

    def transcribe(
        self, audio: Audio, language: str = "en", *, sure_at: float = SURE_AT, listed: Listed | None = None
    ) -> Transcript:
        """Understand one utterance, of any rate and up to 30 s without its pauses (longer: `transcribe_long`).

        `sure_at`: the confidence (0..1) from which the patient wants to be spoken for unasked. Where that is not
        reached, or a gate closes, a recogniser that has learned a patient looks further for readings, since one of them
        will have to be touched. The first reading stays. `listed`: words of this patient; where what was heard sounds
        like one, it may become the first reading (`workers.understand.listed`). Raises SpokenError 'unknown_language'.
        """
        return self._transcribed(audio, language, sure_at, listed)

    def _transcribed(
        self, audio: Audio, language: str, sure_at: float, listed: Listed | None = None, *, english: bool = False
    ) -> Transcript:
        tokenizer = self._tokenizer(language)
        samples = at_recognition_rate(audio)
        speech = speech_spans(audio)
        speech_s = sum(end_s - start_s for start_s, end_s in speech)
        if audio.duration_s < gates.MIN_DURATION_S or (speech_s < gates.MIN_SPEECH_S and not self._is_clear(samples)):
            gate = "no_speech" if not speech and audio.duration_s >= gates.MIN_DURATION_S else "too_short"
            return Transcript("", (), 0.0, language, (), gate, speech_s)
        if speech_s < gates.MIN_SPEECH_S:
            speech = ((0.0, audio.duration_s),)
        said = shortened(samples, speech)
        # Of severe speech voice activity loses most, and no sentence could have been said in what is left.
        speech_s = max(speech_s, said.sounds_s)
        if english and said.duration_s > _WINDOW_S:
            message = "That was longer than can be put into English at once. Please say it in shorter parts."
            raise SpokenError("too_long_to_interpret", message)
        if said.duration_s > _WINDOW_S:
            return self.transcribe_long(audio, language, sure_at=sure_at)
        with self._turn:
            heard = self._hear(said, tokenizer)
            if listed is not None and heard.near and heard.hypotheses:
                heard = self._with_listed(heard, said, tokenizer, listed)
            found = _judged(heard, language, audio.duration_s, speech_s, sure_at, self._calibration)
            if self._looks_further and found.gate is not None and found.readings:
                heard = self._further(heard, tokenizer)
                found = _judged(heard, language, audio.duration_s, speech_s, sure_at, self._calibration)
            if english and found.readings:
                readings = translating.first_in_english(
                    self._model, heard.encoded, tokenizer, found.readings, found.speech_s
                )
                found = replace(found, readings=readings, gate=found.gate if readings else "no_english")
        return found

    def transcribe_long(self, audio: Audio, language: str = "en", *, sure_at: float = SURE_AT) -> Transcript:
        """Understand a recording of any length, with word times. One reading, the same gates and errors."""
        tokenizer = self._tokenizer(language)
        samples = at_recognition_rate(audio)
        speech = speech_spans(audio)
        words: list[Word] = []
        with self._turn:
            segments = self._pipeline.transcribe(samples, batch_size=1, language=language)["segments"]
            for segment in segments:
                words.extend(self._times(samples, segment, tokenizer, speech))
        text = " ".join(segment["text"].strip() for segment in segments).strip()
        speech_s = sum(end_s - start_s for start_s, end_s in speech)
        heard = _Heard(tuple(words), (Hypothesis(text, 0.0, 1),) if text else ())
        return _judged(heard, language, audio.duration_s, speech_s, sure_at, self._calibration)

    def encoded(self, audio: Audio) -> FloatArray:
        """What `transcribe` decodes from, and judges whether somebody speaks: (frames, width), 50 frames a second.

        Of up to 30 s; long pauses are shortened, as there. As biometric as `features`.
        """
        samples = as_recognised(audio)
        with self._turn:
            return _frames(self._encode(samples, _window_s(len(samples))), len(samples))

    def _near(self, samples: FloatArray, encoded: Any) -> float:
        """The speech head's score of `samples`, of which this recogniser has made `encoded`.

        The head was learned on everybody's encoder, and an adapter raises the scores of speech and of wards and music
        alike. So where it is in doubt with one, everybody's encoder is heard too, and the lower score counts.
        """
        if self.speech_head is None:
            return math.inf
        near = self.speech_head.score(_frames(encoded, len(samples)))
        if self._everybodys is None or near > speech_head.DOUBTED_TO:
            return near
        return min(near, self._everybodys._near_alone(samples))

    def _near_alone(self, samples: FloatArray) -> float:
        with self._turn:
            return self._near(samples, self._encode(samples, _window_s(len(samples))))

    def features(self, audio: Audio) -> FloatArray:
        """What the encoder makes of the speech in `audio`: (frames, width) float32, 50 frames a second.

        Of the speech alone: the silence around it and pauses of 0.3 s and more are cut out before the encoder sees it.
        (0, width) where nobody speaks; of more than 30 s, the first 30. They tell what was said and by whom, so they
        are biometric: keep them sealed, and out of every log.
        """
        samples = at_recognition_rate(audio)[: int(_WINDOW_S * RECOGNITION_RATE_HZ)]
        sounds = sounding(samples, speech_spans(audio))
        # Padded, since a sound of no length has no spectrogram.
        mel = log_mel_spectrogram(samples, self._mels, padding=RECOGNITION_RATE_HZ // 10)[:, : len(sounds)].numpy()
        quiet = float(mel.min()) if mel.size else 0.0
        window_s = next(
            (window for longest, window in _FEATURES_WINDOWS_S if sounds.sum() <= longest * FRAMES_S), _WINDOW_S
        )
        framed = np.full((1, self._mels, int(window_s * FRAMES_S)), quiet, np.float32)
        cut = mel[:, sounds][:, : framed.shape[2] - _FEATURES_PAD]
        framed[0, :, _FEATURES_PAD : _FEATURES_PAD + cut.shape[1]] = cut
        with self._turn:
            encoded: FloatArray = np.array(self._model.encode(framed), np.float32)[0]
        return encoded[_FEATURES_PAD // 2 :][: cut.shape[1] // 2]

    def _is_clear(self, samples: FloatArray) -> bool:
        """Whether the speech head is so sure of speech that voice activity, which heard none, is overruled."""
        if self.speech_head is None:
            return False
        with self._turn:
            window_s = _window_s(len(samples))
            frames = _frames(self._encode(samples, window_s), len(samples))
        return self.speech_head.score(frames) > speech_head.ALONE_AT

    def _hear(self, said: Shortened, tokenizer: Tokenizer) -> _Heard:
        count = len(said.samples)
        encoded = self._encode(said.samples, _window_s(count))
        near = self._near(said.samples, encoded)
        if near + speech_head.SURENESS <= 0:
            return _NO_WORDS
        texts, hypotheses = self._decode(encoded, tokenizer, _BEAM)
        words = aligned_words(
            self._model,
            tokenizer,
            texts[0],
            encoded,
            duration_s=said.duration_s,
            speech=said.left_of(said.sounds),
        )
        if near + speech_head.SURENESS * confidence_of(words) <= 0:
            return _NO_WORDS
        return _Heard(tuple(_put_back(word, said) for word in words), hypotheses, encoded=encoded)

    def _with_listed(self, heard: _Heard, said: Shortened, tokenizer: Tokenizer, known: Listed) -> _Heard:
        """`heard`, with the listed words that it may be; asks the decoder only where something sounds like one."""
        model = self._model.model
        found = weighed(
            known,
            heard.hypotheses,
            lambda texts: forced.log_probabilities(model, tokenizer, texts, heard.encoded),
        )
        if found.changed is None:
            return replace(heard, hypotheses=found.hypotheses)
        words = aligned_words(
            self._model,
            tokenizer,
            tokenizer.encode(" " + found.hypotheses[0].text),
            heard.encoded,
            duration_s=said.duration_s,
            speech=said.left_of(said.sounds),
        )
        words = told(tuple(_put_back(word, said) for word in words), found.changed)
        return replace(heard, words=words, hypotheses=found.hypotheses, listed=not found.changed.spelling)

    def _further(self, heard: _Heard, tokenizer: Tokenizer) -> _Heard:
        """`heard`, with what else a wider beam finds in the same sound."""
        longest = max(hypothesis.tokens for hypothesis in heard.hypotheses)
        most_tokens = round(_LONGER * longest) + _LONGER_TOKENS
        _, wide = self._decode(heard.encoded, tokenizer, _WIDE_BEAM, most_tokens)
        known = {hypothesis.text for hypothesis in heard.hypotheses}
        return replace(heard, hypotheses=(*heard.hypotheses, *(one for one in wide if one.text not in known)))

    def _decode(
        self, encoded: Any, tokenizer: Tokenizer, beam: int, most_tokens: int | None = None
    ) -> tuple[list[list[int]], tuple[Hypothesis, ...]]:
        """The texts of a beam search, as tokens and as hypotheses, best first."""
        prompt = self._model.get_prompt(tokenizer, [], without_timestamps=True)
        most = {} if most_tokens is None else {"max_length": min(len(prompt) + most_tokens, self._model.max_length)}
        (result,) = self._model.model.generate(
            encoded, [prompt], beam_size=beam, num_hypotheses=beam, length_penalty=1.0, return_scores=True, **most
        )
        texts: list[list[int]] = result.sequences_ids
        return texts, tuple(
            Hypothesis(tokenizer.decode(tokens).strip(), score, len(tokens))
            for tokens, score in zip(texts, result.scores, strict=True)
        )

    def _times(
        self, samples: FloatArray, segment: dict[str, Any], tokenizer: Tokenizer, speech: Sequence[tuple[float, float]]
    ) -> tuple[Word, ...]:
        if self._aligner is not None:
            return self._aligner.words(segment, samples, tokenizer.language_code)
        start, end = (int(segment[key] * RECOGNITION_RATE_HZ) for key in ("start", "end"))
        piece = samples[start:end]
        return aligned_words(
            self._model,
            tokenizer,
            tokenizer.encode(" " + segment["text"].strip()),
            self._encode(piece, _WINDOW_S),
            duration_s=len(piece) / RECOGNITION_RATE_HZ,
            offset_s=start / RECOGNITION_RATE_HZ,
            speech=speech,
        )

    def _encode(self, samples: FloatArray, window_s: float) -> Any:
        window = int(window_s * RECOGNITION_RATE_HZ)
        features = log_mel_spectrogram(samples[:window], self._mels, padding=max(0, window - len(samples)))
        return self._model.encode(features.numpy())

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = _tokenizer(self._model, language)
        return self._tokenizers[language]


def _put_back(word: Word, said: Shortened) -> Word:
    start_s, end_s = said.was(word.start_s, word.end_s)
    return replace(word, start_s=round(start_s, 3), end_s=round(end_s, 3))


def _window_s(count: int) -> float:
    return _SHORT_WINDOW_S if count <= _SHORT_UP_TO_S * RECOGNITION_RATE_HZ else _WINDOW_S


def _frames(encoded: Any, count: int) -> FloatArray:
    """(frames, width) of the sound itself: `count` samples, without what fills the window."""
    return np.asarray(np.array(encoded, np.float32)[0, : -(-count * _ENCODED_HZ // RECOGNITION_RATE_HZ)])


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _adapted(folder: Path, adapter: Adapter, device: str, compute_type: str, threads: int) -> WhisperModel:
    files: dict[str, Any] = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    base = hashlib.sha256(files["model.bin"]).hexdigest()
    merged = adapter.onto(whisper_file.read(io.BytesIO(files["model.bin"])), base)
    files["model.bin"] = whisper_file.written(merged)
    return WhisperModel(str(folder), device=device, compute_type=compute_type, cpu_threads=threads, files=files)


def _tokenizer(model: Any, language: str) -> Tokenizer:
    try:
        return Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
    except ValueError as error:
        raise SpokenError(
            "unknown_language",
            "This language is not known to the recogniser. Choose another in the patient's settings.",
        ) from error


def _judged(
    heard: _Heard, language: str, duration_s: float, speech_s: float, sure_at: float, calibration: Calibration | None
) -> Transcript:
    if not heard.near:
        return Transcript("", (), 0.0, language, (), "no_words", speech_s)
    text = heard.hypotheses[0].text if heard.hypotheses else ""
    words, confidence = heard.words, confidence_of(heard.words)
    if calibration is not None:
        confidence = calibration.text.of(confidence)
        words = tuple(replace(word, confidence=calibration.word.of(word.confidence)) for word in words)
    gate = gates.restore_gate(text, duration_s=duration_s, speech_s=speech_s, confidence=confidence, sure_at=sure_at)
    if gate in ("no_speech", "too_short"):
        return Transcript("", (), 0.0, language, (), gate, speech_s)
    if gate is None and heard.listed:
        gate = "listed_word"  # its odds were never calibrated on anybody's learned speech
    readings = distinct(heard.hypotheses, language)
    if calibration is not None:
        readings = calibrated(readings, confidence, calibration.others)
    return Transcript(text, words, confidence, language, readings, gate, speech_s)
