// A list under a box that one types in: the keyboard moves through it while the focus stays.
// Source: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

/**
 * Let `input` steer the options of `list`. `choose(option, event)` is called with the one chosen.
 * Returns `{first, active, move}`: which option Enter chooses, and how to make it another one.
 */
export function steer(input, list, choose) {
  let active = null;

  function options() {
    return [...list.querySelectorAll('[role="option"]:not([aria-disabled="true"])')];
  }

  function move(option) {
    active?.setAttribute("aria-selected", "false");
    active = option ?? null;
    if (!active) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    active.id ||= `option-${(counted += 1)}`;
    active.setAttribute("aria-selected", "true");
    active.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", active.id);
  }

  function step(by) {
    const all = options();
    if (!all.length) return;
    const at = all.indexOf(active);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
    move(all[Math.max(0, Math.min(all.length - 1, next))]);
  }

  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key in steps) {
      event.preventDefault();
      step(steps[event.key]);
    } else if (event.key === "Enter" && active?.isConnected) {
      event.preventDefault();
      choose(active, event);
    }
  });
  // The focus stays in the box: only so does the keyboard go on.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (!option || option.getAttribute("aria-disabled") === "true") return;
    move(option);
    choose(option, event);
  });

  return { first: () => move(options()[0]), active: () => active, move };
}

let counted = 0;

/** The text as it is compared: case, accents and ё do not count. */
export function folded(text) {
  return text.normalize("NFD").replace(/[\u0300-\u0305\u0307-\u036f]/g, "").toLowerCase();
}

/** Whether every word that was typed begins a word of the text. */
export function matches(text, typed) {
  const there = folded(text);
  return folded(typed)
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => new RegExp(`(^|[^\\p{L}\\p{M}\\p{N}])${escaped(word)}`, "u").test(there));
}

function escaped(word) {
  return word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
