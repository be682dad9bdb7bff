// What the page shows for each state. Nothing is decided here.

const $ = (id) => document.getElementById(id);

// icon, label in the button, hint below it. Shape and words say the state; colour only repeats it.
const FACES = {
  connecting: ["i-plug", "Connecting", ""],
  offline: ["i-unplugged", "No connection", "Connecting again …"],
  ready: ["i-mic", "Speak", ""],
  listening: ["i-ear", "Listening", ""],
  working: ["i-think", "Working", "One moment"],
  unsure: ["i-mic", "Say it again", ""],
  speaking: ["i-speaker", "Speaking", "Touch to stop"],
  no_voice: ["i-off", "No voice yet", "Touch to look again"],
  cut_off: ["i-cut", "You were cut off", "Touch to say it again"],
  microphone: ["i-mic-off", "No microphone", "Touch to try again"],
  signed_out: ["i-key", "Signed out", "Touch to sign in"],
  replaced: ["i-screens", "On another screen", "Touch to use this one"],
  version: ["i-again", "New version", "Touch to load it"],
};
const READY_HINT = { tap: "Touch, then speak", hold: "Hold while you speak", free: "Touch to begin" };
const LISTENING_HINT = { tap: "Touch when you are done", hold: "Let go when you are done", free: "Touch to pause" };
// What stands above the button while there is nothing else to say.
const QUIET = { ready: "Whenever you are ready.", listening: "Take all the time you need." };
let said = "One moment, please.";
const DISABLED = new Set(["connecting", "working"]);

export function face(state, mode) {
  const [icon, label, hint] = FACES[state];
  const main = document.querySelector("main");
  main.dataset.state = state;
  quiet(state);
  $("button-icon").setAttribute("href", `#${icon}`);
  $("button-label").textContent = label;
  const hints = { ready: READY_HINT, listening: LISTENING_HINT }[state];
  $("button-hint").textContent = hints ? hints[mode] : hint;
  // aria-disabled and not disabled: a button that drops out of the focus order under somebody's finger loses them.
  $("button").disabled = false;
  $("button").setAttribute("aria-disabled", String(DISABLED.has(state)));
  $("choices").hidden = state !== "unsure";
  $("talk").hidden = state === "unsure";
  for (const id of ["show-cut-off", "drop-cut-off"]) $(id).hidden = state !== "cut_off";
  $("stop").hidden = !["speaking", "working", "listening"].includes(state);
  $("stop-label").textContent = state === "listening" ? "Forget it" : "Stop";
}

export function replayable(possible) {
  $("replay").hidden = !possible;
}

export function utterance(id) {
  document.querySelector("main").dataset.utterance = id;
}

// `english`: what sounds in the place of these words, where that is something else.
export function words(text, english = "") {
  $("words").textContent = text;
  $("english").textContent = english && `In English: ${english}`;
  // Long sentences become smaller rather than being cut.
  $("words").dataset.length = text.length > 160 ? "long" : text.length > 70 ? "middle" : "short";
}

export function message(text) {
  said = text;
  quiet(document.querySelector("main").dataset.state);
}

function quiet(state) {
  $("message").textContent = said || ($("words").textContent ? "" : (QUIET[state] ?? ""));
}

export function readings(list, onChoose) {
  $("readings").replaceChildren(
    ...list.map(({ text, english }, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "reading";
      button.textContent = text;
      if (english) button.append(Object.assign(document.createElement("span"), { className: "english", lang: "en", textContent: `In English: ${english}` }));
      button.dataset.length = button.textContent.length > 90 ? "long" : "short";
      button.addEventListener("click", () => onChoose(index, text, english));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

// How what is said is said again: a choice where there is one.
export function speaksAs({ mode, choices }) {
  $("speaks-as").hidden = choices.length < 2;
  $("interpreted").hidden = mode !== "interpret";
  for (const input of document.querySelectorAll("#speaks-as input")) {
    input.checked = input.value === mode;
    input.parentElement.hidden = !choices.includes(input.value);
  }
}

export function voice({ kind, label }) {
  document.querySelector("main").dataset.voice = kind;
  $("voice").dataset.kind = kind;
  $("voice-label").textContent = { own: "Your own voice", none: "No voice yet" }[kind] ?? `Not your voice – ${label}`;
}

// While an original recording sounds, nobody should take it for restored speech, nor the other way about.
export function recording(sounds) {
  const label = $("voice-label");
  if (sounds && !("before" in label.dataset)) {
    label.dataset.before = label.textContent;
    label.textContent = "Your own recording";
  } else if (!sounds && "before" in label.dataset) {
    label.textContent = label.dataset.before;
    delete label.dataset.before;
  }
}

export function connection(state) {
  document.querySelector("main").dataset.connection = state;
  $("connection").dataset.state = state;
  $("connection-label").textContent = { online: "Connected", offline: "Connecting again …" }[state] ?? "Connecting …";
}

// RMS of speech spans about -60 to -10 dBFS; the ring follows decibels, as ears do.
export function level(rms) {
  const db = 20 * Math.log10(Math.max(rms, 1e-5));
  $("ring").style.setProperty("--level", Math.min(1, Math.max(0, (db + 58) / 44)).toFixed(2));
}
