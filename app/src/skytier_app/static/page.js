// What every page has: times, theme, signing out, the list, and plain forms.
import { patiently, request, text } from "./api.js";
import { sendOnSubmit } from "./forms.js";
import { endless } from "./list.js";
import { localTimes } from "./times.js";

const THEMES = ["auto", "light", "dark"];

function setUpTheme(button) {
  const root = document.documentElement;
  const show = () => {
    button.title = text(`script.theme_${root.dataset.theme ?? "auto"}`);
  };
  button.hidden = false;
  show();
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
}

function setUpSignOut(button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await patiently(() => request("DELETE", "/api/sessions"));
    location.assign("/");
  });
}

/** Only an address of this site: the parameter comes from outside. */
function wayOn() {
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  const address = new URL(next, location.origin);
  return address.origin === location.origin ? address.href : "/";
}

const THEN = {
  next: () => location.assign(wayOn()),
  async "sign-in"(_, { username, password }) {
    await patiently(() => request("POST", "/api/sessions", { username, password }));
    location.assign(wayOn());
  },
};

localTimes(document);
endless();
for (const button of document.querySelectorAll("[data-action=theme]")) setUpTheme(button);
for (const button of document.querySelectorAll("[data-action=sign-out]")) setUpSignOut(button);
for (const form of document.querySelectorAll("form[data-then]")) {
  const then = THEN[form.dataset.then];
  if (then) sendOnSubmit(form, then);
}
