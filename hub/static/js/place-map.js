// `<place-map data-latitude data-longitude>`: where something is, on a map without tiles: the point,
// a grid of the Earth, a scale. Nothing is asked of anybody: who looked where is nobody's business.
import { tell } from "./api.js";
import { icon } from "./icons.js";
import { toast } from "./toasts.js";
import { format } from "./words.js";

const said = JSON.parse(document.getElementById("media-words")?.dataset.words ?? "{}");

/** A block of houses, as Leaflet counts. */
const ZOOM = 15;
/** Pixels at the edges where a number would lie on another one, or on the scale. */
const ROOM = { top: 24, side: 24, foot: 34 };
/** About so many lines of the grid in the shorter direction. */
const LINES = 4;

const asset = (path) => new URL(`../${path}`, import.meta.url).href;

let library = null;

/** Leaflet, fetched when the first map comes into sight. */
async function leaflet() {
  library ??= import("../vendor/leaflet/leaflet.js").then(() => globalThis.L.noConflict());
  return library;
}

const inSight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    inSight.unobserve(target);
    target.draw().catch(tell);
  }
});

class PlaceMap extends HTMLElement {
  #map = null;

  connectedCallback() {
    if (!this.#map && this.#point) inSight.observe(this);
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    inSight.unobserve(this);
    this.#map?.remove();
    this.#map = null;
  }

  /** Latitude and longitude; null where they are no place. */
  get #point() {
    const point = [Number(this.dataset.latitude), Number(this.dataset.longitude)];
    const [latitude, longitude] = point;
    const known = this.dataset.latitude && this.dataset.longitude;
    return known && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? point : null;
  }

  /** Draw it. The map stands in a tree of its own: what the server sent of the page stays as it is. */
  async draw() {
    const L = await leaflet();
    if (!this.isConnected || this.#map) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const place = document.createElement("div");
    place.className = "map";
    const foot = document.createElement("div");
    foot.className = "foot";
    foot.append(document.createElement("slot"), this.#copyButton());
    const sheets = ["vendor/leaflet/leaflet.css", "css/map.css"].map(sheet);
    root.replaceChildren(...sheets.map(({ link }) => link), place, foot);
    await Promise.all(sheets.map(({ loaded }) => loaded));
    if (this.isConnected && !this.#map) this.#map = this.#drawn(L, place);
  }

  #drawn(L, place) {
    const point = this.#point;
    const map = L.map(place, {
      center: point,
      zoom: ZOOM,
      minZoom: 3,
      maxZoom: 18,
      attributionControl: false,
      zoomControl: false,
      // Whoever scrolls the thread does not mean the map.
      scrollWheelZoom: false,
      zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      worldCopyJump: true,
    });
    place.setAttribute("role", "application");
    place.setAttribute("aria-label", format(said.map, { place: this.#written }));
    L.control.zoom({ position: "bottomright", zoomInTitle: said.closer, zoomOutTitle: said.farther }).addTo(map);
    new (scaleOf(L))({ imperial: false, maxWidth: 120 }).addTo(map);
    const grid = L.layerGroup().addTo(map);
    const redraw = () => drawGrid(L, map, grid);
    map.on("moveend zoomend resize", redraw);
    redraw();
    L.circleMarker(point, { radius: 14, className: "around", interactive: false }).addTo(map);
    L.circleMarker(point, { radius: 5, className: "point", interactive: false }).addTo(map);
    return map;
  }

  get #written() {
    return this.#point.map((degrees) => degrees.toFixed(5)).join(", ");
  }

  #copyButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.title = said.copy;
    button.append(icon("copy", said.copy));
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.#written);
        toast(said.copied);
      } catch (error) {
        tell(error);
      }
    });
    return button;
  }
}

function sheet(path) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = asset(path);
  const loaded = new Promise((resolve) => {
    link.addEventListener("load", resolve, { once: true });
    link.addEventListener("error", resolve, { once: true });
  });
  return { link, loaded };
}

/** Leaflet's scale, which speaks the language of the page. */
function scaleOf(L) {
  return L.Control.Scale.extend({
    _updateMetric(most) {
      const metres = this._getRoundNum(most);
      const label = metres < 1000 ? `${metres} ${said.metres}` : `${metres / 1000} ${said.kilometres}`;
      this._updateScale(this._mScale, label, metres / most);
    },
  });
}

/** Meridians and parallels at round degrees, each with its number at the edge. */
function drawGrid(L, map, grid) {
  grid.clearLayers();
  const seen = map.getBounds();
  const step = roundStep(Math.min(seen.getNorth() - seen.getSouth(), seen.getEast() - seen.getWest()) / LINES);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const line = (ends) => L.polyline(ends, { className: "grid", interactive: false }).addTo(grid);
  const number = (at, degrees, className) =>
    L.marker(at, {
      icon: L.divIcon({ className: `degrees ${className}`, html: inDegrees(degrees, digits), iconSize: null }),
      interactive: false,
      keyboard: false,
    }).addTo(grid);
  const { y: height } = map.getSize();
  for (const latitude of steps(seen.getSouth(), seen.getNorth(), step)) {
    const west = [latitude, seen.getWest()];
    line([west, [latitude, seen.getEast()]]);
    const { y } = map.latLngToContainerPoint(west);
    if (y > ROOM.top && y < height - ROOM.foot) number(west, latitude, "parallel");
  }
  for (const longitude of steps(seen.getWest(), seen.getEast(), step)) {
    const north = [seen.getNorth(), longitude];
    line([[seen.getSouth(), longitude], north]);
    if (map.latLngToContainerPoint(north).x > ROOM.side) number(north, longitude, "meridian");
  }
}

function inDegrees(degrees, digits) {
  const written = document.createElement("span");
  written.textContent = `${degrees.toFixed(digits)}°`;
  return written;
}

/** The smallest of 1, 2, 5, 10, 20, 50… thousandths of a degree and more that is not below. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least - 1e-12);
}

function* steps(from, to, step) {
  for (let at = Math.ceil(from / step); at * step <= to; at += 1) yield at * step;
}

customElements.define("place-map", PlaceMap);
