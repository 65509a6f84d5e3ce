// Administration: secrets that are shown once, and tables of records as one field of a form.
import { icon } from "./icons.js";
import { toast } from "./toasts.js";
import { words } from "./words.js";

document.addEventListener("tereze:saved", (event) => {
  const { secret, secretSaid } = event.target.dataset;
  const value = secret ? event.detail?.[secret] : null;
  const box = document.querySelector("[data-secret-shown]");
  if (!value || !box) return;
  box.querySelector("span").textContent = secretSaid;
  box.querySelector("code").textContent = value;
  box.hidden = false;
  box.scrollIntoView({ block: "center" });
  event.target.querySelector("form").reset();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy-secret]");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
  toast(words.copied);
});

/** Rows of a list as a table of inputs; a hidden field beside them holds the list as JSON, or, with
 * data-as="object", an object whose names and values are the first column and the second. The third
 * of a column is the input's type, or the choices: [[code, what it says], …]. */
class RecordTable extends HTMLElement {
  connectedCallback() {
    if (this.body) return;
    this.columns = JSON.parse(this.dataset.columns);
    this.kept = JSON.parse(this.dataset.rows);
    this.field = document.createElement("input");
    Object.assign(this.field, { type: "hidden", name: this.getAttribute("name") });
    this.field.dataset.type = "json";
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const [, said] of [...this.columns, ["", this.dataset.remove]]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = said;
      head.append(cell);
    }
    this.body = table.createTBody();
    const add = document.createElement("button");
    add.type = "button";
    add.className = "button";
    add.append(icon("plus"), this.dataset.add);
    add.addEventListener("click", () => {
      this.add({});
      this.body.lastElementChild.querySelector("input").focus();
    });
    this.append(table, add, this.field);
    for (const row of this.kept) this.add(row);
    this.addEventListener("input", () => this.write());
    this.write();
  }

  connectedMoveCallback() {}

  add(record) {
    const row = this.body.insertRow();
    for (const [name, said, type] of this.columns) {
      const input = Array.isArray(type) ? choices(type) : document.createElement("input");
      if (!Array.isArray(type)) input.type = type;
      input.value = name.split(".").reduce((inside, step) => inside?.[step], record) ?? "";
      input.setAttribute("aria-label", said);
      row.insertCell().append(input);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "button quiet only-icon";
    remove.append(icon("trash", this.dataset.remove));
    remove.addEventListener("click", () => {
      row.remove();
      this.write();
    });
    row.insertCell().append(remove);
    this.write();
  }

  write() {
    const list = [...this.body.rows].map((row) => {
      const record = {};
      for (const [index, [name, , type]] of this.columns.entries()) {
        const value = row.cells[index].firstElementChild.value.trim();
        const steps = name.split(".");
        const last = steps.pop();
        let inside = record;
        for (const step of steps) inside = inside[step] ??= {};
        if (value !== "") inside[last] = type === "number" ? Number(value) : value;
      }
      return record;
    });
    const [name, value] = this.columns.map(([column]) => column);
    const asObject = () => Object.fromEntries(list.map((record) => [record[name] ?? "", record[value] ?? ""]));
    this.field.value = JSON.stringify(this.dataset.as === "object" ? asObject() : list);
  }
}

function choices(options) {
  const select = document.createElement("select");
  select.append(...options.map(([code, said]) => new Option(said, code)));
  return select;
}

customElements.define("record-table", RecordTable);
