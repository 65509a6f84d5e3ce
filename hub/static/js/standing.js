// Whether the page is connected, still signed in, and may still show what it shows.
import { sayGoodbye } from "./api.js";
import { toast } from "./toasts.js";
import { words } from "./words.js";

/** Listen. */
export function listen() {
  const banner = document.getElementById("offline");
  const show = (offline) => {
    if (banner) banner.hidden = !offline;
    document.documentElement.toggleAttribute("data-offline", offline);
  };
  document.addEventListener("tereze:offline", () => show(true));
  document.addEventListener("tereze:online", () => show(false));
  document.addEventListener("tereze:signed-out", sayGoodbye);
  document.addEventListener("tereze:vanished", ({ detail: { number } }) => {
    toast(`${number}: ${words.live.vanished}`, { kind: "bad" });
  });
}
