// What was learned: how far a version is, and checks that come in.

import { watch } from "./fresh.js";

watch({
  told(state) {
    const bar = document.getElementById("build-progress");
    if (!bar || state.progress === undefined) return;
    bar.value = state.progress;
    const sentence = document.getElementById("build-sentence");
    if (sentence.textContent !== state.sentence) sentence.textContent = state.sentence;
  },
});
