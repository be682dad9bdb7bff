"""The demo's one table, for a terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.table import Table

from bench.demo_run import SEVERITIES, Line, Result


def table(result: Result, width: int = 110) -> str:
    """Everything that the demo measured, in one table of plain words."""
    figures = result.figures()
    voice, heard, restored = figures["voice"], figures["impaired"], figures["restored"]
    grid = Table(title="Same Voice: a reading, impaired (simulated), said again in its own voice", show_lines=True)
    grid.add_column("What", style="bold", width=24)
    grid.add_column("Measured", overflow="fold")
    enrolled = figures["enrolled"]
    grid.add_row(
        "Speech enrolled",
        f"{enrolled['speech_s']:.1f} s, {enrolled['verdict']} ({enrolled['snr_db']:.0f} dB over the noise); "
        f"voice built in {result.fit_s:.0f} s",
    )
    grid.add_row(
        "Voice similarity",
        f"[bold]{voice['similarity_normalised']:.2f}[/bold] on 0 (nearest public voice) to 1 (a second real recording)"
        f"\nraw {voice['similarity_raw']:.3f}; nearest public voice {voice['nearest_public']:.3f}; "
        f"second real {voice['second_real']:.3f} (an encoder that the fit never heard)"
        f"\nthe held-out sentences said in it: word error rate {voice['wer']:.1%}",
    )
    for severity in SEVERITIES:
        lines = result.of(severity)
        spoken = sum(line.restored is not None for line in lines)
        grid.add_row(
            f"Understood, {severity}",
            f"word error rate {heard[f'wer_{severity}']:.0%}; {spoken} of {len(lines)} spoken unasked, "
            f"{len(lines) - spoken} offered as readings\n" + "\n".join(_understood(line) for line in lines),
        )
    lengths_s = restored["length_s"] or [0.0]
    grid.add_row(
        "Restored speech",
        f"word error rate {restored['wer']:.1%} over {restored['utterances']} utterances of {min(lengths_s):.1f} to "
        f"{max(lengths_s):.1f} s; DNSMOS {restored['dnsmos']}",
    )
    grid.add_row("First restored sound", f"{figures['first_sound_s']} s after the end of speech (median, this machine)")
    mark = figures["watermark"]
    grid.add_row(
        "Watermark",
        f"{'read back' if mark['detected'] else 'NOT read back'} in {mark['files']} files; provenance: "
        + "; ".join(sorted({str(line.provenance) for line in result.restored_lines()})),
    )
    grid.add_row("Distress, urgency", f"{figures['distress']} and {figures['urgency']} (median of all; not validated)")
    grid.add_row(
        "Files",
        f"{figures['files']['report']}  (open it in a browser)\n{figures['files']['historic']}, impaired-*.wav, "
        "restored-*.wav beside it",
    )
    grid.add_row("Time", f"{result.total_s:.0f} s in all")
    text = StringIO()
    Console(file=text, width=width).print(grid)
    return text.getvalue()


def _understood(line: Line) -> str:
    outcome = "spoken" if line.restored is not None else f"asked first ({line.gate})"
    return f"· {line.heard or '(nothing)'}  [dim]{line.confidence:.2f}, {outcome}[/dim]"
