// What is offered while one types: saved replies after "/", colleagues after "@", emoji.
import { api } from "../api.js";
import { matches, steer } from "../listbox.js";

const MOST = 8;
const EMOJI = "🙂 🙏 👍 👋 ✅ ❗ ❓ ⏳ 📍 📎 📞 🕘 🛠️ 🚧 🚮 💡 💧 🔥 🚌 🌳 ❄️ 🏠 👷 🤝".split(" ");

/** Offers above the text; `insert(start, text)` puts one in place of what was typed. */
export class Suggestions {
  #text;
  #menu;
  #said;
  #number;
  #people;
  #mode = "reply";
  #replies = null;
  #start = -1;
  #list;
  /** Colleagues who were called, by the name that stands in the text. */
  called = new Map();

  constructor(composer, { number, people, said }) {
    this.#text = composer.querySelector("textarea");
    this.#menu = composer.querySelector(".suggestions");
    this.#said = said;
    this.#number = number;
    this.#people = people;
    this.#list = steer(this.#text, this.#menu, (option) => this.#choose(option));
    this.#text.addEventListener("input", () => this.#look());
    this.#text.addEventListener("blur", () => this.close());
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isOpen) {
        event.preventDefault();
        event.stopPropagation();
        this.close();
      }
    });
  }

  set mode(mode) {
    this.#mode = mode;
    this.close();
  }

  get isOpen() {
    return !this.#menu.hidden;
  }

  close() {
    this.#menu.hidden = true;
    this.#menu.classList.remove("emoji");
    this.#list.move(null);
    this.#text.removeAttribute("aria-expanded");
  }

  /** Open the saved replies as if "/" had been typed. */
  async openReplies() {
    this.#text.focus();
    this.#start = this.#text.selectionStart;
    await this.#offerReplies("");
  }

  openEmoji() {
    this.#text.focus();
    this.#start = this.#text.selectionStart;
    this.#offer(EMOJI.map((emoji) => ({ title: emoji, insert: emoji })));
    this.#menu.classList.add("emoji");
  }

  /** Colleagues whom a draft calls, by their ids. */
  call(ids) {
    const known = this.#people.filter((person) => ids.includes(person.id));
    this.called = new Map(known.map((person) => [person.name, person.id]));
  }

  /** The ids of colleagues whose names still stand in the text. */
  mentioned(text) {
    return [...this.called].filter(([name]) => text.includes(`@${name}`)).map(([, id]) => id);
  }

  async #look() {
    const typed = this.#text.value.slice(0, this.#text.selectionStart);
    const slash = /(?:^|\s)\/([^\s/]{0,40})$/u.exec(typed);
    const at = /(?:^|\s)@([^\s@]{0,40})$/u.exec(typed);
    if (slash && this.#mode === "reply") {
      this.#start = typed.length - slash[1].length - 1;
      await this.#offerReplies(slash[1]);
    } else if (at && this.#mode === "note") {
      this.#start = typed.length - at[1].length - 1;
      const found = this.#people.filter((person) => matches(person.name, at[1]));
      this.#offer(
        found.slice(0, MOST).map((person) => ({ title: person.name, insert: `@${person.name} `, person })),
      );
    } else {
      this.close();
    }
  }

  async #offerReplies(typed) {
    this.#replies ??= (await api("GET", `saved-replies?appeal=${this.#number}`)).items
      .filter((reply) => reply.filled)
      .map(({ name, filled }) => ({ name, text: filled.text }));
    const found = this.#replies.filter((reply) => matches(`${reply.name} ${reply.text}`, typed));
    this.#offer(
      found.slice(0, MOST).map((reply) => ({
        title: reply.name,
        hint: reply.text.replace(/\s+/g, " ").slice(0, 90),
        insert: reply.text,
      })),
      this.#said.no_replies,
    );
  }

  #offer(items, nothing = "") {
    this.#menu.classList.remove("emoji");
    const options = items.map((item) => {
      const option = document.createElement("div");
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const title = document.createElement("bdi");
      title.textContent = item.title;
      option.append(title);
      if (item.hint) {
        const hint = document.createElement("small");
        hint.textContent = item.hint;
        option.append(hint);
      }
      option.chosen = item;
      return option;
    });
    if (!options.length && nothing) {
      const empty = document.createElement("div");
      empty.setAttribute("role", "option");
      empty.setAttribute("aria-disabled", "true");
      empty.textContent = nothing;
      options.push(empty);
    }
    this.#menu.replaceChildren(...options);
    this.#menu.hidden = options.length === 0;
    if (items.length) this.#list.first();
  }

  #choose({ chosen }) {
    const text = this.#text;
    text.setRangeText(chosen.insert, this.#start, text.selectionStart, "end");
    if (chosen.person) this.called.set(chosen.person.name, chosen.person.id);
    this.close();
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus();
  }
}
