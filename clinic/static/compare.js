// The blind comparison: hear A and B, then choose. Answers are taken once both were heard.

import { watch } from "./fresh.js";

const players = [...document.querySelectorAll(".player")];
const answers = [...document.querySelectorAll("button[name=answer]")];
const said = document.getElementById("said");
const sound = new Audio();
let sounding = null;
let sent = false;

function show() {
  for (const player of players) {
    const on = player === sounding;
    player.setAttribute("aria-pressed", String(on));
    player.querySelector("use").setAttribute("href", on ? "#i-sound" : "#i-play");
    const { letter } = player.dataset;
    player.querySelector(".hint").textContent = on ? "Playing" : "heard" in player.dataset ? `Hear ${letter} again` : `Hear ${letter}`;
  }
  const ready = players.every((player) => "heard" in player.dataset);
  // aria-disabled and not disabled: whoever reaches the button by keyboard is told why it does nothing yet.
  for (const answer of answers) answer.setAttribute("aria-disabled", String(!ready));
}

function stop() {
  sound.pause();
  sounding = null;
  show();
}

async function hear(player) {
  if (player === sounding) return stop();
  sounding = player;
  player.dataset.heard = "";
  sound.src = player.dataset.sound;
  show();
  try {
    await sound.play();
  } catch (error) {
    if (error.name === "AbortError") return undefined; // the other one was touched meanwhile
    delete player.dataset.heard;
    said.textContent = "This could not be played. Touch it again; if it stays so, ask someone for help.";
    stop();
  }
  return undefined;
}

sound.addEventListener("ended", stop);
for (const player of players) player.addEventListener("click", () => hear(player));
for (const answer of answers) {
  answer.addEventListener("click", (event) => {
    if (answer.getAttribute("aria-disabled") === "true" || sent) {
      event.preventDefault();
      if (!sent) said.textContent = "Hear A and B first, please.";
      return;
    }
    sent = true; // a trembling hand touches twice
  });
}
// Letters, for whoever uses a keyboard: A and B sound. Answers need a button, so that no stray key answers.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const player = players.find((one) => one.dataset.letter === event.key.toUpperCase());
  if (player) hear(player);
  if (event.key === "Escape" && sounding) stop();
});
if (players.length) show();
if (document.querySelector("#live[data-wait]")) {
  watch({
    told(state) {
      const bar = document.querySelector("#live progress");
      if (bar && state.progress !== undefined) bar.value = state.progress;
    },
  });
}
