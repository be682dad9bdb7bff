// One sentence at a time: record, hear it if you like, keep it, rest. Nothing that was recorded is lost while the page is
// open, and nothing is sent before it was kept.

import { MICROPHONE } from "../live/capture.js";
import { level as showLevel } from "../live/screen.js";
import { Recorder } from "./recorder.js";

const ROUND = 10;
const LONGEST_S = 59; // the service takes a minute
const TREMOR_MS = 500; // a trembling hand touches twice
const LOOK_MS = 500;
const PATIENCE_MS = 8000; // so long the page waits for the check; then it goes on, and looks again later
const LATER_MS = 3000;
const FAINT = 0.004; // about -48 dBFS: a microphone that hears nobody

const $ = (id) => document.getElementById(id);
const { toSay, what } = document.body.dataset;
const phrases = what === "phrases";

// icon, label in the button, hint below it. Shape and words say the state; colour only repeats it.
const FACES = {
  connecting: ["i-plug", "One moment", ""],
  no_list: ["i-unplugged", "No connection", "Touch to try again"],
  ready: ["i-mic", "Record", phrases ? "Touch, then say it" : "Touch, then read it aloud"],
  listening: ["i-stop", "Done", "Touch when you have said it"],
  heard: ["i-done", "Keep it", "Then comes the next"],
  working: ["i-think", "One moment", "It is being kept"],
  refused: ["i-mic", "Say it again", "Touch, then say it"],
  offline: ["i-unplugged", "Send it again", "Touch to try again"],
  rest: ["i-rest", "Go on", "Touch for ten more"],
  finished: ["i-done", "All done", "Touch to go back"],
  microphone: ["i-mic-off", "No microphone", "Touch to try again"],
};
const BUSY = new Set(["connecting", "working"]);
const SHOWN_IN = {
  hear: ["heard", "offline"],
  again: ["listening", "heard", "offline"],
  skip: ["ready", "heard", "refused"],
  leave: ["no_list", "ready", "refused", "offline", "rest", "finished", "microphone"],
};
const FIRST = phrases ? "Say it as you say it today." : "Say it as you say it today. It need not be true.";

let state = "connecting";
let queue = [];
let token = "";
let done = 0; // of this round
let round = ROUND;
let recorded = null; // { take, blob, sound }: kept in memory alone, until the service has it
let loudest = 0;
let lastTouch = -Infinity;
const later = []; // { item, look }: sent, and not checked yet

const hearing = new Audio();
const recorder = new Recorder({
  longestS: LONGEST_S,
  onLevel(rms) {
    if (state === "listening") loudest = Math.max(loudest, rms);
    showLevel(rms);
  },
  onLost: () => noMicrophone("NotFoundError"),
  onFull: () => state === "listening" && finish("That was a whole minute. Say the sentence by itself."),
});

// For tests, and for whoever looks after the tablet.
window.sameVoice = {
  get state() { return state; },
  get recorded() { return recorded?.blob ?? null; },
};

function show(next, message = "") {
  state = next;
  const [icon, label, hint] = FACES[next];
  const main = document.querySelector("main");
  main.dataset.state = next;
  main.dataset.key = queue[0]?.key ?? "";
  $("button-icon").setAttribute("href", `#${icon}`);
  $("button-label").textContent = label;
  $("button-hint").textContent = hint;
  $("button").setAttribute("aria-disabled", String(BUSY.has(next)));
  for (const [id, states] of Object.entries(SHOWN_IN)) {
    if (id === "leave") $(id).classList.toggle("away", !states.includes(next));
    else $(id).hidden = !states.includes(next);
  }
  $("again-label").textContent = next === "listening" ? "Start over" : "Say it again";
  $("skip").hidden ||= queue.length < 2;
  $("message").textContent = message;
  const total = Math.max(round, done);
  $("where").hidden = ["connecting", "no_list"].includes(next) || total === 0;
  $("count").textContent = `${done} of ${total}`;
  $("bar").max = total;
  $("bar").value = done;
}

function words(text, lang = "") {
  $("words").textContent = text;
  $("words").lang = lang;
  $("words").dataset.length = text.length > 70 ? "middle" : "short";
}

function ask(message) {
  if (!queue.length) {
    words(phrases ? "Thank you. That is all of them." : "Thank you. You have read them all.");
    return show("finished", "What you said is kept, to learn from.");
  }
  words(queue[0].text, queue[0].language);
  return show("ready", message ?? (queue[0].remark || ""));
}

// What is to be said

