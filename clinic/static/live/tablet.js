// The patient's page: joins the microphone, the connection, the restored speech and the screen.

import { Capture, MICROPHONE } from "./capture.js";
import { Own } from "./own.js";
import { Playback } from "./playback.js";
import { Link } from "./protocol.js";
import * as screen from "./screen.js";

// A trembling hand touches twice, and lets go for an instant while it holds.
const TREMOR_MS = 500;
const RELEASE_GRACE_MS = 400;
const SEEN = "sameVoice.howToSeen";

const $ = (id) => document.getElementById(id);
const link = new Link(Object.assign(new URL(document.body.dataset.socket, location.href), { protocol: location.protocol === "https:" ? "wss:" : "ws:" }));
const capture = new Capture({ onFrame: (pcm) => link.audio(pcm), onLevel: screen.level, onLost: () => microphoneFailed("NotFoundError") });
const playback = new Playback({ onEnd: spoken });

const own = new Own({
  playback,
  onPlay(message, samples) {
    if (shown() !== "ready" && shown() !== "no_voice") return; // never while listening
    handsFree = false;
    recording = message.name;
    screen.words(message.name);
    screen.message("");
    screen.recording(true);
    playback.play(samples);
    show();
  },
  onTrouble: () => screen.message("This recording could not be played just now. Please try again."),
});

let server = "connecting"; // the state that the service told last
let utterance = "";
let recording = ""; // the name of the patient's own recording that sounds now
let mode = "tap";
let speaksAs = { mode: "restore", choices: [] }; // as the service told it last
let handsFree = false; // hands-free: begin again by itself
let broken = ""; // microphone, signed_out, replaced, version: shown over everything else
let lastTouch = -Infinity; // not 0: the first touch counts, however soon after the page opened
let release = 0;
let lingers = 0;

// Kept in memory alone; for tests, and for whoever looks after the tablet.
window.sameVoice = {
  get state() { return shown(); },
  get utterance() { return utterance; },
  get lastSpeech() { return playback.last; },
};

function shown() {
  if (broken) return broken;
  if (playback.playing) return "speaking";
  if (link.turn) return link.turn.finished ? "working" : "listening";
  if (!link.online) return server === "connecting" ? "connecting" : "offline";
  return server;
}

function show() {
  const state = shown();
  screen.face(state, mode);
  screen.utterance(utterance);
  screen.replayable(playback.last.length > 0 && ["ready", "offline"].includes(state));
  own.offer(state);
  capture.mute(playback.playing);
}

// Hands-free, what the last turn came to stays to be read while the next one is listened for.
async function listen(goesOn = false) {
  broken = "";
  playback.open().catch(() => screen.message("This tablet cannot play sound. You can still see the words."));
  try {
    await capture.open();
  } catch (error) {
    microphoneFailed(error.name);
    return;
  }
  if (link.turn || playback.playing) return;
  screen.words("");
  if (!goesOn) screen.message("");
  utterance = "";
  stopListening();
  link.start(mode);
  capture.start();
  show();
}

function microphoneFailed(name) {
  broken = "microphone";
  handsFree = false;
  link.forget();
  screen.message(MICROPHONE[name] ?? "The microphone does not work. Touch the button to try again, or ask someone for help.");
  show();
}

async function finish() {
  if (!link.turn || link.turn.finished) return;
  await capture.finish();
  link.finish();
  show();
}

function stop() {
  handsFree = false;
  stopListening();
  if (link.turn) link.forget();
  else if (utterance && !recording) link.tell("cancel", { utterance });
  if (playback.playing) playback.stop();
  screen.message("Stopped.");
  show();
}

function stopListening() {
  clearTimeout(lingers);
  link.lingering = null;
  capture.stop();
}

function spoken() {
  if (recording) {
    recording = "";
    screen.words("");
    screen.recording(false);
  }
  screen.message("");
  show();
  goOn();
}

function goOn() {
  if (handsFree && shown() === "ready") listen(true);
}

// The round button

function press() {
  const state = shown();
  if (state === "speaking") return stop();
  if (state === "listening") {
    if (mode === "free") return stop();
    return mode === "tap" ? finish() : undefined;
  }
  if (["signed_out", "version", "no_voice"].includes(state)) return location.reload();
  if (state === "replaced") {
    broken = "";
    link.connect();
    return show();
  }
  if (["ready", "unsure", "cut_off", "microphone", "offline"].includes(state)) {
    handsFree = mode === "free";
    return listen();
  }
  return undefined;
}

function touched() {
  const at = performance.now();
  const twice = at - lastTouch < TREMOR_MS;
  lastTouch = at;
  return !twice;
}

function down() {
  clearTimeout(release);
  if (mode === "hold" && shown() === "listening") return; // the hand trembled, and is back
  if (touched()) press();
}

function up() {
  if (mode !== "hold") return;
  clearTimeout(release);
  release = setTimeout(finish, RELEASE_GRACE_MS);
}

$("button").addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  $("button").setPointerCapture(event.pointerId); // a finger that slides off still holds
  down();
});
$("button").addEventListener("pointerup", up);
$("button").addEventListener("pointercancel", up);
$("button").addEventListener("contextmenu", (event) => event.preventDefault());

