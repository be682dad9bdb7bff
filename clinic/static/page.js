// What every page does: local times, a question before something is undone, sliders that say their value.

export function dress(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const sameDay = at.toDateString() === new Date().toDateString();
    const clock = { hour: "2-digit", minute: "2-digit" };
    time.title = at.toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" });
    if ("clock" in time.dataset) {
      time.textContent = at.toLocaleTimeString("en-GB");
      continue;
    }
    time.textContent = sameDay
      ? `today, ${at.toLocaleTimeString("en-GB", clock)}`
      : at.toLocaleString("en-GB", { day: "numeric", month: "long", year: "numeric", ...clock });
  }
  for (const form of root.querySelectorAll("form[data-ask]")) {
    form.addEventListener("submit", (event) => {
      if (!window.confirm(form.dataset.ask)) event.preventDefault();
    });
  }
  for (const slider of root.querySelectorAll(".slider")) {
    const input = slider.querySelector("input");
    const output = slider.querySelector("output");
    input.addEventListener("input", () => {
      output.textContent = `${Number(input.value)} ${output.dataset.unit}`;
    });
  }
}

dress(document);

// One player at a time: two voices at once help nobody.
document.addEventListener("play", (event) => {
  for (const player of document.querySelectorAll("audio")) if (player !== event.target) player.pause();
}, true);
