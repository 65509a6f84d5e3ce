// The messages of the open appeal: kept as they are on the server, without moving what is read.
import { api, fragment, tell } from "./api.js";
import { words, plural } from "./words.js";

/** Pixels from the end within which somebody counts as reading the newest. */
const NEAR = 80;

class AppealThread extends HTMLElement {
  #log;
  #list;
  #jump;
  #arrived = 0;
  #asking = null;
  #again = false;

  connectedCallback() {
    if (this.#log) return;
    this.#log = this.querySelector(".log");
    this.#list = this.querySelector(".messages");
    this.#jump = this.querySelector("[data-jump]");
    this.addEventListener("click", (event) => this.#clicked(event));
    this.#log.addEventListener("scroll", () => (this.#atEnd() ? this.#seen() : this.#offerJump()), { passive: true });
    // A picture that comes late makes the page longer: whoever is at the end stays there.
    this.#log.addEventListener("load", () => this.#stay && this.#toEnd(), true);
    const mark = this.querySelector(".unread-mark");
    if (mark) mark.scrollIntoView({ block: "center" });
    else this.#toEnd();
  }

  disconnectedCallback() {
    this.#asking?.abort();
  }

  connectedMoveCallback() {}

  get number() {
    return this.dataset.number;
  }

  get #stay() {
    return this.#jump.hidden;
  }

  /** Fetch what changed. One request at a time; what changes meanwhile is asked for after it. */
  async refresh() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    try {
      const address = `/appeals/${this.number}`;
      const [messages, header] = await Promise.all([
        fragment(`${address}/messages`, { signal }),
        fragment(`${address}/header`, { signal }),
      ]);
      if (!this.isConnected) return;
      this.#patch(messages);
      replaceHeader(header, this.number);
    } catch (error) {
      tell(error);
    } finally {
      this.#asking = null;
    }
    if (this.#again && this.isConnected) {
      this.#again = false;
      await this.refresh();
    }
  }

  #patch(html) {
    const atEnd = this.#atEnd();
    const fresh = parsed(html);
    const before = new Set([...this.#list.querySelectorAll(".message")].map((each) => each.id));
    reconcile(this.#list, fresh);
    const newest = [...this.#list.querySelectorAll(".message")].at(-1);
    if (newest) this.dataset.newest = newest.dataset.id;
    const arrived = [...this.#list.querySelectorAll(".message.in, .message.out")];
    this.#arrived += arrived.filter((each) => !before.has(each.id)).length;
    if (atEnd) this.#toEnd();
    else this.#offerJump();
    this.dispatchEvent(new CustomEvent("tereze:patched", { bubbles: true }));
  }

  async #clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-jump]")) {
      this.#toEnd("smooth");
    } else if (button.dataset.earlier) {
      await this.#showEarlier(button);
    } else if (button.dataset.retry) {
      const body = "evenIfSent" in button.dataset ? { even_if_sent: true } : {};
      await this.#post(button, `messages/${button.dataset.retry}/retry`, body);
    } else if (button.dataset.hides) {
      const { hides, hidden } = button.dataset;
      await this.#post(button, `messages/${hides}/hidden`, { hidden: hidden === "true" });
    }
  }

  async #showEarlier(button) {
    button.disabled = true;
    try {
      const address = `/appeals/${this.number}/messages?before=${button.dataset.earlier}`;
      const earlier = parsed(await fragment(address));
      const height = this.#log.scrollHeight;
      button.closest("li").replaceWith(...earlier);
      this.#log.scrollTop += this.#log.scrollHeight - height;
      this.#log.focus({ preventScroll: true });
    } catch (error) {
      button.disabled = false;
      tell(error);
    }
  }

  /** Do to a message what its button says. */
  async #post(button, address, body) {
    button.disabled = true;
    try {
      await api("POST", address, body);
      await this.refresh();
    } catch (error) {
      button.disabled = false;
      tell(error);
    }
  }

  #atEnd() {
    const log = this.#log;
    return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  }

  #toEnd(behavior = "instant") {
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior });
    this.#seen();
  }

  #seen() {
    this.#arrived = 0;
    this.#jump.hidden = true;
  }

  #offerJump() {
    const label = this.#jump.lastElementChild;
    label.dataset.usual ??= label.textContent;
    label.textContent = this.#arrived ? plural(words.arrived, this.#arrived) : label.dataset.usual;
    this.#jump.hidden = false;
  }
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return [...template.content.children];
}

