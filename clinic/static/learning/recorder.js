// One sentence from the microphone, as 16 kHz WAV that stays in the page until it was kept.

import { Capture } from "../live/capture.js";

const RATE_HZ = 16000;

function wav(frames) {
  const samples = frames.reduce((sum, frame) => sum + frame.byteLength, 0) / 2;
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, 36 + samples * 2, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, RATE_HZ, true);
  header.setUint32(28, RATE_HZ * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  text(36, "data");
  header.setUint32(40, samples * 2, true);
  return new Blob([header, ...frames], { type: "audio/wav" });
}

export class Recorder {
  constructor({ longestS, onLevel, onLost, onFull }) {
    this.most = longestS * RATE_HZ * 2;
    this.onFull = onFull;
    this.frames = [];
    this.bytes = 0;
    this.capture = new Capture({ onFrame: (pcm) => this.#take(pcm), onLevel, onLost });
  }

  // Resolves while the microphone listens. Rejects with the browser's error.
  async start() {
    await this.capture.open();
    this.frames = [];
    this.bytes = 0;
    this.capture.start();
  }

  #take(pcm) {
    if (this.bytes + pcm.byteLength > this.most) {
      this.onFull();
      return;
    }
    this.frames.push(pcm);
    this.bytes += pcm.byteLength;
  }

  // What was said, to the last sample.
  async finish() {
    await this.capture.finish();
    return wav(this.frames.splice(0));
  }

  forget() {
    this.capture.stop();
    this.frames = [];
  }
}
