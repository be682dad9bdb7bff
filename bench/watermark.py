"""`samevoice bench watermark`: how often the mark is read back, at a fixed rate of false alarms.

The threshold comes from unmarked speech alone: the human recordings of the manifest as they are and after each attack,
and public Kokoro voices that nothing has marked, in pieces of one length. Marked speech is the same synthetic voices
with the mark, sent through each attack of `bench.attacks`. The threshold that the product uses, and the one
that it used before this was measured, stand beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import soundfile
import torch
from scipy.stats import beta

from bench.attacks import ATTACKS, Attack
from bench.measure import resample
from samevoice.cli import quiet_libraries
from workers import models
from workers.contracts import SPEECH_RATE_HZ, Audio, SpokenError
from workers.models.kokoro_net import open_kokoro
from workers.models.voice_space import open_voice_space
from workers.speak import watermark as product
from workers.speak.phones import to_phones

TEXTS = (
    "Good morning. I slept badly, and my left arm hurts more than it did yesterday.",
    "Could you open the window a little? It is warm in here, and I would like to hear the birds.",
    "My sister is coming on Sunday with the children, so please keep the big table free for us.",
    "I do not want any more of that medicine, because it makes me tired all day long.",
)
#: A piece quieter than this holds no speech.
_SILENT_RMS = 0.005
_CONFIDENCE = 0.95
#: The product's threshold before this benchmark, for all lengths.
BEFORE = 0.9
#: Found less often than this, a table says that the mark is not to be relied on.
RELIED_ON = 0.9
SHORT = "cut1"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Share:
    """So many of so many, with the exact 95 % interval (Clopper and Pearson 1934)."""

    of: int
    count: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing is 0."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end."""
        tail = (1 - _CONFIDENCE) / 2
        low = float(beta.ppf(tail, self.count, self.of - self.count + 1)) if self.count else 0.0
        high = float(beta.ppf(1 - tail, self.count + 1, self.of - self.count)) if self.count < self.of else 1.0
        return low, high

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return {"of": self.of, "count": self.count, "share": self.value, "interval": self.interval}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:6.1%}  ({low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class Row:
    """One attack. found: marked pieces over the threshold; in_use, before: over the product's and the one before it.

    false_alarms: unmarked human pieces over the threshold.
    """

    attack: Attack
    found: Share
    in_use: Share
    before: Share
    false_alarms: Share

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        shares = {name: getattr(self, name).figures() for name in ("found", "in_use", "before", "false_alarms")}
        return {"attack": self.attack.name, "words": self.attack.words, **shares}


@dataclass(frozen=True)
class Result:
    """All figures of one run. threshold: for pieces of `seconds`; short_threshold: for those cut to one second."""

    seconds: float
    rate: float
    human: int
    synthetic: int
    threshold: float
    short_threshold: float
    false_alarms: Share
    alarms_in_use: Share
    alarms_before: Share
    rows: Sequence[Row]

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "seconds": self.seconds,
            "asked_rate": self.rate,
            "unmarked_pieces": {"human": self.human, "synthetic": self.synthetic, "looks": self.false_alarms.of},
            "supported_rate": 1 / (self.human + self.synthetic + 1),
            "false_alarms": self.false_alarms.figures(),
            "false_alarms_in_use": self.alarms_in_use.figures(),
            "false_alarms_before": self.alarms_before.figures(),
            "threshold": self.threshold,
            "threshold_one_second": self.short_threshold,
            "in_use": {"one_second": product.DETECTED_SHORT, "longer": product.DETECTED_LONG, "before": BEFORE},
            "attacks": [row.figures() for row in self.rows],
        }


@click.command()
@click.option("--seconds", type=click.FloatRange(2.0, 10.0), default=3.0, show_default=True, help="Length of a piece.")
@click.option("--rate", type=click.FloatRange(0.0, 0.5), default=0.01, show_default=True, help="False alarms allowed.")
@click.option("--voices", type=click.IntRange(2, 28), default=28, show_default=True, help="Public voices to use.")
@click.option(
    "--attacked-voices", type=click.IntRange(1, 28), default=12, show_default=True, help="Of these, attacked."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output instead of the table.")
def watermark(seconds: float, rate: float, voices: int, attacked_voices: int, as_json: bool) -> None:
    """What the mark of synthetic speech survives, and what it does not."""
    quiet_libraries()
    try:
        result = run(seconds, rate, voices, attacked_voices, lambda line: click.echo(line, err=True))
    except SpokenError as error:
        raise click.ClickException(error.message) from error
    click.echo(json.dumps(result.figures(), indent=2) if as_json else table(result))


def run(seconds: float, rate: float, voices: int, attacked_voices: int, say: Say) -> Result:
    """Measure. `say` hears how far it is."""
    network = product.Watermark()
    human = [piece for audio in people() for piece in pieces(audio, seconds)]
    say(f"{len(human)} pieces of {seconds:g} s by people. {voices} public voices are speaking …")
    spoken = list(synthetic(voices, seconds))
    plain = [piece for audio in spoken for piece in pieces(audio, seconds)]
    marked = [piece for audio in spoken[:attacked_voices] for piece in pieces(network.mark(audio), seconds)]
    by_people: dict[str, list[float]] = {}
    found: dict[str, list[float]] = {}
    for attack in ATTACKS.values():
        say(f"{attack.words}: {len(marked)} marked pieces, {len(human)} by people …")
        found[attack.name] = [network.score(attack.change(piece)) for piece in marked]
        by_people[attack.name] = [network.score(attack.change(piece)) for piece in human]
    say(f"{len(plain)} unmarked pieces by public voices …")
    null = [network.score(piece) for piece in plain]
    null += [score for name, scores in by_people.items() if name != SHORT for score in scores]
    # A cut piece is shorter than the others: chance reaches higher there, and it has a threshold of its own.
    short = [*by_people[SHORT], *(network.score(ATTACKS[SHORT].change(piece)) for piece in plain)]
    limit, short_limit = passed_by(null, rate), passed_by(short, rate)
    rows = [
        _row(attack, found[attack.name], by_people[attack.name], short_limit if attack.name == SHORT else limit)
        for attack in ATTACKS.values()
    ]
    at_limit, in_use, before = (over(null, at) for at in (limit, product.DETECTED_LONG, BEFORE))
    return Result(seconds, rate, len(human), len(plain), limit, short_limit, at_limit, in_use, before, rows)


def _row(attack: Attack, found: Sequence[float], by_people: Sequence[float], limit: float) -> Row:
    in_use = product.DETECTED_SHORT if attack.name == SHORT else product.DETECTED_LONG
    return Row(attack, over(found, limit), over(found, in_use), over(found, BEFORE), over(by_people, limit))


def people() -> Iterator[Audio]:
    """The human recordings that the manifest has, at the rate that speech is made in."""
    for place in (models.path("two-cities"), models.path("other-readers")):
        for file in [place] if place.is_file() else sorted(place.glob("*.wav")):
            samples, rate_hz = soundfile.read(file, dtype="float32", always_2d=True)
            yield resample(Audio(samples.mean(axis=1), int(rate_hz)), SPEECH_RATE_HZ)


def synthetic(count: int, seconds: float) -> Iterator[Audio]:
    """English public voices as they are, none of them marked, each with two pieces of `seconds` at least."""
    net: Any = open_kokoro()
    space = open_voice_space()
    names = [name for name in space.names if name[0] in "ab"]
    for index in range(count):
        name = names[index * len(names) // count]
        spoken: list[np.ndarray[Any, np.dtype[np.float32]]] = []
        while sum(map(len, spoken)) < 2 * seconds * SPEECH_RATE_HZ:
            phones = to_phones(TEXTS[(index + len(spoken)) % len(TEXTS)], net.vocab)
            style = torch.from_numpy(space.style(name, len(phones)))[None]
            with torch.inference_mode():
                spoken.append(net(phones, style).numpy())
        yield Audio(np.concatenate(spoken), SPEECH_RATE_HZ)


def pieces(audio: Audio, seconds: float) -> list[Audio]:
    """`audio` in pieces of one length, one after the other; those without speech are left out."""
    length = int(seconds * audio.rate_hz)
    cuts = [audio.samples[start : start + length] for start in range(0, len(audio.samples) - length + 1, length)]
    return [Audio(part, audio.rate_hz) for part in cuts if float(np.sqrt(np.mean(np.square(part)))) > _SILENT_RMS]


def over(scores: Sequence[float], limit: float) -> Share:
    """How many of `scores` exceed `limit`."""
    return Share(len(scores), sum(score > limit for score in scores))


def passed_by(scores: Sequence[float], rate: float) -> float:
    """The lowest threshold that at most `rate` of `scores` exceed."""
    return sorted(scores, reverse=True)[min(int(rate * len(scores)), len(scores) - 1)]


def table(result: Result) -> str:
    """For a person at a terminal."""
    alarms = result.false_alarms
    low, high = alarms.interval
    apart = result.human + result.synthetic
    lines = [
        f"Unmarked pieces of {result.seconds:g} s: {result.human} by people, as they are and after each attack, and "
        f"{result.synthetic} by public voices.",
        f"Threshold: {result.threshold:.2f} ({result.short_threshold:.2f} for one second). In use: "
        f"{product.DETECTED_LONG} ({product.DETECTED_SHORT}); before this was measured: {BEFORE}.",
        f"False alarms at it: {alarms.count} of {alarms.of} looks ({low:.1%} to {high:.1%}, 95 %); at the one in use "
        f"{result.alarms_in_use.count}, at the one before {result.alarms_before.count}.",
        f"{apart} pieces that are not one another cannot show a rate below {1 / (apart + 1):.1%}; those of one "
        "recording are alike, so the true interval is wider.",
        "",
        f"{'':36}{'found':24}{'in use':24}{'before':24}false alarms (people)",
    ]
    lines += [
        f"{row.attack.words:36}{row.found!s:24}{row.in_use!s:24}{row.before!s:24}{row.false_alarms!s}"
        for row in result.rows
    ]
    lost = [row.attack.words for row in result.rows if row.in_use.value < RELIED_ON]
    lines += ["", f"Not to be relied on after: {'; '.join(lost) or 'none of these'}."]
    lines.append(
        "Nobody here tried to remove the mark. Whoever tries can: it is a hint, the signed record is the proof."
    )
    return "\n".join(lines)
