// From a sentence of the note to the moment that it came from: show it and play it.

import { watch } from "./fresh.js";

document.addEventListener("click", (event) => {
  const source = event.target.closest("a.source");
  if (!source) return;
  const moment = document.getElementById(source.hash.slice(1));
  if (!moment) return;
  event.preventDefault();
  for (const other of document.querySelectorAll(".utterance.found")) other.classList.remove("found");
  moment.classList.add("found");
  moment.scrollIntoView({ block: "center" });
  moment.focus({ preventScroll: true });
  const player = moment.querySelector("audio");
  player.currentTime = 0;
  player.play().catch(() => {}); // a browser may want a touch of the player itself first
});

watch();
