// Icons of the sprite, as the templates write them.

const SPRITE = new URL("../vendor/icons.svg", import.meta.url).pathname;
const SVG = "http://www.w3.org/2000/svg";

/** An icon; one that stands without words needs a label. Write its name out: the sprite looks. */
export function icon(name, label = "") {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("class", "icon");
  if (label) {
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", label);
  } else {
    drawn.setAttribute("aria-hidden", "true");
  }
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  drawn.append(use);
  return drawn;
}

/** Draw another icon in the place of one. */
export function redraw(drawn, name) {
  const address = `${SPRITE}#${name}`;
  const use = drawn.firstElementChild;
  if (use.getAttribute("href") !== address) use.setAttribute("href", address);
}