// The space bar is the round button, wherever the focus is, unless it is on something that space works already.
const takesSpace = (element) => element.closest("button:not(#button), input, dialog");
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && ["listening", "working", "speaking"].includes(shown())) stop();
  const activates = event.key === " " || (event.key === "Enter" && event.target === $("button"));
  if (!activates || takesSpace(event.target) || shown() === "unsure") return;
  event.preventDefault();
  if (!event.repeat) down();
});
addEventListener("keyup", (event) => {
  if ((event.key === " " || event.key === "Enter") && !takesSpace(event.target)) up();
});

// Everything else that can be touched

$("stop").addEventListener("click", stop);
$("again").addEventListener("click", () => {
  if (!touched()) return;
  link.tell("again", { utterance });
  listen();
});
$("none").addEventListener("click", () => {
  link.tell("none_of_these", { utterance });
  screen.message("All right, none of these. Say it another way when you are ready.");
});
$("replay").addEventListener("click", () => {
  if (touched() && playback.again()) show();
});
$("show-cut-off").addEventListener("click", () => link.tell("speak_cut_off", { utterance }));
$("drop-cut-off").addEventListener("click", () => {
  link.tell("cancel", { utterance });
  screen.message("");
});
$("modes").addEventListener("change", (event) => {
  mode = event.target.value;
  if (shown() === "listening") stop();
  show();
});
$("speaks-as").addEventListener("change", (event) => {
  if (!link.tell("speak_as", { mode: event.target.value })) screen.message("There is no connection just now. Choose again in a moment.");
  screen.speaksAs(speaksAs); // what is shown is what counts: the answer moves it
});
$("begin").addEventListener("click", (event) => {
  localStorage.setItem(SEEN, "yes");
  $("how-to").close();
  playback.open().catch(() => undefined);
  capture.open().catch((error) => microphoneFailed(error.name));
  // With a finger there is no need to show where the focus is.
  if (event.detail === 0) $("button").focus();
});

// What the service says

function choose(reading, text, english) {
  if (!touched()) return;
  stopListening();
  screen.words(text, english);
  link.tell("choose", { utterance, reading });
}

const HEARD = {
  welcome(m) {
    screen.voice(m.voice);
    HEARD.speaks_as(m.speaks_as);
    own.look().then(show);
  },
  state(m) {
    server = m.state;
    if (!link.turn && !["working", "unsure"].includes(m.state)) stopListening();
    if (m.utterance) utterance = m.utterance;
    if (m.state === "no_voice") screen.message(m.message);
    if (m.state === "cut_off") screen.message("The connection broke while you were speaking. I kept what I heard. Nothing was said aloud.");
    goOn();
  },
  turn_ended(m) {
    // Whoever speaks on after their pause is still heard for a moment: it becomes one turn.
    clearTimeout(lingers);
    if (link.lingering) lingers = setTimeout(stopListening, m.joins_s * 1000);
    else capture.stop();
    if (m.utterance) utterance = m.utterance;
    if (m.reason === "longest") screen.message("That was a whole minute. I go on with what I have.");
  },
  turn_resumed() {
    clearTimeout(lingers);
    utterance = "";
    screen.words("");
    screen.message("");
  },
  words: (m) => screen.words(m.text),
  speaks_as(m) {
    speaksAs = m;
    screen.speaksAs(m);
  },
  readings(m) {
    utterance = m.utterance;
    screen.words("Did you say …");
    screen.message(m.why ?? "");
    screen.readings(m.readings, choose);
    screen.face("unsure", mode);
    // To the question and not to its first answer: the space bar must not choose for anybody.
    $("choices").focus();
  },
  nothing_heard: (m) => screen.message(m.message),
  speech_start(m) {
    screen.message("");
    // Somebody else's voice never sounds without being named.
    if (m.voice !== "own") screen.voice({ kind: m.voice, label: "stand-in" });
    playback.start(m.utterance);
  },
  speech_end: (m) => playback.end(m.utterance),
  slow: (m) => screen.message(m.message),
  failed(m) {
    handsFree = false;
    screen.message(m.message);
    // What has begun to sound ends here: half a sentence is not held back for ever.
    if (playback.playing) playback.stop();
  },
  error(m) {
    screen.message(m.message);
    if (link.turn && ["busy", "no_consent", "no_voice"].includes(m.code)) {
      link.turn = null;
      capture.stop();
    }
  },
};

link.addEventListener("message", ({ detail }) => {
  HEARD[detail.type]?.(detail);
  show();
});
link.addEventListener("sound", ({ detail }) => playback.frame(detail.sequence, detail.pcm));
link.addEventListener("online", () => {
  screen.connection("online");
  if (!broken) screen.message(""); // what to do about a broken microphone stays
  show();
});
link.addEventListener("offline", ({ detail }) => {
  screen.connection("offline");
  if (detail) {
    broken = detail;
    handsFree = false;
    stopListening();
    if (playback.playing) playback.stop();
  } else if (link.turn) {
    screen.message("The connection is gone. Go on speaking: I keep your words.");
  }
  if (!link.turn) stopListening();
  show();
});

if (!localStorage.getItem(SEEN)) $("how-to").showModal();
screen.face("connecting", mode);
link.connect();
