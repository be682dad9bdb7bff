// Restored speech: played as it arrives, kept in memory so that it can be heard again.

const RATE_HZ = 24000;

export class Playback {
  constructor({ onEnd }) {
    this.onEnd = onEnd;
    this.playing = false;
    this.utterance = "";
    this.received = 0;
    this.pieces = [];
    this.complete = false;
    this.last = new Float32Array(0);
    this.opening = null;
  }

  // Browsers let a page sound only after a touch: call this from one.
  open() {
    this.opening ??= this.#open().catch((error) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  async #open() {
    this.context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    await this.context.audioWorklet.addModule(new URL("worklet-playback.js", import.meta.url));
    this.node = new AudioWorkletNode(this.context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = () => this.#ended();
    this.node.connect(this.context.destination);
    await this.context.resume();
  }

  start(utterance) {
    // The same speech once more after a broken connection: what was heard already is not repeated.
    if (this.playing && utterance === this.utterance) return;
    this.#send({ stop: true });
    this.utterance = utterance;
    this.received = 0;
    this.pieces = [];
    this.complete = false;
    this.playing = true;
  }

  frame(sequence, pcm) {
    if (!this.playing || sequence < this.received) return;
    this.received = sequence + 1;
    const samples = Float32Array.from(pcm, (sample) => sample / 32768);
    this.pieces.push(samples);
    this.#send({ samples });
  }

  end(utterance) {
    if (!this.playing || utterance !== this.utterance) return;
    this.complete = true;
    this.last = join(this.pieces);
    this.#send({ end: true });
    // Without a sound device nothing is ever drained, and the screen must not hang.
    if (!this.node) this.#ended();
  }

  again() {
    if (!this.last.length) return false;
    this.#send({ stop: true });
    this.playing = true;
    this.#send({ samples: this.last });
    this.#send({ end: true });
    return true;
  }

  // A sound file as samples at this player's rate.
  async decode(data) {
    return (await this.context.decodeAudioData(data)).getChannelData(0);
  }

  // Something that was not spoken just now. What can be heard again stays the last speech.
  play(samples) {
    this.#send({ stop: true });
    this.utterance = "";
    this.playing = true;
    this.#send({ samples });
    this.#send({ end: true });
  }

  stop() {
    this.#send({ stop: true });
    this.#ended();
  }

  #send(message) {
    this.node?.port.postMessage(message);
  }

  #ended() {
    if (!this.playing) return;
    this.playing = false;
    this.onEnd();
  }
}

function join(pieces) {
  const joined = new Float32Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
