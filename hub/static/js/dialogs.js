// Questions: one dialog, filled anew for each.
import { folded, matches, steer } from "./listbox.js";
import { words } from "./words.js";

/**
 * Ask something, and give what was answered by the names of the fields, or null.
 *
 * `fields` are `{name, kind, label, value, options, required, hint, when}`. Kinds: "text", "area",
 * "number", "date", "moment" (as <input type=datetime-local>), "password", "check", "choice" (one of
 * a few), "many" (any of a few), "search" (one of many), "tags" (a list of words). Options are `{value, label, hint, also}`,
 * `also` being other words to find it by. `when` is `{name: value}`: shown only then.
 */
export function ask({ title, text = "", fields = [], ok = words.ok, danger = false }) {
  const dialog = document.getElementById("question");
  if (dialog.open) dialog.close("");
  settle();
  const form = dialog.querySelector("form");
  const body = form.querySelector(".dialog-body");
  form.querySelector("h2").textContent = title;
  const button = form.querySelector('[value="ok"]');
  button.textContent = ok;
  button.classList.toggle("danger", danger);
  button.classList.toggle("primary", !danger);
  body.replaceChildren();
  if (text) {
    const said = document.createElement("p");
    said.textContent = text;
    body.append(said);
  }
  const submit = () => form.requestSubmit(button);
  const asked = fields.map((field) => ({
    ...field,
    ...made(field, fields.length === 1 ? submit : () => {}, submit),
  }));
  body.append(...asked.map((field) => field.box));

  function showWhatApplies() {
    const values = Object.fromEntries(asked.map((field) => [field.name, field.read()]));
    for (const { when, box } of asked) {
      const applies = Object.entries(when ?? {}).every(([name, value]) => values[name] === value);
      box.hidden = !applies;
      for (const input of box.querySelectorAll("input, textarea, select")) input.disabled = !applies;
    }
  }
  showWhatApplies();

  return new Promise((resolve) => {
    const over = new AbortController();
    const { signal } = over;
    settle = () => {
      settle = () => {};
      over.abort();
      if (dialog.returnValue !== "ok") return resolve(null);
      const shown = asked.filter((field) => !field.box.hidden);
      return resolve(Object.fromEntries(shown.map((field) => [field.name, field.read()])));
    };
    body.addEventListener("change", showWhatApplies, { signal });
    form.addEventListener(
      "submit",
      (event) => {
        const missing = asked.find((field) => !field.box.hidden && field.check?.());
        if (missing) event.preventDefault();
      },
      { signal },
    );
    // It is told of later: by then another question may have been asked, which settles this one.
    dialog.addEventListener("close", () => dialog.open || settle(), { signal });
    dialog.returnValue = "";
    dialog.showModal();
    // A list that shrinks while somebody types moves what is below it.
    for (const list of body.querySelectorAll(".search-list")) list.style.blockSize = `${list.offsetHeight}px`;
    (asked[0]?.focused?.() ?? body.querySelector("input, textarea, select") ?? button).focus();
  });
}

/** Give what the question that was asked last is answered with, if it has not been given. */
let settle = () => {};

/** Ask whether to do something. */
export async function confirm(title, { text = "", ok = words.ok, danger = false } = {}) {
  return (await ask({ title, text, ok, danger })) !== null;
}

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close) close.closest("dialog")?.close("");
  // A click beside a dialog is one on the dialog itself, whose content covers it.
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right &&
      event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && event.detail > 0) event.target.close("");
  }
});

document.addEventListener("keydown", (event) => {
  // Of its own accord a search box only empties itself.
  if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
  const dialog = event.target.closest?.('input[type="search"]')?.closest("dialog");
  if (!dialog) return;
  event.preventDefault();
  dialog.close("");
});

