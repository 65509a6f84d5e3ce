// `<api-form method="POST" path="teams">` around a form: it goes to the API as JSON, and what is
// wrong with it is said beside the field.
//
// data-type of a field is how it goes: "text" (the usual), "number", "list" (words between commas or
// on lines of their own; of boxes with one name those that are checked), "bool", "json", "moment" (a
// time on the office's clock). An empty one goes as null with data-empty="null", and not at all with
// data-empty="omit". A name with dots goes as an object in an object. "{key}" in the path is the
// value of the field "key", which does not go in the body then. A form whose enctype is
// multipart/form-data goes as that, with its files.
//
// data-then of the <api-form>: "reload", "toast" (data-said is what it says), or an address. In any
// case "tereze:saved" tells of the answer, as detail. data-confirm is asked before.
import { api, Problem, tell } from "./api.js";
import { confirm } from "./dialogs.js";
import { reload } from "./navigation.js";
import { momentOf } from "./times.js";
import { toast } from "./toasts.js";
import { words } from "./words.js";

const READ = {
  text: (value) => value,
  number: (value) => Number(value),
  list: (value) => value.split(/[,\n]/).map((word) => word.trim()).filter(Boolean),
  json: (value) => JSON.parse(value),
  moment: (value) => new Date(momentOf(value)).toISOString(),
};

class ApiForm extends HTMLElement {
  connectedCallback() {
    if (this.listening) return;
    this.listening = true;
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(event.target, event.submitter);
    });
    this.addEventListener("input", (event) => unmark(event.target));
  }

  connectedMoveCallback() {}

  async send(form, submitter) {
    if (this.hasAttribute("aria-busy")) return;
    if (this.dataset.confirm && !(await confirm(this.dataset.confirm, { danger: true }))) return;
    this.clear(form);
    this.setAttribute("aria-busy", "true");
    if (submitter) submitter.disabled = true;
    try {
      const carriesFiles = form.enctype === "multipart/form-data";
      const body = carriesFiles ? new FormData(form) : this.body(form, submitter);
      const path = this.path(body);
      const method = this.getAttribute("method") ?? "POST";
      const answer = await api(method, path, method === "DELETE" ? undefined : body);
      this.dispatchEvent(new CustomEvent("tereze:saved", { bubbles: true, detail: answer }));
      this.go(answer);
    } catch (error) {
      if (error instanceof Problem) this.show(form, error);
      else tell(error);
    } finally {
      this.removeAttribute("aria-busy");
      if (submitter) submitter.disabled = false;
    }
  }

  /** What the fields hold, by their names. Throws: Problem, for what cannot be read. */
  body(form, submitter) {
    const body = {};
    const lists = new Set();
    for (const field of form.elements) {
      if (!field.name || field.disabled || (field.type === "submit" && field !== submitter)) continue;
      if (field.type === "radio" && !field.checked) continue;
      const type = field.dataset.type ?? (field.type === "checkbox" ? "bool" : "text");
      if (field.type === "checkbox" && type === "list") {
        if (!lists.has(field.name)) set(body, field.name, []);
        lists.add(field.name);
        if (field.checked) get(body, field.name).push(field.value);
      } else if (type === "bool") {
        set(body, field.name, field.type === "checkbox" ? field.checked : field.value === "true");
      } else if (field.value.trim() === "" && field.dataset.empty) {
        if (field.dataset.empty === "null") set(body, field.name, null);
      } else if (field.value.trim() === "" && type !== "text" && type !== "list") {
        set(body, field.name, null);
      } else {
        set(body, field.name, read(field, type));
      }
    }
    return body;
  }

  path(body) {
    return this.getAttribute("path").replace(/\{([\w.]+)\}/g, (_, name) => {
      const value = get(body, name);
      delete body[name];
      return encodeURIComponent(value ?? "");
    });
  }

  go(answer) {
    const { then = "toast", said = words.done } = this.dataset;
    if (then === "reload") reload();
    else if (then === "toast") toast(said);
    else if (then !== "none") location.assign(then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer?.[name] ?? "")));
  }

  /** Say what is wrong: beside the field that the problem points at, else above them all. */
  show(form, problem) {
    const field = problem.pointer ? fieldAt(form, problem.pointer) : null;
    const said = document.createElement("p");
    if (field) {
      said.className = "wrong";
      said.id = `wrong-${field.name.replace(/\W/g, "-")}`;
      // The sentence begins with the field's name in the API, which stands before it here.
      said.textContent = problem.message.replace(/^[\w.[\]]+: /, "");
      field.setAttribute("aria-invalid", "true");
      field.dataset.describedBefore = field.getAttribute("aria-describedby") ?? "";
      field.setAttribute("aria-describedby", `${field.dataset.describedBefore} ${said.id}`.trim());
      (field.closest(".field") ?? field.parentElement).append(said);
      field.focus();
    } else {
      said.className = "notice bad form-problem";
      said.setAttribute("role", "alert");
      said.textContent = problem.message;
      form.prepend(said);
      said.scrollIntoView({ block: "nearest" });
    }
  }

  clear(form) {
    for (const said of form.querySelectorAll(".form-problem")) said.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) unmark(field);
  }
}

function read(field, type) {
  try {
    return READ[type](field.value);
  } catch {
    throw new Problem(400, { code: "", detail: words.unreadable, pointer: `/${field.name.replaceAll(".", "/")}` });
  }
}

function unmark(field) {
  if (!field.hasAttribute?.("aria-invalid")) return;
  field.removeAttribute("aria-invalid");
  if (field.dataset.describedBefore) field.setAttribute("aria-describedby", field.dataset.describedBefore);
  else field.removeAttribute("aria-describedby");
  (field.closest(".field") ?? field.parentElement).querySelector(".wrong")?.remove();
}

/** The field at "/bodies/ru": by its whole name, or by the beginning that there is. */
function fieldAt(form, pointer) {
  const steps = pointer.split("/").filter(Boolean);
  for (let length = steps.length; length > 0; length -= 1) {
    const found = form.elements.namedItem(steps.slice(0, length).join("."));
    if (found) return found instanceof RadioNodeList ? found[0] : found;
  }
  return null;
}

function get(body, name) {
  return name.split(".").reduce((inside, step) => inside?.[step], body);
}

function set(body, name, value) {
  const steps = name.split(".");
  const last = steps.pop();
  let inside = body;
  for (const step of steps) inside = inside[step] ??= {};
  inside[last] = value;
}

customElements.define("api-form", ApiForm);
