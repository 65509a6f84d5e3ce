// Approved templates: what can go when the window is closed.
import { api } from "../api.js";

/** The choice of a template and its variables; hidden while the way takes free text. */
export class TemplatePicker {
  #box;
  #said;
  #changed;
  #select = null;
  #items = [];
  #account = "";
  #meant = null;

  constructor(composer, said, changed) {
    this.#box = composer.querySelector("[data-template]");
    this.#said = said;
    this.#changed = changed;
  }

  /** Offer the account's templates, those in the citizen's language first. */
  async offer(way, language) {
    const account = `${way.channel}/${way.account}`;
    this.#box.hidden = false;
    if (account === this.#account) return;
    this.#account = account;
    const found = (await api("GET", `channels/${account}/templates`)).items;
    this.#items = found.sort(
      (a, b) => Number(!b.language.startsWith(language)) * -1 + Number(!a.language.startsWith(language)),
    );
    this.#select = document.createElement("select");
    this.#select.setAttribute("aria-label", this.#said.template);
    this.#select.append(new Option(this.#said.template, ""));
    for (const [index, one] of this.#items.entries()) {
      this.#select.append(new Option(`${one.name} (${one.language})`, String(index)));
    }
    this.#select.addEventListener("change", () => this.#paint());
    this.choose(this.#meant);
  }

  /** Choose what a draft says, now or as soon as templates are offered; null chooses none. */
  choose(meant) {
    this.#meant = meant;
    if (!this.#select) return;
    const at = this.#items.findIndex((one) => one.id === meant?.id && one.language === meant.language);
    this.#select.value = at < 0 ? "" : String(at);
    this.#paint();
    for (const field of this.#box.querySelectorAll("input")) field.value = meant.variables[field.name] ?? "";
    this.#changed();
  }

  hide() {
    this.#box.hidden = true;
  }

  get isOffered() {
    return !this.#box.hidden;
  }

  /** The choice as a reply takes it; null where none is made, or a variable is missing. */
  get chosen() {
    const one = this.#items[Number(this.#select?.value || -1)];
    if (!one || this.#box.hidden) return null;
    const fields = [...this.#box.querySelectorAll("input")];
    if (fields.some((field) => !field.value.trim())) return null;
    const variables = Object.fromEntries(fields.map((field) => [field.name, field.value.trim()]));
    return { id: one.id, language: one.language, variables };
  }

  #paint() {
    const one = this.#items[Number(this.#select.value || -1)];
    const shown = [this.#select];
    if (one) {
      const text = document.createElement("p");
      text.className = "text";
      text.textContent = one.text;
      shown.push(text);
      for (const name of one.variables) {
        const field = document.createElement("input");
        field.name = name;
        field.placeholder = name;
        field.setAttribute("aria-label", name);
        field.addEventListener("input", () => this.#changed());
        shown.push(field);
      }
    }
    this.#box.replaceChildren(...shown);
    this.#changed();
  }
}
