// A queue of samples, played without gaps. Runs on the audio thread at the rate of the restored speech.

// Enough to bridge the network's unevenness, too little to be felt as a delay.
const JITTER_S = 0.12;

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.clear();
    this.port.onmessage = ({ data }) => {
      if (data.samples) {
        this.queue.push(data.samples);
        this.waiting += data.samples.length;
      } else if (data.end) {
        this.ending = true;
      } else if (data.stop) {
        this.clear();
      }
    };
  }

  clear() {
    this.queue = [];
    this.offset = 0;
    this.waiting = 0;
    this.ending = false;
    this.running = false;
  }

  process(_inputs, outputs) {
    const output = outputs[0][0];
    if (!this.running && (this.waiting >= JITTER_S * sampleRate || this.ending)) this.running = true;
    if (!this.running) return true;
    let written = 0;
    while (written < output.length && this.queue.length) {
      const head = this.queue[0];
      const count = Math.min(output.length - written, head.length - this.offset);
      output.set(head.subarray(this.offset, this.offset + count), written);
      written += count;
      this.offset += count;
      this.waiting -= count;
      if (this.offset === head.length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
    if (written < output.length) {
      const finished = this.ending;
      // Ran dry in mid-sentence: fill the buffer again before going on, so that it stutters once and not all along.
      this.running = false;
      if (finished) {
        this.clear();
        this.port.postMessage({ drained: true });
      }
    }
    return true;
  }
}

registerProcessor("playback", Playback);
