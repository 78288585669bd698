// Asks the event sink.

import { learn } from "./clock.js";

const PATIENCE = 15_000; // milliseconds
const PRINTABLE = /^[!-~]+$/; // what a header can hold
const UNKNOWN =
  "The event sink does not know this key, or no longer: a link of “eventsink up” is good until that is stopped.";

/** The key is not good enough. */
export class Refused extends Error {}

/** What was asked or told is not done: it is wrong, or the key may not. */
export class Declined extends Error {}

/** The sink gave no answer, or could not. */
export class Away extends Error {}

/** One sink, asked with one key until the signal says to stop. */
export class Sink {
  constructor(key, signal) {
    this.key = key;
    this.signal = signal;
  }

  /** The answer to GET, read with a reviver of JSON.parse if one is given; throws Refused, Declined or Away. */
  async ask(path, parameters = {}, reviver = undefined) {
    return JSON.parse(await this.read(path, parameters), reviver);
  }

  /** The text of the answer to GET; throws as `ask`. */
  async read(path, parameters = {}) {
    if (!PRINTABLE.test(this.key)) throw new Refused(UNKNOWN);
    const [answer, text] = await this.#fetch(`${path}?${new URLSearchParams(parameters)}`);
    if (answer.ok) return text;
    const reason = detail(text) || `It answered ${answer.status}.`;
    if (answer.status === 403) throw new Refused(reason);
    if (answer.status === 400) throw new Declined(reason);
    throw new Away(`The event sink cannot answer: ${reason}`);
  }

  /** Has the sink do something; throws Refused, Declined or Away. */
  async tell(method, path, body = undefined) {
    const [answer, text] = await this.#fetch(path, { method, body: body && JSON.stringify(body) });
    if (answer.ok) return JSON.parse(text);
    const reason = detail(text) || `The event sink answered ${answer.status}.`;
    throw answer.status < 500 ? new Declined(reason) : new Away(reason);
  }

  /** The answer and its text. */
  async #fetch(address, options = {}) {
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(PATIENCE)]);
    const headers = { "X-API-Key": this.key, Accept: "application/json" };
    if (options.body) headers["Content-Type"] = "application/json";
    try {
      const answer = await fetch(address, { ...options, headers, signal, cache: "no-store", credentials: "omit" });
      learn(answer.headers.get("date"));
      const text = await answer.text();
      if (answer.status === 401) throw new Refused(UNKNOWN);
      return [answer, text];
    } catch (error) {
      if (error instanceof Refused) throw error;
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
