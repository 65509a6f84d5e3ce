// A box that finds a category by a word of it, in any language it has a name in.
import { folded, matches, steer } from "./listbox.js";
import { words } from "./words.js";

/** The box `holder` with its list; `changed` is called with the code that was chosen, or null. */
export class CategoryBox {
  #input;
  #list;
  #options;
  #chosen = null;
  #changed;
  #steering;

  constructor(holder, options, changed) {
    this.#input = holder.querySelector("input");
    this.#list = holder.querySelector("ul");
    this.#changed = changed;
    const groups = new Map(options.filter(([code]) => !code.includes(".")));
    this.#options = options.map(([code, label, also]) => {
      const group = code.includes(".") ? (groups.get(code.split(".")[0]) ?? "") : "";
      return { code, label, group, all: `${label} ${group} ${also} ${code}`, item: drawn(label, group) };
    });
    this.#steering = steer(this.#input, this.#list, (item) => this.#choose(item));
    this.#input.addEventListener("input", () => this.#filter());
    this.#input.addEventListener("focus", () => this.#input.select());
    this.#input.addEventListener("click", () => this.#show(true));
    this.#input.addEventListener("blur", () => this.#leave());
    this.#input.addEventListener("keydown", (event) => this.#pressed(event));
  }

  get code() {
    return this.#chosen?.code ?? null;
  }

  set code(code) {
    this.#chosen = this.#options.find((option) => option.code === code) ?? null;
    this.#input.value = this.#chosen?.label ?? "";
    this.#show(false);
    this.#changed(this.code);
  }

  #choose(item) {
    this.code = this.#options.find((option) => option.item === item).code;
  }

  /** What was typed and is no category counts for nothing. */
  #leave() {
    this.#show(false);
    if (!this.#input.value.trim()) this.code = null;
    else this.#input.value = this.#chosen?.label ?? "";
  }

  #pressed(event) {
    if (event.key === "Escape" && !this.#list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      this.#show(false);
    } else if (["ArrowDown", "ArrowUp"].includes(event.key) && this.#list.hidden) {
      this.#show(true);
    } else if (event.key === "Tab" && !this.#list.hidden && this.#steering.active() && this.#input.value) {
      this.#choose(this.#steering.active());
    }
  }

  #filter() {
    const typed = this.#input.value.trim();
    const found = this.#options.filter(({ all }) => !typed || matches(all, typed));
    const begins = ({ label }) => (folded(label).startsWith(folded(typed)) ? 0 : 1);
    if (typed) found.sort((a, b) => begins(a) - begins(b));
    this.#fill(found);
    this.#open(true);
    if (typed) this.#steering.first();
  }

  #fill(found) {
    if (found.length) this.#list.replaceChildren(...found.map(({ item }) => item));
    else this.#list.replaceChildren(nothing());
  }

  #show(is) {
    if (is && this.#list.hidden) {
      this.#fill(this.#options);
      this.#open(true);
      this.#steering.move(this.#chosen?.item ?? null);
    } else if (!is) {
      this.#open(false);
      this.#steering.move(null);
    }
  }

  #open(is) {
    this.#list.hidden = !is;
    this.#input.setAttribute("aria-expanded", String(is));
  }
}

function drawn(label, group) {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  item.className = group ? "indented" : "";
  item.append(label);
  if (group) {
    const small = document.createElement("small");
    small.className = "muted";
    small.textContent = group;
    item.append(small);
  }
  return item;
}

function nothing() {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  item.setAttribute("aria-disabled", "true");
  item.textContent = words.nothing_found;
  return item;
}
