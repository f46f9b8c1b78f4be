// The colours of the charts. A canvas needs them resolved: a custom property may hold light-dark().

export const LINES = 6;
const NAMES = ["text", "line", "mark", ...Array.from({ length: LINES }, (_, n) => `${n}`)];
// The second six lines have the colours of the first again; dashes tell all of them apart.
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [14, 5], [4, 4]];

export const dash = (index) => DASHES[(index + Math.floor(index / LINES)) % DASHES.length];

export let ink = resolved();

function resolved() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const found = {};
  for (const name of NAMES) {
    probe.className = `ink-${name}`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** Calls back whenever the colours have changed: by the button, or with the system. */
export function onThemeChange(repaint) {
  const change = () => {
    ink = resolved();
    repaint();
  };
  document.addEventListener("themechange", change);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", change);
}

const THEMES = ["auto", "light", "dark"];

/** The button that goes from the system's theme to light to dark. */
export function themeButton(button) {
  const root = document.documentElement;
  const show = () => {
    button.title = { auto: "As the system", light: "Light", dark: "Dark" }[root.dataset.theme ?? "auto"];
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
    if (next === "auto") {
      delete root.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      root.dataset.theme = next;
      localStorage.setItem("theme", next);
    }
    document.dispatchEvent(new Event("themechange"));
    show();
  });
  show();
}
