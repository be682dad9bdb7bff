// Enrolment: uploads with progress, and the progress of checks and builds.

import { watch } from "./fresh.js";

function say(form, text, bad = false) {
  const said = form.querySelector(".upload-said");
  said.textContent = text;
  said.hidden = !text;
  said.classList.toggle("notice", bad);
  said.classList.toggle("bad", bad);
}

function send(form) {
  const files = [...form.querySelector("input[type=file]").files];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  if (total > Number(form.dataset.most)) {
    say(form, `Together these are larger than ${form.dataset.mostWords}. Send fewer at a time.`, true);
    return;
  }
  const request = new XMLHttpRequest(); // fetch does not tell how much was sent
  const bar = form.querySelector("progress");
  const button = form.querySelector("button");
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (event) => {
    bar.value = event.total ? event.loaded / event.total : 0;
    say(form, bar.value < 1 ? `Sending: ${Math.round(100 * bar.value)} %` : "Sealing what arrived …");
  });
  request.addEventListener("loadend", () => {
    form.classList.remove("sending");
    bar.hidden = true;
    button.disabled = false;
    finish(form, request);
  });
  form.classList.add("sending");
  bar.hidden = false;
  button.disabled = true;
  request.send(new FormData(form));
}

function finish(form, request) {
  let body = {};
  try {
    body = JSON.parse(request.responseText);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // no answer at all: said below
  }
  const refused = (body.refused ?? []).map((one) => `${one.name}: ${one.message}`);
  if (request.status !== 200) {
    say(form, body.error?.message ?? "The connection broke off. What had arrived whole is kept; send the rest again.", true);
  } else if (refused.length) {
    say(form, refused.join(" "), true);
    if (body.kept) form.reset();
  } else {
    form.reset();
    say(form, body.kept === 1 ? "One recording is kept." : `${body.kept} recordings are kept.`);
  }
}

function dressUpload() {
  const form = document.querySelector("form.upload");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    input.files = event.dataTransfer.files;
  });
}

dressUpload();
watch({
  told(state) {
    const bar = document.getElementById("build-progress");
    if (!bar || state.progress === undefined) return;
    bar.value = state.progress;
    const sentence = document.getElementById("build-sentence");
    if (sentence.textContent !== state.sentence) sentence.textContent = state.sentence;
  },
  renewed: dressUpload,
});
