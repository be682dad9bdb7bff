// A page that waits: it asks how things are, and replaces its changing part when there is something new.

import { dress } from "./page.js";

const EVERY_MS = 1500;

/** Watch the element `#live`. `told(state)` hears each answer; `renewed()` is called after the part was replaced. */
export function watch({ told = () => {}, renewed = () => {} } = {}) {
  const live = () => document.getElementById("live");
  const busy = () =>
    [...document.querySelectorAll("audio")].some((player) => !player.paused) ||
    live().contains(document.activeElement) && document.activeElement.matches("input, textarea, select") ||
    document.querySelector("#live form.sending") !== null;

  async function ask() {
    const answer = await fetch(live().dataset.state, {
      headers: { Accept: "application/json", "X-Samevoice-Poll": "1" },
    });
    if (answer.status === 401) {
      window.location.reload();
      return false;
    }
    if (!answer.ok) return true;
    const state = await answer.json();
    told(state);
    if (state.fingerprint !== live().dataset.fingerprint && !busy()) await renew();
    return true;
  }

  async function renew() {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html", "X-Samevoice-Poll": "1" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (!fresh) return;
    live().replaceWith(document.adoptNode(fresh));
    dress(live());
    renewed();
  }

  async function loop() {
    let goOn = true;
    if (!document.hidden) {
      try {
        goOn = await ask();
      } catch (error) {
        // TypeError: the network is away. Anything else is shown to whoever looks, and the page goes on asking.
        if (!(error instanceof TypeError)) console.error(error);
      }
    }
    if (goOn) window.setTimeout(loop, EVERY_MS);
  }

  window.setTimeout(loop, EVERY_MS);
}
