// The composer: it says where a reply goes and whether it can, before anybody types.
import { Problem, api, tell } from "../api.js";
import { names } from "../questions.js";
import { inputValue, now, onTheWall, whenTheWallShows } from "../times.js";
import { toast } from "../toasts.js";
import { format, words } from "../words.js";
import { Draft } from "./drafts.js";
import { Files } from "./files.js";
import { Suggestions } from "./suggestions.js";
import { TemplatePicker } from "./templates.js";
import { Ways } from "./ways.js";

const PREVIEW_AFTER = 250;
const MINUTE = 60_000;

class ReplyComposer extends HTMLElement {
  #said;
  #form;
  #text;
  #mode = "reply";
  #ways;
  #files;
  #draft;
  #suggestions;
  #templates;
  #life = null;
  #timer = 0;
  #clock = 0;
  #looking = null;
  #refusal = null;
  #seenThrough = null;
  #sending = false;
  #key = null;
  #wish = null;

  connectedCallback() {
    if (this.#life) return;
    this.#life = new AbortController();
    this.#said = words.composer;
    this.#form = this.querySelector("form");
    this.#text = this.querySelector("textarea");
    this.#ways = new Ways(this, this.#said);
    this.#files = new Files(this, this.#said, () => this.#filesChanged());
    this.#templates = new TemplatePicker(this, this.#said, () => this.#paint());
    this.#suggestions = new Suggestions(this, {
      number: this.number,
      people: names("operators").map(([id, name]) => ({ id, name })),
      said: this.#said,
    });
    this.#draft = new Draft(this.number, {
      read: () => this.#content(),
      show: (draft) => this.#elsewhere(draft),
      saved: () => this.#tellSaved(),
    });
    this.#listen(this.#life.signal);
    this.#setMode("reply");
    this.#begin(this.#life.signal).catch(tell);
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    clearInterval(this.#clock);
    clearTimeout(this.#timer);
    this.#draft.leave();
    this.#life.abort();
  }

  get number() {
    return this.dataset.number;
  }

  /** Seconds in which a reply can be taken back. */
  get #hold() {
    return Number(this.dataset.hold);
  }

  /** Go on writing here: "reply" or "note". */
  focusOn(mode) {
    this.#setMode(mode);
    this.#text.focus();
  }

  /** Whether something is written that nobody has got yet. */
  get isDirty() {
    return Boolean(this.#text.value.trim() || this.#files.count);
  }

  async #begin(signal) {
    const [draft] = await Promise.all([this.#draft.load(signal), this.#ways.load(this.number, signal)]);
    if (draft) this.#goOn(draft);
    this.#clock = setInterval(() => this.#ways.tell(), MINUTE);
    this.#changed({ quietly: true });
    this.dataset.ready = "";
  }

  /** Take the draft that was kept, and behind it what has been typed while it was fetched. */
  #goOn({ content, uploads }) {
    const typed = this.#text.value;
    const isNote = typed && this.#mode === "note";
    this.#restore(isNote ? { ...content, mode: "note" } : content, uploads);
    if (!typed) return;
    const gap = this.#text.value && !/^\s/.test(typed) ? "\n" : "";
    this.#text.value += gap + typed;
    this.#changed();
  }

  #listen(signal) {
    const on = (target, name, run) => target.addEventListener(name, run, { signal });
    on(this.#form, "submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    on(this.#text, "input", () => {
      this.#wish = null;
      this.#changed();
    });
    on(this.#text, "keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.#send();
      }
    });
    on(this.querySelector("[data-way]"), "change", () => this.#changed());
    on(this, "click", (event) => this.#clicked(event));
    on(this.querySelector("[data-files]"), "change", (event) => {
      this.#files.add(event.target.files, this.#limits);
      event.target.value = "";
    });
    on(this.#text, "paste", (event) => this.#take(event, event.clipboardData));
    const zone = this.closest(".thread") ?? this;
    on(zone, "dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      this.#form.dataset.dragging = "";
    });
    on(zone, "dragleave", (event) => {
      if (!zone.contains(event.relatedTarget)) delete this.#form.dataset.dragging;
    });
    on(zone, "drop", (event) => {
      delete this.#form.dataset.dragging;
      this.#take(event, event.dataTransfer);
    });
    on(window, "pagehide", () => this.#draft.leave());
    on(document, "visibilitychange", () => document.visibilityState === "hidden" && this.#draft.leave());
    on(document, "tereze:patched", () => this.#refreshWays());
  }

  #take(event, from) {
    if (!from.files.length) return;
    event.preventDefault();
    if (this.#sending) return;
    this.#files.add(from.files, this.#limits);
  }

  #clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const { mode, then } = button.dataset;
    if (mode) this.focusOn(mode);
    else if (then) this.#send(then);
    else if ("saved" in button.dataset) this.#suggestions.openReplies().catch(tell);
    else if ("emoji" in button.dataset) this.#suggestions.openEmoji();
  }

  #setMode(mode) {
    this.#mode = mode;
    this.#form.dataset.mode = mode;
    this.#suggestions.mode = mode;
    for (const button of this.querySelectorAll("[data-mode]")) {
      if (button === this.#form) continue;
      button.setAttribute("aria-checked", String(button.dataset.mode === mode));
    }
    const label = this.querySelector("[data-send-label]");
    label.textContent = label.dataset[mode];
    this.#text.dataset.replyPlaceholder ??= this.#text.placeholder;
    const { notePlaceholder, replyPlaceholder } = this.#text.dataset;
    this.#text.placeholder = mode === "note" ? notePlaceholder : replyPlaceholder;
    this.#changed({ quietly: true });
  }

  get #limits() {
    return this.#mode === "note" ? null : (this.#ways.current?.limits ?? null);
  }

  /** Something was typed, attached or chosen. */
  #changed({ quietly = false } = {}) {
    if (!this.#draft) return;
    if (this.isDirty) {
      // What is on the screen when somebody begins to write is what they answer to.
      this.#seenThrough ??= this.closest("#thread")?.querySelector("appeal-thread")?.dataset.newest || null;
    } else {
      this.#seenThrough = null;
      this.#key = null;
    }
    if (!quietly) this.#draft.touch();
    this.#ways.tell();
    this.#paint();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#preview().catch(tell), PREVIEW_AFTER);
    const typing = !quietly && this.isDirty;
    this.dispatchEvent(new CustomEvent("tereze:typing", { bubbles: true, detail: { number: this.number, typing } }));
  }

  /** Ask the hub what the reply would take, and what speaks against it. */
  async #preview() {
    this.#looking?.abort();
    if (this.#mode === "note" || !this.#ways.items.length) {
      this.#tellCounter(null);
      return;
    }
    this.#looking = new AbortController();
    const { signal } = this.#looking;
    const body = { text: this.#text.value, ...this.#ways.fields };
    let shown;
    try {
      shown = await api("POST", `appeals/${this.number}/replies/preview`, body, { signal });
    } catch (error) {
      if (error.name === "AbortError") return;
      throw error;
    }
    if (signal.aborted || !this.isConnected) return;
    this.#refusal = shown.refusal;
    this.#tellCounter(shown);
    this.#warn(shown.differs ? this.#languages(shown.language) : "");
    if (shown.refusal?.code === "window_closed" && this.#ways.current?.templates) {
      await this.#templates.offer(this.#ways.current, this.dataset.language || "ru");
    } else {
      this.#templates.hide();
    }
    this.#paint();
  }

  #languages(draft) {
    const names = this.#said.languages;
    return format(this.#said.differs, { draft: names[draft], theirs: names[this.dataset.language] ?? "?" });
  }

  #tellCounter(shown) {
    const counter = this.querySelector("[data-counter]");
    const parts = shown?.parts ?? [];
    if (!parts.length || !this.#text.value) {
      counter.textContent = "";
      counter.classList.remove("over");
      return;
    }
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const segments = parts.reduce((sum, part) => sum + (part.segments ?? 0), 0);
    counter.textContent = segments
      ? `${length} · ${format(this.#said.segments, { n: segments })}`
      : format(this.#said.parts, { count: length, limit: shown.limit, parts: format(this.#said.in_parts, { n: parts.length }) });
    counter.classList.toggle("over", shown.refusal?.code === "private_reply_too_long");
  }

  #paint() {
    const blocked = this.querySelector("[data-blocked]");
    const isReply = this.#mode === "reply";
    const way = this.#ways.current;
    const refusal = isReply ? (this.#refusal ?? way?.refusal ?? null) : null;
    const bars = refusal && refusal.code !== "blank" && !this.#templates.isOffered;
    blocked.hidden = !(bars || (isReply && !way && "ready" in this.dataset));
    if (!blocked.hidden) blocked.textContent = refusal ? this.#reason(refusal) : this.#said.no_way;
    this.querySelector("[data-way]").disabled = !isReply;
    const wrong = isReply ? this.#files.check(this.#limits) : null;
    const ready = this.#templates.isOffered && isReply ? Boolean(this.#templates.chosen) : this.isDirty && !bars;
    const send = this.querySelector("[data-send]");
    send.disabled = this.#sending || !ready || this.#files.busy || Boolean(wrong) || (isReply && !way);
    this.querySelector('[data-menu="send-and"]').disabled = send.disabled || !isReply;
    this.#text.disabled = isReply && this.#templates.isOffered;
    // What is on its way empties the composer when it is there: nothing new may stand in it by then.
    this.#text.readOnly = this.#sending;
    this.querySelector("[data-files]").disabled = this.#sending;
  }

  #reason(refusal) {
    return new Problem(409, refusal).message;
  }

  #warn(text) {
    const warning = this.querySelector("[data-warning]");
    warning.hidden = !text;
    warning.textContent = text;
  }

  /** What was to be sent while files still travelled goes once they are there, all of them. */
  #filesChanged() {
    this.#changed();
    const wish = this.#wish;
    if (!wish || this.#files.busy) return;
    this.#wish = null;
    if (wish.mode === this.#mode && wish.files === this.#files.count) this.#send(wish.then, wish);
  }

  async #send(then = null, { evenSo = false } = {}) {
    if (this.querySelector("[data-send]").disabled) {
      const { busy, count } = this.#files;
      this.#wish = busy && !this.#sending ? { then, evenSo, mode: this.#mode, files: count } : null;
      return;
    }
    this.#sending = true;
    this.#paint();
    // The same until it went through: a request that is tried again is one reply.
    this.#key ??= crypto.randomUUID();
    try {
      await this.#draft.keep();
      if (this.#mode === "note") await this.#keepNote();
      else await this.#reply(then, evenSo);
      this.#key = null;
    } catch (error) {
      this.#refused(error, then);
    } finally {
      this.#sending = false;
      this.#paint();
    }
  }

  async #keepNote() {
    const text = this.#text.value.trim();
    const mentions = this.#suggestions.mentioned(text);
    await api("POST", `appeals/${this.number}/notes`, mentions.length ? { text, mentions } : { text });
    await this.#clear();
    toast(this.#said.noted);
  }

  async #reply(then, evenSo) {
    const template = this.#templates.isOffered ? this.#templates.chosen : null;
    const body = {
      ...(template ? { template } : { text: this.#text.value, attachments: this.#files.ids }),
      ...this.#ways.fields,
      hold_seconds: this.#hold,
      draft: true,
    };
    if (this.#seenThrough) body.seen_through = this.#seenThrough;
    if (evenSo) body.even_so = true;
    if (then) body.then = outcomeOf(then);
    const message = await api("POST", `appeals/${this.number}/replies`, body, { idempotencyKey: this.#key });
    await this.#clear();
    this.#offerUndo(message);
    document.dispatchEvent(new CustomEvent("tereze:thread", { detail: { number: this.number } }));
  }

  #offerUndo(message) {
    if (!this.#hold) return;
    toast(format(this.#said.sending, { n: this.#hold }), {
      seconds: this.#hold,
      action: { label: this.#said.take_back, run: () => this.#takeBack(message) },
    });
  }

  async #takeBack(message) {
    let taken;
    try {
      taken = await api("DELETE", `messages/${message.id}`);
    } catch (error) {
      tell(error);
      return;
    }
    toast(this.#said.taken);
    // Where they write something else by now, or are elsewhere, it waits as the draft that the hub made.
    if (this.isConnected && !this.isDirty && taken.number === this.number) {
      this.#restore(taken.content, taken.uploads);
      this.#draft.goOn(taken.draft_version);
      this.#changed({ quietly: true });
      this.#text.focus();
    }
    document.dispatchEvent(new CustomEvent("tereze:thread", { detail: { number: this.number } }));
  }

  #refused(error, then) {
    if (error instanceof Problem && error.code === "colleague_replied") {
      const { name, beginning } = error.document.colleague;
      toast(format(this.#said.colleague, { name, text: beginning }), {
        kind: "bad",
        seconds: 30,
        action: { label: this.#said.even_so, run: () => this.#send(then, { evenSo: true }) },
      });
      return;
    }
    if (error instanceof Problem && error.status === 409) this.#refreshWays();
    tell(error);
  }

  async #clear() {
    await this.#draft.finish();
    this.#text.value = "";
    this.#files.forget();
    this.#templates.choose(null);
    this.#suggestions.called.clear();
    this.#seenThrough = null;
    this.#draft.begin();
    this.#warn("");
    this.querySelector("[data-saved-at]").textContent = "";
    this.#changed({ quietly: true });
    this.#text.focus();
  }

  #content() {
    const note = this.#mode === "note";
    const template = note ? null : this.#templates.chosen;
    if (!this.isDirty && !template) return null;
    return {
      text: this.#text.value,
      ...(template ? { template } : {}),
      mode: this.#mode,
      uploads: this.#files.ids,
      ...(note ? { mentions: this.#suggestions.mentioned(this.#text.value) } : this.#ways.fields),
    };
  }

  #restore(content, uploads) {
    this.#setMode(content.mode === "note" ? "note" : "reply");
    this.#text.value = content.text ?? "";
    this.#ways.chooseBy(content);
    this.#suggestions.call(content.mentions ?? []);
    this.#files.restore(uploads);
    this.#templates.choose(content.template ?? null);
  }

  #elsewhere(draft) {
    if (!draft || draft.content.text === this.#text.value) return;
    const mine = this.#content() ?? {};
    const files = this.#files.kept;
    this.#restore(draft.content, draft.uploads);
    toast(this.#said.elsewhere, {
      seconds: 20,
      action: {
        label: this.#said.keep_mine,
        run: () => {
          this.#restore(mine, files);
          this.#changed();
        },
      },
    });
  }

  #tellSaved() {
    const time = inputValue(now()).slice(-5);
    this.querySelector("[data-saved-at]").textContent = this.isDirty ? format(this.#said.saved, { time }) : "";
  }

  async #refreshWays() {
    try {
      await this.#ways.load(this.number, this.#life.signal);
    } catch (error) {
      tell(error);
      return;
    }
    this.#refusal = null;
    this.#changed({ quietly: true });
  }
}

function outcomeOf(then) {
  if (then === "resolved") return { status: "resolved", outcome: "answered" };
  if (then === "snooze") return { snoozed_until: tomorrowMorning() };
  return { status: then };
}

/** Nine in the morning of the office's next day. */
function tomorrowMorning() {
  const { year, month, day } = onTheWall(now());
  return new Date(whenTheWallShows({ year, month, day: day + 1, hour: 9 })).toISOString();
}

customElements.define("reply-composer", ReplyComposer);
