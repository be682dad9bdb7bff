// The connection to the service (docs/protocol.md): connects by itself again, and loses no sound meanwhile.

const VERSION = 1;
// A turn may last 60 s; its frames are kept until it is taken, so that all of it can be sent again.
const TURN_FRAMES = 1500;
const BACKOFF_MS = [300, 600, 1200, 2500, 5000, 8000];
const PING_MS = 15000;
const PONG_WITHIN_MS = 8000;
// After these there is no use in trying again without the person.
const FINAL = { 4401: "signed_out", 4409: "replaced", 4426: "version" };
const KEY = "sameVoice.session";

export class Link extends EventTarget {
  constructor(url) {
    super();
    this.url = url;
    this.session = sessionStorage.getItem(KEY) ?? "";
    this.cursor = "";
    this.turn = null;
    // A turn that a pause has ended: whoever speaks on within some seconds is heard, and it becomes one turn again.
    this.lingering = null;
    this.online = false;
    this.tries = 0;
  }

  connect() {
    clearTimeout(this.retry);
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      const turn = this.turn?.id ?? "";
      this.#send({ type: "hello", version: VERSION, session: this.session, after: this.cursor, turn });
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#message(JSON.parse(data)) : this.#sound(data));
    socket.onclose = ({ code }) => {
      if (this.socket === socket) this.#closed(code);
    };
  }

  // A turn begins at once, connected or not.
  start(mode) {
    this.lingering = null;
    this.turn = { id: crypto.randomUUID().replaceAll("-", ""), mode, frames: [], finished: false };
    if (this.online) this.#send({ type: "start", turn: this.turn.id, mode });
  }

  audio(pcm) {
    const turn = this.turn ?? this.lingering;
    if (!turn || turn.finished || turn.frames.length >= TURN_FRAMES) return;
    turn.frames.push(pcm);
    if (this.online) this.#frame(turn, turn.frames.length - 1);
  }

  finish() {
    if (!this.turn) return;
    this.turn.finished = true;
    if (this.online) this.#send({ type: "finish" });
  }

  forget() {
    this.turn = this.lingering = null;
    if (this.online) this.#send({ type: "cancel" });
  }

  tell(type, fields = {}) {
    if (this.online) this.#send({ type, ...fields });
    return this.online;
  }

  #send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #frame(turn, number) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    const pcm = new Uint8Array(turn.frames[number]);
    const frame = new Uint8Array(4 + pcm.length);
    new DataView(frame.buffer).setUint32(0, number, true);
    frame.set(pcm, 4);
    this.socket.send(frame);
  }

  #message(message) {
    if (message.event) this.cursor = message.event;
    if (message.type === "pong") clearTimeout(this.overdue);
    if (message.type === "welcome") this.#welcome(message);
    if (message.type === "turn_ended" && message.turn === this.turn?.id) {
      this.lingering = message.joins_s ? this.turn : null;
      this.turn = null;
    }
    if (message.type === "turn_resumed" && message.turn === this.lingering?.id) {
      this.turn = this.lingering;
      this.lingering = null;
    }
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #welcome(message) {
    if (!message.resumed) this.cursor = "";
    this.session = message.session;
    sessionStorage.setItem(KEY, message.session);
    this.online = true;
    this.tries = 0;
    clearInterval(this.pings);
    this.pings = setInterval(() => this.#ping(), PING_MS);
    if (this.turn) this.#resume(message.turn);
    this.dispatchEvent(new CustomEvent("online"));
  }

  #resume(known) {
    if (known?.utterance) {
      this.turn = null;
      return;
    }
    // The service may have forgotten the turn, or never have heard of it: then it hears all of it.
    if (!known) this.#send({ type: "start", turn: this.turn.id, mode: this.turn.mode });
    for (let number = known?.next_audio ?? 0; number < this.turn.frames.length; number += 1) this.#frame(this.turn, number);
    if (this.turn.finished) this.#send({ type: "finish" });
  }

  #sound(data) {
    const sequence = new DataView(data).getUint32(0, true);
    this.dispatchEvent(new CustomEvent("sound", { detail: { sequence, pcm: new Int16Array(data.slice(4)) } }));
  }

  #ping() {
    clearTimeout(this.overdue);
    this.#send({ type: "ping", t: Date.now() });
    // A network that swallows everything closes nothing: give the connection up ourselves.
    this.overdue = setTimeout(() => {
      const dead = this.socket;
      this.socket = null;
      dead?.close();
      this.#closed(0);
    }, PONG_WITHIN_MS);
  }

  #closed(code) {
    this.online = false;
    clearInterval(this.pings);
    clearTimeout(this.overdue);
    // 44xx: the service did not like what this page sent. Sending the same again would go on for ever.
    if (code >= 4400) this.turn = null;
    this.lingering = null;
    this.dispatchEvent(new CustomEvent("offline", { detail: FINAL[code] ?? "" }));
    if (code in FINAL) return;
    const wait = BACKOFF_MS[Math.min(this.tries, BACKOFF_MS.length - 1)];
    this.tries += 1;
    // Tablets that lost the same network must not all come back in the same instant.
    this.retry = setTimeout(() => this.connect(), wait * (0.7 + 0.6 * Math.random()));
  }
}
