// The form at the counter: filled in from the keyboard alone, kept over a reload, sent once.
import { api, Problem, tell } from "./api.js";
import { CategoryBox } from "./category-box.js";
import { Files } from "./composer/files.js";
import { confirm } from "./dialogs.js";
import { icon } from "./icons.js";
import { doubtAbout } from "./iin.js";
import { KnownPeople } from "./known-people.js";
import { own } from "./own.js";
import { names } from "./questions.js";
import { moment } from "./times.js";
import { toast } from "./toasts.js";
import { words } from "./words.js";

/** What is kept of the fields, by their names. */
const FIELDS = ["name", "email", "iin", "language", "text", "kind", "priority", "address", "district", "tags"];
const KEPT = own("front-office");

class FrontOffice extends HTMLElement {
  #said;
  #form;
  #files;
  #category;
  #known;
  #sending = false;
  /** Tells the hub that what it gets is the form it had before: whose answer was lost. */
  #idempotencyKey = null;

  connectedCallback() {
    if (this.#form) return;
    this.#said = JSON.parse(this.dataset.words);
    this.#form = this.querySelector("form");
    this.#files = new Files(this, words.composer, () => this.#keep());
    this.#category = new CategoryBox(this.#part("category"), names("categories"), (code) => this.#categorised(code));
    this.#known = new KnownPeople(this.#part("known"), this.#said, (card) => this.#use(card));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#register();
    });
    this.#form.addEventListener("input", (event) => this.#typed(event.target));
    this.#form.addEventListener("change", () => this.#keep());
    this.#form.addEventListener("keydown", (event) => this.#pressed(event));
    this.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => {
      // Wherever the focus went, say with the button of a file that is gone.
      if (event.target === document.body && isRegister(event)) this.#register();
    });
    this.#takeFiles();
    this.#restore();
  }

  connectedMoveCallback() {}

  #part(name) {
    return this.querySelector(`[data-${name}]`);
  }

  #field(name) {
    return this.#form.elements.namedItem(name);
  }

  get #phones() {
    return [...this.querySelectorAll("[data-phone]")];
  }

  // --- What is typed --------------------------------------------------------------------------------

  #typed(field) {
    unmark(field);
    if (field.name === "iin") this.#doubt();
    if (field.name === "name" || field.name === "email" || field.matches("[data-phone]")) this.#known.look(field.value);
    this.#keep();
  }

  #doubt() {
    const typed = this.#field("iin").value.trim();
    const doubt = typed ? doubtAbout(typed) : null;
    // While it is being typed digits are missing, and nobody needs to be told so.
    const typing = doubt === "digits" && /^[\d\s-]*$/.test(typed) && typed.replace(/\D/g, "").length < 12;
    this.#part("doubt").textContent = doubt && !typing ? this.#said.iin[doubt] : "";
  }

  #categorised(code) {
    this.#part("danger").hidden = !JSON.parse(this.dataset.urgent).includes(code);
    if (code && !this.#part("danger").hidden) this.#field("priority").value = "urgent";
    this.#keep();
  }

  #pressed(event) {
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
    const onChannels = event.target.name === "channel";
    const plainly = !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (digit && plainly && (event.altKey || onChannels)) {
      const choice = this.querySelectorAll('[name="channel"]')[digit - 1];
      if (!choice) return;
      event.preventDefault();
      choice.checked = true;
      if (onChannels) choice.focus();
      this.#keep();
    } else if (isRegister(event)) {
      event.preventDefault();
      this.#register();
    } else if (event.key === "Enter" && event.target.matches("input") && !event.defaultPrevented) {
      // Enter in a line goes on to the next field; only Ctrl+Enter and the button register.
      event.preventDefault();
      this.#next(event.target);
    }
  }

  #next(from) {
    const fields = [...this.#form.elements].filter(
      (each) => !each.hidden && !each.disabled && !each.matches("fieldset, [type=file]") && each.checkVisibility(),
    );
    const after = fields.slice(fields.indexOf(from) + 1);
    after.find((each) => each.name !== "channel" || from.name !== "channel")?.focus();
  }

  #clicked(event) {
    const { dataset } = event.target.closest("button") ?? { dataset: {} };
    if ("addPhone" in dataset) this.#addPhone("").focus();
    else if ("removePhone" in dataset) this.#removePhone(event.target.closest(".phone-line"));
    else if ("clear" in dataset) this.#askToClear();
    else if ("another" in dataset) this.#begin();
  }

  #addPhone(value) {
    const line = document.createElement("div");
    line.className = "phone-line";
    const input = this.#phones[0].cloneNode();
    input.removeAttribute("id");
    unmark(input);
    input.value = value;
    input.setAttribute("aria-label", this.querySelector('label[for="phone"]').textContent);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "button quiet only-icon";
    remove.dataset.removePhone = "";
    remove.append(icon("x", this.#said.remove_phone));
    line.append(input, remove);
    this.#part("phones").append(line);
    return input;
  }

  #removePhone(line) {
    line.previousElementSibling.querySelector("input").focus();
    line.remove();
    this.#keep();
  }

  /** Take over who somebody is from their card; what is typed already stays. */
  #use(card) {
    const name = this.#field("name");
    name.value = card.name ?? name.value;
    const typed = this.#phones.filter((each) => each.value.trim());
    const digits = typed.map((each) => each.value.replace(/\D/g, "").slice(-10));
    for (const { scheme, value } of card.points) {
      if (scheme === "email" && !this.#field("email").value) this.#field("email").value = value;
      if (scheme === "iin" && !this.#field("iin").value) this.#field("iin").value = value;
      if (scheme !== "tel" || digits.includes(value.slice(-10))) continue;
      const free = this.#phones.find((each) => !each.value.trim());
      if (free) free.value = value;
      else this.#addPhone(value);
    }
    if (!this.#field("language").value && card.language) this.#field("language").value = card.language;
    this.#doubt();
    this.#keep();
    this.#field("text").focus();
  }

  #takeFiles() {
    const choose = this.#part("files");
    choose.addEventListener("change", () => {
      this.#files.add([...choose.files], null);
      choose.value = "";
    });
    const drop = this.#part("drop");
    const take = (event, given) => {
      if (!given?.files.length || this.#form.hidden) return;
      event.preventDefault();
      this.#files.add([...given.files], null);
    };
    const main = this.closest("main");
    main.addEventListener("paste", (event) => take(event, event.clipboardData));
    main.addEventListener("drop", (event) => {
      delete drop.dataset.dragging;
      take(event, event.dataTransfer);
    });
    main.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      drop.dataset.dragging = "";
    });
    main.addEventListener("dragleave", (event) => {
      if (!main.contains(event.relatedTarget)) delete drop.dataset.dragging;
    });
  }

  // --- What is kept over a reload -------------------------------------------------------------------

  #keep() {
    if (!this.#known || this.#form.hidden) return;
    const kept = {
      channel: this.#field("channel").value,
      fields: Object.fromEntries(FIELDS.map((name) => [name, this.#field(name).value])),
      phones: this.#phones.map((each) => each.value),
      category: this.#category.code,
      files: this.#files.kept,
      idempotencyKey: this.#idempotencyKey,
    };
    const { kind, priority, ...written } = kept.fields;
    const begun = Object.values(written).some(Boolean) || kept.phones.some(Boolean) || kept.files.length;
    if (begun) sessionStorage.setItem(KEPT, JSON.stringify(kept));
    else sessionStorage.removeItem(KEPT);
  }

  #restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    if (!kept) return;
    this.#field("channel").value = kept.channel;
    for (const [name, value] of Object.entries(kept.fields)) this.#field(name).value = value;
    kept.phones.forEach((phone, at) => {
      if (at === 0) this.#phones[0].value = phone;
      else this.#addPhone(phone);
    });
    this.#files.restore(kept.files);
    this.#category.code = kept.category;
    this.#idempotencyKey = kept.idempotencyKey ?? null;
    this.#field("priority").value = kept.fields.priority;
    this.#doubt();
    toast(this.#said.restored);
  }

  async #askToClear() {
    if (sessionStorage.getItem(KEPT)) {
      const sure = await confirm(this.#said.clear, { ok: this.#said.clear_ok, danger: true });
      if (!sure) return;
    }
    this.#begin();
  }

  /** An empty form, at its first field. */
  #begin() {
    this.#form.hidden = false;
    this.#part("known").hidden = false;
    this.#part("registered").hidden = true;
    const channel = this.#field("channel").value;
    this.#form.reset();
    // Visits come after visits, and letters after letters.
    this.#field("channel").value = channel;
    for (const phone of this.#phones.slice(1)) phone.closest(".phone-line").remove();
    for (const field of this.#form.querySelectorAll("[aria-invalid]")) unmark(field);
    this.#files.forget();
    this.#category.code = null;
    this.#idempotencyKey = null;
    this.#known.forget();
    this.#doubt();
    this.#say("");
    sessionStorage.removeItem(KEPT);
    this.querySelector('[name="channel"]:checked').focus();
    this.closest("main").scrollTop = 0;
  }

  // --- Registering ----------------------------------------------------------------------------------

  async #register() {
    if (this.#sending || this.#form.hidden || !this.#check()) return;
    this.#sending = true;
    const button = this.#form.querySelector('[type="submit"]');
    button.disabled = true;
    this.#form.setAttribute("aria-busy", "true");
    this.#say("");
    this.#idempotencyKey ??= crypto.randomUUID();
    this.#keep();
    try {
      const opened = await api("POST", "appeals", this.#body(), { idempotencyKey: this.#idempotencyKey });
      sessionStorage.removeItem(KEPT);
      this.#show(opened);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#refused(error);
    } finally {
      this.#sending = false;
      button.disabled = false;
      this.#form.removeAttribute("aria-busy");
    }
  }

  #body() {
    const value = (name) => this.#field(name).value.trim();
    const points = [
      ...this.#phones.map((each) => ({ scheme: "tel", value: each.value.trim() })),
      { scheme: "email", value: value("email") },
      { scheme: "iin", value: value("iin") },
    ].filter((point) => point.value);
    const name = value("name");
    const body = {
      channel: this.#field("channel").value,
      contact: name ? { name, points } : { points },
      text: this.#field("text").value,
      kind: value("kind"),
      priority: value("priority"),
      tags: value("tags").split(",").map((tag) => tag.trim()).filter(Boolean),
      attachments: this.#files.ids,
    };
    const more = { language: value("language"), address: value("address"), district: value("district") };
    for (const [key, given] of Object.entries({ ...more, category: this.#category.code })) {
      if (given) body[key] = given;
    }
    return body;
  }

  /** Say what is missing, at the first field where something is. */
  #check() {
    for (const field of this.#form.querySelectorAll("[aria-invalid]")) unmark(field);
    const value = (name) => this.#field(name).value.trim();
    const phones = this.#phones.filter((each) => each.value.trim());
    const wrong = phones.find((each) => !isPhone(each.value));
    if (wrong) return this.#miss(wrong, this.#said.phone);
    if (value("email") && !/^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(value("email"))) {
      return this.#miss(this.#field("email"), this.#said.email);
    }
    if (!value("name") && !phones.length && !value("email") && !value("iin")) {
      return this.#miss(this.#field("name"), this.#said.who);
    }
    if (!value("text") && !this.#files.count) return this.#miss(this.#field("text"), this.#said.what);
    if (this.#files.busy) return this.#miss(this.#part("files"), this.#said.uploading);
    return true;
  }

  #miss(field, text) {
    mark(field, text);
    field.focus();
    return false;
  }

  #refused(problem) {
    if (problem.code === "no_answer") {
      this.#say(this.#said.unknown_outcome);
      return;
    }
    const pointed = problem.pointer?.split("/")[1];
    const field = pointed && pointed !== "contact" ? this.#field(pointed) : null;
    if (field instanceof HTMLElement) this.#miss(field, problem.message.replace(/^\w+: /, ""));
    else this.#say(problem.message);
  }

  #say(text) {
    const place = this.#part("problem");
    place.hidden = !text;
    place.textContent = text;
    if (text) place.scrollIntoView({ block: "nearest" });
  }

  #show(opened) {
    const { number, language, due_at: due } = opened;
    this.#form.hidden = true;
    this.#part("known").hidden = true;
    const section = this.#part("registered");
    section.hidden = false;
    this.#part("number").textContent = number;
    const spoken = ["kk", "ru", "en"].includes(language) ? language : document.documentElement.lang;
    this.#part("coupon").href = `/desk/coupon/${number}?language=${spoken}`;
    this.#part("open").href = `/inbox/${number}?queue=all&sort=due`;
    this.#part("due").hidden = !due;
    if (due) this.#part("due").querySelector("strong").textContent = moment(Date.parse(due)).slice(0, 10);
    this.#part("coupon").focus();
  }
}

function isRegister(event) {
  return event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing;
}

function isPhone(typed) {
  const digits = typed.replace(/\D/g, "");
  if (!/^[+\d\s().-]+$/.test(typed.trim())) return false;
  return typed.trim().startsWith("+") ? digits.length >= 7 && digits.length <= 15 : digits.length === 10 || digits.length === 11;
}

function mark(field, text) {
  unmark(field);
  const said = document.createElement("p");
  said.className = "wrong";
  said.id = `wrong-${field.id || field.name || "phone"}`;
  said.setAttribute("role", "alert");
  said.textContent = text;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", said.id);
  (field.closest(".field") ?? field.parentElement).append(said);
}

function unmark(field) {
  field.removeAttribute?.("aria-invalid");
  field.removeAttribute?.("aria-errormessage");
  field.closest?.(".field")?.querySelector(".wrong")?.remove();
}

customElements.define("front-office", FrontOffice);

// The coupon: its one button prints it, without leaving the page.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});
