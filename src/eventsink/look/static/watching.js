// Work that is done again and again for as long as a page is shown, but not while nobody looks.

import { present } from "./clock.js";
import { Away, Declined, Refused } from "./sink.js";

const AGAIN = 1; // seconds between two looks while the sink is away

/** It, and what went wrong with it at the last look. */
export class Watching {
  lastAnswer = null;
  #troubles = new Map(); // by the work that they came from
  #turn = new AbortController();
  #paused;
  #changed;
  #refused;

  /** `paused` says whether to rest, `changed` is told after each look, `refused` that the key is not good enough. */
  constructor({ paused, changed, refused }) {
    [this.#paused, this.#changed, this.#refused] = [paused, changed, refused];
  }

  /** The sentence of what went wrong last; nothing where all is well. */
  get trouble() {
    return [...this.#troubles.values()].at(-1) ?? "";
  }

  /** Ends all work; the signal is that of the work to come. */
  anew() {
    this.#turn.abort();
    this.#turn = new AbortController();
    this.#troubles.clear();
    return this.#turn.signal;
  }

  /**
   * Does work every so many seconds, or after so many as it says itself. It is given `ready`, to say that it has
   * something to show already.
   */
  async repeat(seconds, work) {
    const { signal } = this.#turn;
    const ready = (part = null) => {
      if (!signal.aborted) this.#answered(part);
    };
    while (!signal.aborted) {
      let pause = seconds;
      try {
        pause = (await work(ready)) ?? seconds;
        ready(work);
      } catch (error) {
        this.failed(work, error, signal);
      }
      if (pause === Infinity) return;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (this.trouble ? AGAIN : pause)));
      await this.#wanted();
    }
  }

  /** Notes what went wrong with some work. */
  failed(work, error, signal = this.#turn.signal) {
    if (signal.aborted) return;
    if (error instanceof Refused) {
      this.#refused(error.message);
      return;
    }
    const known = error instanceof Away || error instanceof Declined;
    if (!known) console.error(error);
    this.#troubles.set(work, known ? error.message : "This page has failed; the browser's console says where.");
    this.#changed();
  }

  #answered(work) {
    this.#troubles.delete(work);
    if (work) this.lastAnswer = present();
    this.#changed();
  }

  /** Until the tab is visible and not paused. */
  async #wanted() {
    while (document.hidden || this.#paused()) {
      await new Promise((resolve) => {
        document.addEventListener("visibilitychange", resolve, { once: true });
        document.querySelector("#pause").addEventListener("click", resolve, { once: true });
      });
    }
  }
}
