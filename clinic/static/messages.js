// Cutting a message: by its words, by where the player stands, or by typing; heard before it is kept.

import { watch } from "./fresh.js";

const seconds = (text) => {
  const [last, minutes = "0"] = text.trim().replace(",", ".").split(":").reverse();
  return Number(last) + 60 * Number(minutes);
};

function dress(form) {
  const player = form.querySelector("audio");
  const start = form.elements.start;
  const end = form.elements.end;
  const words = [...form.querySelectorAll(".transcript button")];
  const file = form.querySelector("input[type=file]");
  let until = Infinity;
  let first = null;

  function mark() {
    const from = seconds(start.value);
    const to = end.value.trim() ? seconds(end.value) : Infinity;
    const typed = start.value.trim() || end.value.trim();
    for (const word of words) {
      const inside = typed && Number(word.dataset.end) > from && Number(word.dataset.start) < to;
      word.setAttribute("aria-pressed", String(Boolean(inside)));
    }
  }

  function set(from, to) {
    // A little air before and after: recognised times are right to about a tenth of a second.
    start.value = Math.max(0, from - 0.1).toFixed(2);
    end.value = (to + 0.1).toFixed(2);
    mark();
  }

  for (const word of words) {
    word.addEventListener("click", () => {
      const later = first && Number(word.dataset.start) >= Number(first.dataset.start);
      set(Number((later ? first : word).dataset.start), Number(word.dataset.end));
      first = later ? null : word;
    });
  }
  for (const button of form.querySelectorAll("[data-now]")) {
    button.addEventListener("click", () => {
      form.elements[button.dataset.now].value = player.currentTime.toFixed(2);
      mark();
    });
  }
  form.querySelector("[data-hear]").addEventListener("click", () => {
    if (!player.src) return file?.focus();
    until = end.value.trim() ? seconds(end.value) : Infinity;
    player.currentTime = Math.max(0, seconds(start.value) || 0);
    player.play().catch(() => {}); // a browser may want a touch of the player itself first
    return undefined;
  });
  player.addEventListener("timeupdate", () => {
    if (player.currentTime >= until) {
      until = Infinity;
      player.pause();
    }
  });
  for (const field of [start, end]) field.addEventListener("input", mark);
  file?.addEventListener("change", () => {
    if (player.src) URL.revokeObjectURL(player.src);
    player.hidden = !file.files.length;
    if (file.files.length) player.src = URL.createObjectURL(file.files[0]);
  });
  mark();
}

for (const form of document.querySelectorAll("form.cutter")) dress(form);
watch();
