// Who is known by what is typed, and what they have open: a repeat is noticed before it is registered.
import { tell } from "./api.js";
import { names } from "./questions.js";
import { cardOf, findPeople, plain, reached } from "./people.js";
import { moment } from "./times.js";
import { format, words } from "./words.js";

/** Milliseconds without a key after which the hub is asked. */
const PAUSE = 300;
/** People that are shown. */
const MOST = 4;
const LIVE = ["new", "open", "pending"];

/** The list in `section`; `use` is called with the card of whoever is chosen. */
export class KnownPeople {
  #list;
  #status;
  #hint;
  #said;
  #use;
  #timer = 0;
  #asking = null;
  #asked = "";

  constructor(section, said, use) {
    this.#list = section.querySelector("[data-people]");
    this.#status = section.querySelector("[data-known-status]");
    this.#hint = this.#status.textContent;
    this.#said = said;
    this.#use = use;
  }

  /** Look for whoever is known by this; what is too short to tell anything is not looked for. */
  look(typed) {
    const text = typed.trim();
    if (text === this.#asked) return;
    this.#asked = text;
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const enough = /\d/.test(text) ? text.replace(/\D/g, "").length >= 4 : text.length >= 3;
    if (enough) this.#timer = setTimeout(() => this.#ask(text), PAUSE);
    else this.forget();
  }

  /** Show nobody. */
  forget() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asked = "";
    this.#list.replaceChildren();
    this.#status.textContent = this.#hint;
  }

  async #ask(text) {
    const mine = new AbortController();
    this.#asking = mine;
    try {
      const people = (await findPeople(text, mine)).slice(0, MOST);
      const cards = await Promise.all(people.map(({ id }) => cardOf(id, mine)));
      if (mine.signal.aborted) return;
      this.#list.replaceChildren(...cards.map((card) => this.#person(card)));
      this.#status.textContent = cards.length ? "" : this.#said.nobody;
    } catch (error) {
      tell(error);
    }
  }

  #person(card) {
    const live = card.appeals.filter(({ status }) => LIVE.includes(status));
    const item = element("li", "known-person");
    const head = element("div", "known-head");
    const name = element("bdi", "known-name", plain(card.name) || words.no_name);
    const use = element("button", "button", this.#said.use);
    use.type = "button";
    use.addEventListener("click", () => this.#use(card));
    head.append(name, use);
    item.append(head);
    const points = reached(card);
    if (points) item.append(element("bdi", "muted", plain(points)));
    for (const note of card.notes.slice(0, 1)) item.append(element("p", "contact-note", plain(note.text)));
    if (live.length) {
      const list = element("ul", "known-appeals");
      list.append(...live.map((appeal) => brief(appeal, this.#said.live)));
      item.append(list);
    } else {
      item.append(element("p", "muted", this.#said.no_open));
    }
    const others = card.appeals.length - live.length;
    if (others) item.append(element("p", "muted", format(this.#said.others, { n: others })));
    return item;
  }
}

function brief(appeal, said) {
  const item = element("li", "");
  const link = element("a", "brief");
  link.href = `/inbox/${appeal.number}?queue=all&sort=due`;
  link.target = "_blank";
  const head = element("span", "brief-head");
  const status = names("statuses").find(([code]) => code === appeal.status)?.[1] ?? said;
  const at = element("time", "muted", moment(Date.parse(appeal.opened_at)).slice(0, 10));
  at.dateTime = appeal.opened_at;
  head.append(element("span", "number", appeal.number), element("span", `chip status ${appeal.status}`, status), at);
  link.append(head, element("bdi", "brief-subject", plain(appeal.subject) || words.no_text));
  item.append(link);
  return item;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