async function look() {
  const answer = await fetch(toSay, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new DOMException("signed out", "NotAllowedError");
  if (!answer.ok) throw new TypeError("no list");
  const told = await answer.json();
  token = told.token;
  return told.items.map((item) => ({ ...item, language: told.language }));
}

async function begin() {
  show("connecting", "One moment, please.");
  try {
    queue = await look();
    newRound();
    if (!queue.length && phrases) {
      words("There is nothing to say just now.");
      show("finished", "Every phrase was said twice. You can say one once more from the list.");
    } else ask(queue[0]?.remark || FIRST);
  } catch (error) {
    if (error.name === "NotAllowedError") location.reload(); // to the sign-in page, and back here
    else show("no_list", "I cannot reach the service. Nothing is lost.");
  }
}

function newRound() {
  done = 0;
  round = Math.min(ROUND, queue.length);
}

// Recording

async function listen() {
  hearing.pause();
  drop();
  loudest = 0;
  try {
    await recorder.start();
  } catch (error) {
    noMicrophone(error.name);
    return;
  }
  words(queue[0].text, queue[0].language);
  show("listening", "Take all the time you need.");
}

async function finish(message = "") {
  const blob = await recorder.finish();
  if (state !== "listening") return;
  const take = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  recorded = { take, blob, sound: URL.createObjectURL(blob) };
  show("heard", message || (loudest < FAINT ? "I heard almost nothing. Hear it before you keep it." : "Keep it, hear it, or say it again."));
}

function drop() {
  if (recorded) URL.revokeObjectURL(recorded.sound);
  recorded = null;
}

function noMicrophone(name) {
  recorder.forget();
  show("microphone", MICROPHONE[name] ?? "The microphone does not work. Touch the button to try again, or ask someone for help.");
}

// Keeping

async function keep() {
  hearing.pause();
  show("working");
  const item = queue[0];
  let told;
  try {
    told = await send(item);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // TypeError: the network is away
    show("offline", "The connection is gone. Your recording is still here.");
    return;
  }
  if (told.error) return refuse(told.error);
  drop(); // the service has it now
  settle(item, told);
}

async function send(item, again = false) {
  const address = `${item.keep}${item.keep.includes("?") ? "&" : "?"}take=${recorded.take}`;
  const answer = await fetch(address, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "audio/wav", "X-CSRFToken": token },
    body: recorded.blob,
  });
  const told = await answer.json().catch(() => ({ error: { code: "", message: "" } }));
  if (answer.ok) return told;
  const error = { ...told.error, status: answer.status };
  if (error.code === "csrf" && !again) {
    await look(); // a token of now; the recording stays
    return send(item, true);
  }
  if (error.code === "sent_twice") return { state: "checked", message: "" };
  return { error };
}

function refuse({ status, message }) {
  if (status === 401) show("offline", "You are signed out. Sign in again in another window, then touch the button. Your recording is still here.");
  else if (status >= 500 || status === 429) show("offline", message || "The service cannot keep it just now. Your recording is still here.");
  else {
    drop();
    show("refused", message || "This could not be kept. Please say it again.");
  }
}

async function settle(item, told) {
  const until = performance.now() + PATIENCE_MS;
  let now = told;
  while (now.state === "received" && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    now = await how(told.look) ?? now;
  }
  if (now.state === "refused") return show("refused", now.message || "This could not be used. Please say it again.");
  if (now.state === "received") later.push({ item, look: told.look });
  return next(now.state === "received" ? "Kept. It is checked while you go on." : "Kept.");
}

async function how(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json", "X-Samevoice-Poll": "1" } });
    return answer.ok ? await answer.json() : null;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

async function next(message) {
  queue.shift();
  done += 1;
  if (!queue.length && !phrases) { // there are more sentences than come at once
    try {
      queue = (await look()).filter((one) => !later.some(({ item }) => item.key === one.key));
    } catch (error) {
      if (!["TypeError", "NotAllowedError"].includes(error.name)) throw error;
    }
  }
  if (done >= ROUND && queue.length) {
    words(`Thank you. That was ${done === 10 ? "ten" : done}.`);
    show("rest", "All of it is kept. Rest a while; you can go on now, or another day.");
    return;
  }
  ask(queue[0]?.remark ? `${message} ${queue[0].remark}` : message);
}

// Checks that took longer than anybody should wait for. What was refused is asked for once more, at the end.
async function lookLater() {
  for (const one of later.splice(0)) {
    const now = await how(one.look);
    if (!now || now.state === "received") later.push(one);
    else if (now.state === "refused") {
      queue.push(one.item);
      done = Math.max(0, done - 1);
      const message = `“${one.item.text}” could not be used. ${now.message} It comes once more.`;
      if (state === "finished") ask(message);
      else show(state, message);
    }
  }
  setTimeout(lookLater, LATER_MS);
}

// What can be touched

function press() {
  if (state === "ready" || state === "refused") return listen();
  if (state === "listening") return finish();
  if (state === "heard" || state === "offline") return keep();
  if (state === "microphone") return recorded ? show("heard") : listen();
  if (state === "no_list") return begin();
  if (state === "finished") return $("enough").click();
  if (state === "rest") {
    newRound();
    return ask();
  }
  return undefined;
}

function touched() {
  const at = performance.now();
  const twice = at - lastTouch < TREMOR_MS;
  lastTouch = at;
  return !twice;
}

$("button").addEventListener("pointerdown", (event) => {
  if (event.button === 0 && touched()) press();
});
// A keyboard, a switch or a screen reader clicks without a pointer.
$("button").addEventListener("click", (event) => {
  if (event.detail === 0 && touched()) press();
});
$("button").addEventListener("contextmenu", (event) => event.preventDefault());
// The space bar is the round button, wherever the focus is, unless it is on something that space works already.
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state === "listening") $("again").click();
  if (![" ", "Enter"].includes(event.key)) return;
  if (event.repeat) event.preventDefault();
  else if (event.key === " " && !event.target.closest("button, a, input")) {
    event.preventDefault();
    if (touched()) press();
  }
});

$("again").addEventListener("click", () => {
  if (!touched()) return;
  const over = state === "listening";
  recorder.forget();
  drop();
  hearing.pause();
  if (over) ask(queue[0].remark || "That is forgotten. Touch the button when you are ready.");
  else listen();
});
$("skip").addEventListener("click", () => {
  if (!touched()) return;
  hearing.pause();
  drop();
  queue.push(queue.shift());
  ask();
});
$("hear").addEventListener("click", () => {
  if (!recorded) return;
  recorder.capture.mute(true); // nothing of it is heard once more
  hearing.src = recorded.sound;
  hearing.play().catch(() => {
    recorder.capture.mute(false);
    $("message").textContent = "This tablet cannot play sound just now. You can keep it all the same.";
  });
});
for (const end of ["pause", "ended"]) hearing.addEventListener(end, () => recorder.capture.mute(false));

addEventListener("beforeunload", (event) => {
  if (recorded) event.preventDefault();
});
lookLater();
begin();