function made(field, chosen, submit) {
  if (field.kind === "choice") return choice(field);
  if (field.kind === "many") return many(field);
  if (field.kind === "search") return search(field, chosen, submit);
  if (field.kind === "check") return check(field);
  return line(field);
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const TYPES = { moment: "datetime-local", tags: "text" };

function line({ name, kind, label, value, required, hint, placeholder = "", min, options }) {
  const id = `ask-${name}`;
  const input =
    kind === "area"
      ? element("textarea", { id, name, rows: 2 })
      : element("input", { id, name, type: TYPES[kind] ?? kind ?? "text", autocomplete: "off" });
  input.placeholder = placeholder;
  input.required = Boolean(required);
  if (min !== undefined) input.min = min;
  input.value = kind === "tags" ? (value ?? []).join(", ") : (value ?? "");
  const box = element("div", { className: "field" });
  box.append(element("label", { htmlFor: id, textContent: label }), input);
  if (options) {
    const list = element("datalist", { id: `${id}-known` });
    list.append(...options.map((option) => element("option", { value: option })));
    input.setAttribute("list", list.id);
    box.append(list);
  }
  describe(box, input, hint);
  const read = () => {
    if (kind === "tags") return [...new Set(input.value.split(",").map((w) => w.trim()))].filter(Boolean);
    if (kind === "number") return input.value === "" ? null : Number(input.value);
    return input.value.trim();
  };
  return { box, read };
}

function check({ name, label, value, hint }) {
  const input = element("input", { type: "checkbox", name, checked: Boolean(value) });
  const box = element("div", { className: "field" });
  box.append(element("label", { className: "check" }, input, element("span", { textContent: label })));
  describe(box, input, hint);
  return { box, read: () => input.checked };
}

function choice({ name, label, value, options, required = true }) {
  const box = element("fieldset", { className: "field choices" });
  box.append(element("legend", { textContent: label }));
  for (const option of options) {
    const input = element("input", { type: "radio", name, value: option.value, required });
    input.checked = option.value === value;
    const said = element("span", { className: "choice-label" }, option.label);
    if (option.hint) said.append(element("small", { className: "muted", textContent: option.hint }));
    box.append(element("label", { className: "choice" }, input, said));
  }
  const checked = () => box.querySelector("input:checked");
  return {
    box,
    read: () => checked()?.value ?? null,
    focused: () => checked() ?? box.querySelector("input"),
  };
}

function many({ name, label, options, value = [] }) {
  const box = element("fieldset", { className: "field choices" });
  box.append(element("legend", { textContent: label }));
  const list = element("div", { className: "choice-list" });
  for (const option of options) {
    const input = element("input", { type: "checkbox", name, value: option.value, checked: value.includes(option.value) });
    const said = element("span", { className: "choice-label" }, element("bdi", { textContent: option.label }));
    if (option.hint) said.append(element("small", { className: "muted", textContent: option.hint }));
    list.append(element("label", { className: "choice" }, input, said));
  }
  box.append(list);
  const checked = () => [...box.querySelectorAll("input:checked")].map((input) => input.value);
  return {
    box,
    read: checked,
    check: () => {
      if (checked().length) return false;
      box.querySelector("input")?.focus();
      return true;
    },
  };
}

function search({ name, label, value, options, hint }, chosen, submit) {
  const id = `ask-${name}`;
  const input = element("input", { id, type: "search", autocomplete: "off", spellcheck: false });
  const list = element("ul", { id: `${id}-list`, className: "search-list" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", label);
  for (const [attribute, text] of Object.entries({
    role: "combobox", "aria-expanded": "true", "aria-controls": list.id, "aria-autocomplete": "list",
  })) {
    input.setAttribute(attribute, text);
  }
  const none = element("p", { className: "muted search-none", textContent: words.nothing_found });
  const box = element("div", { className: "field" });
  box.append(element("label", { htmlFor: id, textContent: label }), input, list, none);
  describe(box, input, hint);

  const shown = options.map((option) => {
    const item = element("li", { textContent: option.label });
    if (option.hint) item.append(element("small", { className: "muted", textContent: option.hint }));
    if (option.indent) item.classList.add("indented");
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    return { option, item, all: `${option.label} ${option.also ?? ""}` };
  });
  let picked = shown.find(({ option }) => option.value === value) ?? null;
  const steering = steer(input, list, (item, event) => {
    picked = shown.find((one) => one.item === item);
    for (const one of shown) one.item.classList.toggle("picked", one === picked);
    box.dispatchEvent(new Event("change", { bubbles: true }));
    (event.type === "click" ? chosen : submit)();
  });
  function filter() {
    const typed = input.value.trim();
    const found = shown.filter(({ all }) => !typed || matches(all, typed));
    found.sort((a, b) => starts(b, typed) - starts(a, typed));
    list.replaceChildren(...(typed ? found : shown).map(({ item }) => item));
    list.hidden = found.length === 0;
    none.hidden = found.length > 0;
    if (typed) steering.first();
    else steering.move((picked ?? shown[0])?.item);
  }
  input.addEventListener("input", () => {
    picked = null;
    filter();
  });
  filter();
  picked?.item.classList.add("picked");
  const current = () => picked ?? shown.find(({ item }) => item === steering.active()) ?? null;
  return {
    box,
    read: () => current()?.option.value ?? null,
    focused: () => {
      picked?.item.scrollIntoView({ block: "nearest" });
      return input;
    },
    check: () => {
      if (current()?.item.isConnected) return false;
      input.focus();
      return true;
    },
  };
}

function starts({ option }, typed) {
  return typed && folded(option.label).startsWith(folded(typed)) ? 1 : 0;
}

function describe(box, input, hint) {
  if (!hint) return;
  const said = element("p", { className: "hint", id: `${input.name || input.id}-hint`, textContent: hint });
  input.setAttribute("aria-describedby", said.id);
  box.append(said);
}
