// Microphone to 16 kHz, 16-bit frames of 40 ms. Runs on the audio thread, so that a busy page drops nothing.

const RATE_HZ = 16000;
const FRAME_SAMPLES = 640;
// 32 lobes of a sinc under a Blackman window: linear phase, flat to 7 kHz, below -70 dB from 8.5 kHz on. What lies
// above half the new rate would otherwise fold down onto the speech.
const LOBES = 16;
const CUTOFF_HZ = 7400;

class Resampler {
  constructor(rateHz) {
    this.step = rateHz / RATE_HZ;
    this.cutoff = Math.min(CUTOFF_HZ / rateHz, 0.5);
    this.reach = Math.ceil(LOBES / (2 * this.cutoff));
    this.history = new Float32Array(0);
    this.at = this.reach; // where the next output sample lies within history
  }

  weight(distance) {
    const x = 2 * this.cutoff * distance;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    const phase = (Math.PI * distance) / (this.reach + 1);
    return 2 * this.cutoff * sinc * (0.42 + 0.5 * Math.cos(phase) + 0.08 * Math.cos(2 * phase));
  }

  push(input) {
    const joined = new Float32Array(this.history.length + input.length);
    joined.set(this.history);
    joined.set(input, this.history.length);
    const output = [];
    for (; this.at + this.reach < joined.length; this.at += this.step) {
      const centre = Math.floor(this.at);
      let sum = 0;
      for (let i = centre - this.reach + 1; i <= centre + this.reach; i += 1) sum += joined[i] * this.weight(i - this.at);
      output.push(sum);
    }
    const unneeded = Math.max(0, Math.floor(this.at) - this.reach);
    this.history = joined.slice(unneeded);
    this.at -= unneeded;
    return output;
  }
}

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === RATE_HZ ? null : new Resampler(sampleRate);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
    this.energy = 0;
    this.port.onmessage = () => {
      this.post();
      this.port.postMessage({ flushed: true });
    };
  }

  post() {
    if (this.filled === 0) return;
    const pcm = this.frame.slice(0, this.filled).buffer;
    this.port.postMessage({ pcm, level: Math.sqrt(this.energy / this.filled) }, [pcm]);
    this.filled = 0;
    this.energy = 0;
  }

  process(inputs) {
    const channels = inputs[0];
    if (!channels.length) return true;
    const mono = channels.length === 1 ? channels[0] : channels[0].map((x, i) => (x + channels[1][i]) / 2);
    for (const sample of this.resampler ? this.resampler.push(mono) : mono) {
      const clipped = Math.max(-1, Math.min(1, sample));
      this.frame[this.filled] = Math.round(clipped * 32767);
      this.filled += 1;
      this.energy += clipped * clipped;
      if (this.filled === FRAME_SAMPLES) this.post();
    }
    return true;
  }
}

registerProcessor("capture", Capture);
