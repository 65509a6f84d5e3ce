"""A hub with a telephone: citizens ring, browsers are telephones, nothing is sent anywhere.

The provider is the tests' exchange. In a browser its SDK is replaced by one with the documented
events, which the test lets ring; what it was asked is in `window.sdk`.
"""

from dataclasses import dataclass, replace

from playwright.async_api import BrowserContext, Page, Route

from registry.current_office import Office
from registry.intake import accept
from registry.office_calendar import DAY_MINUTES, Hours
from tests.browser.desk import Desk
from tests.registry.calls.exchange import Exchange, Side
from tests.registry.calls.lines import ringing
from tests.registry.samples import RULES

CALLER = "+77011234567"
SDK = "**/vendor/twilio-voice.js"

FAKE_SDK = """
class Emitter {
  #heard = new Map();
  on(name, run) { this.#heard.set(name, [...(this.#heard.get(name) ?? []), run]); return this; }
  emit(name, ...given) { for (const run of this.#heard.get(name) ?? []) run(...given); }
}
class Call extends Emitter {
  #muted = false;
  constructor(parameters) { super(); this.parameters = parameters; }
  accept() { sdk.did.push("accept"); this.emit("accept", this); }
  reject() { sdk.did.push("reject"); this.emit("reject"); }
  disconnect() { sdk.did.push("disconnect"); this.emit("disconnect", this); }
  mute(muted) {
    this.#muted = muted;
    sdk.did.push(muted ? "mute" : "unmute");
    this.emit("mute", muted, this);
  }
  isMuted() { return this.#muted; }
  sendDigits(digits) { sdk.did.push(`digits ${digits}`); }
}
class Device extends Emitter {
  state = "unregistered";
  constructor(token, options) {
    super();
    Object.assign(sdk, { token, options, device: this });
  }
  async register() {
    if (sdk.fails === "never") return new Promise(() => {});
    if (sdk.fails) throw new Error(sdk.fails);
    this.state = "registered";
    this.emit("registered");
  }
  updateToken(token) { sdk.token = token; sdk.did.push("updateToken"); }
  destroy() { this.state = "destroyed"; sdk.did.push("destroy"); }
}
globalThis.sdk = { did: [], loaded: true, fails: globalThis.sdkFails ?? "",
  ring() { sdk.call = new Call({}); sdk.device.emit("incoming", sdk.call); } };
globalThis.Twilio = { Device, Call };
"""


@dataclass(frozen=True)
class Telephone:
    """The desk of somebody with a telephone, and the exchange behind it."""

    desk: Desk
    exchange: Exchange

    @property
    def page(self) -> Page:
        """Theirs."""
        return self.desk.page

    async def rings(self, number: str = CALLER, *, language: str = "2") -> Side:
        """A citizen waits on the line, whose call is an appeal."""
        exchange = self.exchange
        exchange.now = self.desk.served.hub.clock()
        side = await exchange.rings(number)
        message = ringing(number, external_id=side.sid, at=exchange.now)
        await self.desk.served.hub.database.run(accept([message], rules=RULES, now=exchange.now))
        while not side.in_queue:
            await exchange.presses(side, language if side.step == "language" else "")
        await self.carry()
        return side

    async def carry(self) -> None:
        """Do what is ordered."""
        self.exchange.now = self.desk.served.hub.clock()
        await self.exchange.carry()

    async def ring_browser(self) -> None:
        """The provider lets the browser ring."""
        await self.page.evaluate("sdk.ring()")

    async def answered(self) -> None:
        """The provider tells that the operator picked up."""
        self.exchange.now = self.desk.served.hub.clock()
        await self.exchange.answers(self.desk.operator_id)

    async def did(self) -> list[str]:
        """What the SDK was asked to do."""
        done: list[str] = await self.page.evaluate("sdk.did")
        return done


def never_closed(office: Office) -> Office:
    """The office, but that whoever tests it at night is answered too."""
    always = (Hours(0, DAY_MINUTES),) * 7
    return replace(office, calendar=replace(office.calendar, hours=always))


async def replace_sdk(context: BrowserContext) -> None:
    """Serve the stand-in in the place of the provider's code, and let it use the microphone."""

    async def answer(route: Route) -> None:
        await route.fulfill(body=FAKE_SDK, content_type="text/javascript")

    await context.route(SDK, answer)
    await context.grant_permissions(["microphone"])
