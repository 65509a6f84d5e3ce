// Files of a reply: by button, drag and paste; checked against the channel before they travel.
import { Problem, api } from "../api.js";
import { icon } from "../icons.js";
import { format, words } from "../words.js";

const tenths = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** What is attached, as uploads of the hub. */
export class Files {
  #list;
  #said;
  #changed;
  #items = [];

  /** `changed` is called whenever something was added, finished or removed. */
  constructor(composer, said, changed) {
    this.#list = composer.querySelector(".uploads");
    this.#said = said;
    this.#changed = changed;
  }

  get ids() {
    return this.#items.filter((item) => item.id).map((item) => item.id);
  }

  /** As drafts keep them. */
  get kept() {
    return this.#items.filter((item) => item.id).map(({ id, name, mime, size }) => ({ id, name, mime, size }));
  }

  get busy() {
    return this.#items.some((item) => item.request);
  }

  get count() {
    return this.#items.length;
  }

  /** Show what a draft held, or what a reply that was taken back carried. */
  restore(kept) {
    this.forget();
    for (const one of kept ?? []) this.#show({ ...one });
    this.#told();
  }

  /** Let go of what was sent. */
  forget() {
    for (const item of this.#items) item.request?.abort();
    this.#items = [];
    this.#list.replaceChildren();
    this.#told();
  }

  /** Upload what was chosen; what the channel would refuse does not travel. */
  add(files, limits) {
    for (const file of files) {
      const item = { name: file.name || "image.png", mime: file.type, size: file.size };
      item.refused = this.refusal(item, limits);
      this.#show(item, file);
      if (!item.refused) this.#upload(item, file);
    }
    this.#told();
  }

  /** Look again at everything, for another channel. */
  check(limits) {
    for (const item of this.#items) {
      if (item.failed) continue;
      item.refused = this.refusal(item, limits);
      this.#paint(item);
    }
    return this.#items.find((item) => item.refused || item.failed) ?? null;
  }

  /** Why the channel does not carry a file; null where it does. */
  refusal({ name, mime, size }, limits) {
    if (!limits) return null;
    const most = limits.max_attachments;
    if (this.#items.length >= most && !this.#items.some((item) => item.name === name && item.size === size)) {
      return format(this.#said.too_many, { limit: most });
    }
    const kind = kindOf(mime);
    const carried = limits.media.find((one) => one.kind === kind && accepts(one.types, mime));
    if (!carried) return format(this.#said.wrong_kind, { name });
    const largest = carried.max_bytes;
    return size > largest ? format(this.#said.too_big, { name, limit: bytes(largest) }) : null;
  }

  #upload(item, file) {
    const form = new FormData();
    form.append("file", file, item.name);
    // fetch tells nothing of how far a body has gone.
    const request = new XMLHttpRequest();
    item.request = request;
    request.open("POST", "/api/v1/uploads");
    request.responseType = "json";
    request.setRequestHeader("X-CSRF-Token", document.documentElement.dataset.csrf ?? "");
    request.upload.addEventListener("progress", (event) => {
      item.progress.value = event.lengthComputable ? event.loaded / event.total : 0;
    });
    request.addEventListener("loadend", () => {
      item.request = null;
      if (request.status === 201) {
        item.id = request.response.id;
        item.mime = request.response.mime;
      } else if (this.#items.includes(item)) {
        item.failed = new Problem(request.status, request.response ?? { code: "no_answer" }).message;
      }
      this.#paint(item);
      this.#told();
    });
    request.send(form);
    this.#paint(item);
  }

  #show(item, file = null) {
    const line = document.createElement("li");
    item.line = line;
    if (file && item.mime.startsWith("image/")) {
      const picture = document.createElement("img");
      picture.alt = "";
      picture.src = URL.createObjectURL(file);
      picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
      line.append(picture);
    } else {
      line.append(icon("paperclip"));
    }
    const name = document.createElement("bdi");
    name.textContent = item.name;
    item.progress = document.createElement("progress");
    item.progress.setAttribute("aria-label", item.name);
    item.told = document.createElement("small");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "button quiet only-icon";
    remove.append(icon("x", format(this.#said.remove, { name: item.name })));
    remove.addEventListener("click", () => this.#remove(item));
    line.append(name, item.progress, item.told, remove);
    this.#items.push(item);
    this.#list.append(line);
    this.#paint(item);
  }

  #paint(item) {
    const wrong = item.refused ?? item.failed ?? "";
    item.line.classList.toggle("bad", Boolean(wrong));
    item.progress.hidden = !item.request;
    item.told.textContent = wrong || bytes(item.size);
  }

  #remove(item) {
    item.request?.abort();
    this.#items = this.#items.filter((other) => other !== item);
    item.line.remove();
    // Whatever becomes of it on the server, it is in no reply; the hub tidies up.
    if (item.id) api("DELETE", `uploads/${item.id}`).catch(() => {});
    this.#told();
  }

  #told() {
    this.#list.hidden = this.#items.length === 0;
    this.#changed();
  }
}

/** What the hub takes a file for; any other picture goes as a document. */
function kindOf(mime) {
  if (["image/jpeg", "image/png", "image/webp"].includes(mime)) return "photo";
  const family = mime.split("/")[0];
  return family === "video" || family === "audio" ? family : "document";
}

function accepts(types, mime) {
  return !types.length || types.includes(mime) || types.includes(`${mime.split("/")[0]}/*`);
}

function bytes(size) {
  if (size === undefined || size === null) return "";
  if (size >= 1_048_576) return `${tenths.format(size / 1_048_576)} ${words.units.MB}`;
  return `${Math.max(1, Math.round(size / 1024))} ${words.units.KB}`;
}
