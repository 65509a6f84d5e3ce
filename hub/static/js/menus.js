// Menus behind buttons, and parts of the page that a button shows and hides.
// Source: https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/

const ITEMS = '[role^="menuitem"]:not(:disabled)';

let open = null;

/** Close the menu that is open, if any; `focus` gives its button the focus again. */
export function closeMenu({ focus = false } = {}) {
  if (!open) return false;
  const { button, menu } = open;
  open = null;
  menu.hidden = true;
  button.setAttribute("aria-expanded", "false");
  if (focus) button.focus();
  return true;
}

function openMenu(button, { last = false } = {}) {
  closeMenu();
  const menu = document.getElementById(`menu-${button.dataset.menu}`);
  if (!menu) return;
  open = { button, menu };
  menu.hidden = false;
  button.setAttribute("aria-expanded", "true");
  const all = items();
  for (const item of all) item.tabIndex = -1;
  all.at(last ? -1 : 0)?.focus();
}

const items = () => [...open.menu.querySelectorAll(ITEMS)].filter((item) => item.checkVisibility());

function clicked(event) {
  const button = event.target.closest("[data-menu]");
  if (button) {
    if (open?.button === button) closeMenu({ focus: true });
    else openMenu(button);
    return;
  }
  if (!open) return;
  const inside = open.menu.contains(event.target);
  // What an item does may move the focus: it does so after the menu is gone.
  if (!inside || event.target.closest(ITEMS)) closeMenu({ focus: inside });
}

function pressed(event) {
  const button = event.target.closest?.("[data-menu]");
  if (button && !open && ["ArrowDown", "ArrowUp"].includes(event.key)) {
    event.preventDefault();
    openMenu(button, { last: event.key === "ArrowUp" });
    return;
  }
  if (!open || !(open.menu.contains(event.target) || event.target === open.button)) return;
  const all = items();
  const at = all.indexOf(document.activeElement);
  const to = {
    ArrowDown: (at + 1) % all.length,
    ArrowUp: (at - 1 + all.length) % all.length,
    Home: 0,
    End: all.length - 1,
  }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    all[to]?.focus();
  } else if (event.key === "Escape") {
    event.preventDefault();
    closeMenu({ focus: true });
  } else if (event.key === "Tab") {
    closeMenu();
  } else if (event.key.length === 1 && /\p{L}/u.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    const typed = event.key.toLowerCase();
    const after = [...all.slice(at + 1), ...all.slice(0, at + 1)];
    after.find((item) => item.textContent.trim().toLowerCase().startsWith(typed))?.focus();
  }
}

function toggled(event) {
  const button = event.target.closest("[data-toggle]");
  if (!button) return;
  const part = document.getElementById(button.dataset.toggle);
  if (!part) return;
  // The panel stands beside the thread, or slides over it where the window is narrow.
  const shows = part.id === "panel" ? !part.checkVisibility() : part.hidden;
  part.hidden = !shows;
  part.toggleAttribute("data-open", shows);
  for (const each of document.querySelectorAll(`[data-toggle="${part.id}"]`)) {
    each.setAttribute("aria-expanded", String(shows));
  }
}

/** Listen. Before the keys of commands: Escape closes a menu, and does nothing else then. */
export function listen() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", clicked);
  document.addEventListener("click", toggled);
}
