// A small form within the page, in the place of a dialogue: a reason, perhaps a choice, and what comes of it.

import { element, one, write } from "./elements.js";

const LONGEST = 500; // letters of a reason
const SAID = 10_000; // milliseconds for which what came of it is shown

/** One form below an item of a list. */
export class Inquiry {
  #item;
  #button;
  #wanted;

  /**
   * `button` opens and closes it. `wanted` is what is asked: `label` of the reason and whether it is `required`,
   * `choices` as pairs of text and value, the text of `submit`, and `done`, which gets `{reason, choice}` and gives a
   * sentence, or throws.
   */
  constructor(item, button, wanted) {
    [this.#item, this.#button, this.#wanted] = [item, button, wanted];
  }

  /** Opens it, or closes it where it is open. */
  toggle() {
    const open = this.#button.getAttribute("aria-expanded") === "true";
    this.#close();
    if (open) return;
    this.#button.setAttribute("aria-expanded", "true");
    const form = this.#form();
    this.#item.append(form);
    one("input", form).focus();
  }

  #close() {
    one("form", this.#item)?.remove();
    one(".done", this.#item)?.remove();
    for (const button of this.#item.querySelectorAll("[aria-expanded]")) button.setAttribute("aria-expanded", "false");
  }

  #form() {
    const { label, required, choices, submit } = this.#wanted;
    const needed = required ? "" : undefined;
    const input = element("input", { name: "reason", maxlength: LONGEST, autocomplete: "off", required: needed });
    const cancel = element("button", { type: "button" }, "Cancel");
    const form = element(
      "form",
      { class: "inquiry" },
      ...(choices ? [choice(choices)] : []),
      element("label", {}, element("span", {}, label), input),
      element("button", { type: "submit", class: "main" }, submit),
      cancel,
      element("p", { class: "notice bad", role: "alert", hidden: "" }),
    );
    cancel.onclick = () => this.#leave();
    form.onkeydown = ({ key }) => {
      if (key === "Escape") this.#leave();
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#send(form);
    };
    return form;
  }

  async #send(form) {
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    const error = one("[role=alert]", form);
    error.hidden = true;
    const { reason, choice: chosen } = Object.fromEntries(new FormData(form));
    try {
      const sentence = await this.#wanted.done({ reason: reason.trim(), choice: chosen });
      this.#close();
      const said = element("p", { class: "done", role: "status" }, sentence);
      this.#item.append(said);
      setTimeout(() => said.remove(), SAID);
      one("h3", this.#item).focus({ preventScroll: true });
    } catch (problem) {
      write(error, problem.message);
      error.hidden = false;
    } finally {
      form.removeAttribute("aria-busy");
    }
  }

  #leave() {
    this.#close();
    this.#button.focus();
  }
}

/** The first is chosen. */
function choice(choices) {
  const options = choices.map(([text, value], place) => {
    const input = element("input", { type: "radio", name: "choice", value, checked: place === 0 ? "" : undefined });
    return element("label", {}, input, element("span", {}, text));
  });
  return element("fieldset", { class: "switch" }, element("legend", { class: "unseen" }, "How long"), ...options);
}
