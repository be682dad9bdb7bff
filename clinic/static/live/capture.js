// The microphone: asks for it, and hands over 40 ms frames of 16 kHz PCM with their level.

// A patient may begin as they touch: this much from before the touch is sent too.
const LEAD_IN_FRAMES = 10;
// Browsers' noise suppression is made for ordinary speech and eats slurred and breathy sounds. Gain control helps weak
// voices. Echo does not matter: while the tablet speaks, the microphone is not listened to.
const WANTED = { channelCount: 1, noiseSuppression: false, echoCancellation: false, autoGainControl: true };

// What to do, by the name of the browser's error.
export const MICROPHONE = {
  NotAllowedError: "The microphone is switched off for this page. Ask someone to allow it in the browser’s settings (the lock beside the address), then touch the button.",
  NotFoundError: "This tablet has no microphone that I can find. Ask someone to connect one, then touch the button.",
  NotReadableError: "Another app is using the microphone. Close it, then touch the button.",
  NotSupportedError: "The browser gives the microphone only to a secure address (https). Please tell hospital IT.",
};

export class Capture {
  constructor({ onFrame, onLevel, onLost }) {
    this.onFrame = onFrame;
    this.onLevel = onLevel;
    this.onLost = onLost;
    this.listening = false;
    this.muted = false;
    this.leadIn = [];
    this.opening = null;
  }

  // Resolves when the microphone is open. Rejects with the browser's error, named in MICROPHONE.
  open() {
    this.opening ??= this.#open().catch((error) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  async #open() {
    if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no microphone interface", "NotSupportedError");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
    let source;
    try {
      // Most browsers resample well by themselves; Firefox refuses to join two rates, and is helped in the worklet.
      this.context = new AudioContext({ sampleRate: 16000, latencyHint: "interactive" });
      source = this.context.createMediaStreamSource(stream);
    } catch {
      await this.context?.close();
      this.context = new AudioContext({ latencyHint: "interactive" });
      source = this.context.createMediaStreamSource(stream);
    }
    await this.context.audioWorklet.addModule(new URL("worklet-capture.js", import.meta.url));
    this.node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => (data.flushed ? this.flushed?.() : this.#take(data));
    source.connect(this.node);
    await this.context.resume();
    stream.getAudioTracks()[0].addEventListener("ended", () => {
      this.opening = null;
      this.onLost();
    });
  }

  #take({ pcm, level }) {
    if (this.muted) return;
    this.onLevel(level);
    if (this.listening) {
      this.onFrame(pcm);
    } else {
      this.leadIn.push(pcm);
      if (this.leadIn.length > LEAD_IN_FRAMES) this.leadIn.shift();
    }
  }

  start() {
    this.listening = true;
    for (const pcm of this.leadIn.splice(0)) this.onFrame(pcm);
  }

  // Resolves when the frame that was being filled has been handed over too: it may hold the end of a word.
  async finish() {
    if (!this.listening) return;
    await new Promise((resolve) => {
      this.flushed = resolve;
      this.node.port.postMessage("flush");
    });
    this.listening = false;
  }

  stop() {
    this.listening = false;
  }

  // While the tablet speaks its own sound must not be taken for the patient's.
  mute(muted) {
    this.muted = muted;
    if (muted) {
      this.leadIn = [];
      this.onLevel(0);
    }
  }
}