/**
 * Make the end of the list what the server shows now. Earlier pages stay where they are; what has
 * not changed is not touched, so that a voice goes on playing and a selection stays.
 */
function reconcile(list, fresh) {
  const first = fresh.find(isAnchor);
  let place = first ? document.getElementById(first.id) : null;
  while (place?.previousElementSibling && !isAnchor(place.previousElementSibling)) {
    place = place.previousElementSibling;
  }
  let next = place ?? list.firstElementChild;
  const wanted = place?.previousElementSibling ? fresh.filter((each) => !each.matches(".more")) : fresh;
  for (const each of wanted) {
    const known = isAnchor(each) ? document.getElementById(each.id) : null;
    if (known && known !== next) next = dropUntil(next, known);
    if (next?.isEqualNode(each)) {
      next = next.nextElementSibling;
    } else if (next && next.id === each.id && next.className.split(" ")[0] === each.className.split(" ")[0]) {
      const after = next.nextElementSibling;
      morph(next, each);
      next = after;
    } else {
      list.insertBefore(each, next);
    }
  }
  while (next) {
    const after = next.nextElementSibling;
    next.remove();
    next = after;
  }
}

/** Whether it is the same wherever it stands: days, lines and the mark of what is unread are not. */
function isAnchor(each) {
  return each.matches(".message");
}

/** Remove what stands before an element that goes on; what is still wanted comes again by itself. */
function dropUntil(from, wanted) {
  let next = from;
  while (next && next !== wanted) {
    const after = next.nextElementSibling;
    next.remove();
    next = after;
  }
  return wanted;
}

/** Change a message in its place, but leave a player alone whose file is the same. */
function morph(old, fresh) {
  for (const player of fresh.querySelectorAll("audio, video")) {
    const source = player.getAttribute("src");
    const playing = [...old.querySelectorAll("audio, video")].find((each) => each.getAttribute("src") === source);
    if (playing && !playing.paused) return;
  }
  const open = old.querySelector("details[open]");
  if (open) fresh.querySelector("details")?.setAttribute("open", "");
  old.replaceWith(fresh);
}

/** Put the header in place; whoever stood on one of its buttons stands there again. */
function replaceHeader(html, number) {
  const header = document.getElementById("thread-header");
  if (!header || header.dataset.number !== number) return;
  if (header.querySelector('[aria-expanded="true"]')) return;
  const focused = header.contains(document.activeElement) ? document.activeElement : null;
  const command = focused?.dataset.command;
  const wasTitle = focused?.id === "appeal-title";
  header.innerHTML = html;
  if (wasTitle) header.querySelector("#appeal-title").focus({ preventScroll: true });
  else if (command) {
    (header.querySelector(`[data-command="${command}"]`) ?? header.querySelector("#appeal-title")).focus({ preventScroll: true });
  }
}

/** Whoever holds an appeal and looks at it has read it; whoever was asked to look has looked. */
function markSeen() {
  const head = document.querySelector(".thread-head");
  const thread = document.querySelector("appeal-thread");
  if (!head || !thread || document.visibilityState !== "visible") return;
  const mine = head.dataset.assignee === document.documentElement.dataset.operator;
  if (mine && Number(head.dataset.unread) > 0) {
    head.dataset.unread = "0";
    api("PATCH", `appeals/${thread.number}`, { unread: 0 }).catch(tell);
  }
  if ("asked" in head.dataset) {
    delete head.dataset.asked;
    api("POST", "mentions/seen", { appeal: thread.number }).catch(tell);
  }
}

document.addEventListener("tereze:thread", (event) => {
  const thread = document.querySelector("appeal-thread");
  if (thread && thread.number === event.detail.number) thread.refresh();
});
document.addEventListener("tereze:reload", () => document.querySelector("appeal-thread")?.refresh());
document.addEventListener("tereze:opened", markSeen);
document.addEventListener("tereze:patched", markSeen);
document.addEventListener("visibilitychange", markSeen);

customElements.define("appeal-thread", AppealThread);
