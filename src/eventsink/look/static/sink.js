// Asks the event sink.

const PATIENCE = 15_000; // milliseconds
const PRINTABLE = /^[!-~]+$/; // what a header can hold
const UNKNOWN =
  "The event sink does not know this key, or no longer: a link of “eventsink up” is good until that is stopped.";

/** The key is not good enough. */
export class Refused extends Error {}

/** The sink gave no answer, or could not. */
export class Away extends Error {}

/** One sink, asked with one key until the signal says to stop. */
export class Sink {
  constructor(key, signal) {
    this.key = key;
    this.signal = signal;
  }

  /** The answer to GET, read with a reviver of JSON.parse if one is given; throws Refused or Away. */
  async ask(path, parameters = {}, reviver = undefined) {
    if (!PRINTABLE.test(this.key)) throw new Refused(UNKNOWN);
    const answer = await this.#fetch(`${path}?${new URLSearchParams(parameters)}`);
    const text = await answer.text().catch((error) => this.#lost(error));
    if (answer.ok) return JSON.parse(text, reviver);
    const reason = detail(text) || `It answered ${answer.status}.`;
    if (answer.status === 401) throw new Refused(UNKNOWN);
    if (answer.status === 403) throw new Refused(reason);
    throw new Away(`The event sink cannot answer: ${reason}`);
  }

  async #fetch(address) {
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(PATIENCE)]);
    const headers = { "X-API-Key": this.key, Accept: "application/json" };
    try {
      return await fetch(address, { headers, signal, cache: "no-store", credentials: "omit" });
    } catch (error) {
      return this.#lost(error);
    }
  }

  #lost(error) {
    throw new Away("The event sink does not answer.", { cause: error });
  }
}

function detail(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return "";
  }
}
