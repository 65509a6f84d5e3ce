// What the operator chose for their screen; it follows them to any machine.
import { api, tell } from "./api.js";
import { reload } from "./navigation.js";

/** Keep some of the preferences; the others stay. Throws: Problem. */
export async function prefer(preferences) {
  await api("PATCH", "me", { preferences });
}

/** Light, dark, or as the system has it. */
export async function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  showTheme();
  try {
    await prefer({ theme });
  } catch (error) {
    tell(error);
  }
}

/** Speak another language from now on; what is being written stays where it is. */
export async function setLanguage(language) {
  try {
    await prefer({ language });
  } catch (error) {
    tell(error);
    return;
  }
  reload();
}

/** Mark the theme in its menu. */
export function showTheme() {
  const { theme } = document.documentElement.dataset;
  for (const item of document.querySelectorAll('[data-command="theme"]')) {
    item.setAttribute("aria-checked", String(item.dataset.value === theme));
  }
}
