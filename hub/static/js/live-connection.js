// The connection of a browser to the hub, shared by all its tabs: what each of them shows, and up to
// which cursor it knows what changed. After a break it says everything again, and misses nothing.

/** Milliseconds. */
const SILENCE = 45_000; // the hub says something every 20 seconds
const OFFLINE_AFTER = 3_000;
const LONGEST_WAIT = 15_000;
const FORGET_TAB = 180_000; // a tab in the background is awake once a minute

const SIGNED_OUT = 4001;
const CHANGED = 4003;

export class Connection {
  #address;
  #tabs = new Map();
  #parts = new Map();
  #socket = null;
  #cursor = "";
  #counts = null;
  #calls = null;
  #operator = null;
  #attempts = 0;
  #isOpen = false;
  #isOffline = false;
  #isOver = false;
  #mustRenew = false;
  #retry = 0;
  #offlineTimer = 0;
  #heardAt = 0;

  /** `address` is that of the WebSocket; the same over HTTP tells whether one is signed in. */
  constructor(address) {
    this.#address = address;
    setInterval(() => this.#look(), 5_000);
  }

  // --- Tabs ---------------------------------------------------------------------------------------

  /** Do what a tab says; `tell` is how it is told. */
  hear(tab, said, tell) {
    if (said.bye) {
      this.#forget(tab);
      return;
    }
    const known = this.#tabs.get(tab);
    if (!known && !said.hello) {
      tell({ stranger: true });
      return;
    }
    this.#tabs.set(tab, { tell, operator: said.operator ?? known?.operator, at: Date.now() });
    if (said.hello) this.#greet(tell, said.operator);
    if (said.show) this.#add(tab, said.show);
    if (said.hide) this.#drop(tab, said.hide);
    if (said.typing) this.#send(said.typing);
    if (said.wake && !this.#isOpen) this.#connect();
  }

  #greet(tell, operator) {
    if (operator !== this.#operator) this.#serve(operator);
    this.#isOver = false;
    if (this.#isOffline) tell({ offline: true });
    if (this.#counts) tell({ events: [{ counts: this.#counts }], cursor: "" });
    if (this.#calls) tell({ events: [{ calls: this.#calls }], cursor: "" });
    if (!this.#socket) this.#connect();
  }

  /** Somebody has signed in, perhaps in the place of somebody else: the connection is theirs. */
  #serve(operator) {
    this.#operator = operator;
    this.#disconnect();
    for (const [tab, { tell, operator: other }] of this.#tabs) {
      if (other === operator) continue;
      tell({ signedOut: true });
      this.#forget(tab);
    }
  }

  #forget(tab) {
    this.#tabs.delete(tab);
    for (const part of [...this.#parts.values()]) {
      if (part.holders.has(tab)) this.#drop(tab, part.said);
    }
    if (!this.#tabs.size) this.#disconnect();
  }

  /** Look whether somebody is gone who has not said so. */
  #look() {
    const now = Date.now();
    for (const [tab, { at }] of this.#tabs) if (now - at > FORGET_TAB) this.#forget(tab);
    if (this.#isOpen && now - this.#heardAt > SILENCE) this.#abandon();
  }

  // --- What is shown ------------------------------------------------------------------------------

  #add(tab, { cursor, ...said }) {
    const key = keyOf(said);
    const part = this.#parts.get(key) ?? { said, holders: new Map() };
    this.#parts.set(key, part);
    part.holders.set(tab, cursor);
    this.#say(tab, part, cursor);
  }

  #drop(tab, said) {
    const part = this.#parts.get(keyOf(said));
    if (!part?.holders.delete(tab) || part.holders.size) return;
    this.#parts.delete(keyOf(said));
    this.#send({ ...part.said, off: true });
  }

  #say(tab, part, cursor) {
    const operator = this.#tabs.get(tab)?.operator ?? "";
    this.#send({ ...part.said, cursor, ...("view" in part.said ? { operator } : {}) });
  }

  /** Say everything that is shown: once for each cursor, however many tabs have it. */
  #sayAll() {
    for (const part of this.#parts.values()) {
      const byCursor = new Map();
      for (const [tab, cursor] of part.holders) byCursor.set(cursor, tab);
      for (const [cursor, tab] of byCursor) this.#say(tab, part, cursor);
    }
  }

  #send(said) {
    if (this.#isOpen) this.#socket.send(JSON.stringify(said));
  }

  // --- The hub's word -----------------------------------------------------------------------------

  #told(events) {
    const { cursor } = events.pop();
    const lists = new Map([...this.#tabs.keys()].map((tab) => [tab, []]));
    for (const event of events) {
      if (event.counts) this.#counts = event.counts;
      if (event.calls) this.#calls = event.calls;
      const part = "view" in event || "thread" in event ? this.#parts.get(keyOf(event.thread ?? event)) : null;
      const ready = event.ready ?? event.thread?.ready;
      if (part && ready !== undefined) {
        // From here on these follow the connection's own cursor.
        for (const [tab, at] of part.holders) if (at === ready) part.holders.set(tab, null);
      }
      const whom = part === null ? lists.keys() : (part?.holders.keys() ?? []);
      for (const tab of whom) lists.get(tab)?.push(event);
    }
    this.#cursor = cursor;
    for (const [tab, list] of lists) this.#tabs.get(tab)?.tell({ events: list, cursor });
  }

  #tellAll(word) {
    for (const { tell } of this.#tabs.values()) tell(word);
  }

  // --- The socket ---------------------------------------------------------------------------------

  #connect() {
    clearTimeout(this.#retry);
    if (this.#isOver || !this.#tabs.size || this.#socket?.readyState === WebSocket.CONNECTING) return;
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      this.#heardAt = Date.now();
      this.#sayAll();
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heardAt = Date.now();
      this.#welcome();
      this.#told(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#lost(code);
    };
  }

  /** The connection serves: it is not offline, and the next break is the first. */
  #welcome() {
    this.#attempts = 0;
    clearTimeout(this.#offlineTimer);
    this.#offlineTimer = 0;
    if (this.#isOffline) {
      this.#isOffline = false;
      this.#tellAll({ offline: false });
    }
    if (this.#mustRenew) {
      this.#mustRenew = false;
      this.#tellAll({ renew: true });
    }
  }

  /** The connection is dead, though nobody said so. */
  #abandon() {
    const socket = this.#socket;
    this.#lost(1006);
    socket.close();
  }

  #lost(code) {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    this.#socket = null;
    for (const part of this.#parts.values()) {
      for (const [tab, at] of part.holders) if (at === null) part.holders.set(tab, this.#cursor);
    }
    if (code === SIGNED_OUT) {
      this.#signedOut();
      return;
    }
    if (code === CHANGED) this.#mustRenew = true;
    this.#offlineTimer ||= setTimeout(() => {
      this.#isOffline = true;
      this.#tellAll({ offline: true });
    }, OFFLINE_AFTER);
    const wait = Math.min(LONGEST_WAIT, 500 * 2 ** this.#attempts) * (0.5 + Math.random() / 2);
    this.#attempts += 1;
    this.#retry = setTimeout(() => this.#connect(), wait);
    // A connection that was refused looks like one that could not be made.
    if (!wasOpen) this.#ask();
  }

  async #ask() {
    const address = this.#address.replace(/^ws/, "http");
    const answer = await fetch(address, { cache: "no-store" }).catch(() => null);
    if (answer?.status === 401 && !this.#isOpen) this.#signedOut();
  }

  #signedOut() {
    this.#isOver = true;
    this.#counts = this.#calls = null;
    clearTimeout(this.#retry);
    clearTimeout(this.#offlineTimer);
    this.#offlineTimer = 0;
    this.#tellAll({ signedOut: true });
  }

  #disconnect() {
    clearTimeout(this.#retry);
    clearTimeout(this.#offlineTimer);
    this.#offlineTimer = 0;
    this.#isOpen = false;
    this.#counts = this.#calls = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}

function keyOf({ view, language, number }) {
  return view === undefined ? `number ${number}` : `view ${language} ${view}`;
}
