// The patient's own recordings on the tablet: fetched when they are wanted, played as they are, never while listening.

const $ = (id) => document.getElementById(id);

export class Own {
  constructor({ playback, onPlay, onTrouble }) {
    this.playback = playback;
    this.onPlay = onPlay;
    this.onTrouble = onTrouble;
    this.messages = [];
    this.fetching = null;
    $("show-own").addEventListener("click", () => this.open());
    $("close-own").addEventListener("click", () => $("recordings").close());
  }

  // What there is. A tablet without a connection keeps what it knew.
  async look() {
    try {
      const answer = await fetch("/tablet/own", { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const { messages, compare, teach } = await answer.json();
      this.messages = messages;
      $("show-own").hidden = !messages.length;
      $("compare").hidden = !compare;
      if (compare) $("compare").href = compare;
      $("teach").hidden = !teach;
      if (teach) $("teach").href = teach;
      this.#list();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // TypeError: the network is away
    }
  }

  // Offered while nothing else is asked of the person.
  offer(state) {
    const free = ["ready", "no_voice"].includes(state);
    $("own").hidden = !free || ["show-own", "compare", "teach"].every((id) => $(id).hidden);
    if (!free && $("recordings").open) $("recordings").close();
  }

  async open() {
    await this.look();
    if (this.messages.length) $("recordings").showModal();
  }

  #list() {
    $("recordings-list").replaceChildren(
      ...this.messages.map((message) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "side own-recording";
        const icon = $("show-own").querySelector("svg").cloneNode(true);
        icon.querySelector("use").setAttribute("href", "#i-play");
        button.append(icon, Object.assign(document.createElement("span"), { textContent: message.name }));
        button.addEventListener("click", () => this.#play(message));
        const item = document.createElement("li");
        item.append(button);
        return item;
      }),
    );
  }

  async #play(message) {
    if (this.fetching) return; // a trembling hand touches twice
    this.fetching = message;
    try {
      await this.playback.open();
      const answer = await fetch(message.sound);
      if (!answer.ok) throw new Error("no sound");
      const samples = await this.playback.decode(await answer.arrayBuffer());
      // A turn may have begun by the space bar meanwhile: then nothing sounds.
      if ($("recordings").open) {
        $("recordings").close();
        this.onPlay(message, samples);
      }
    } catch {
      if ($("recordings").open) $("recordings").close();
      this.onTrouble();
    } finally {
      this.fetching = null;
    }
  }
}
