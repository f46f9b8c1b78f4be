// Writing a post: drafts, preview, an ended session, and somebody else's change.
import { Problem, patiently, request, text } from "./api.js";
import { sendOnSubmit, showProblem, values } from "./forms.js";

const form = document.querySelector("[data-editor]");
const dialog = document.querySelector("[data-sign-in]");
const conflict = form.querySelector("[data-conflict]");
const preview = form.querySelector("[data-preview]");
// Somebody else may sign in on this machine: a draft belongs to one user.
const key = `draft:${form.dataset.user}:${form.dataset.draft}`;
let tag = form.dataset.tag;

// The draft is kept with each letter, and goes when the post is saved.
const stored = localStorage.getItem(key);
if (stored) {
  const draft = JSON.parse(stored);
  const original = values(form);
  if (draft.title !== original.title || draft.content !== original.content) {
    const restored = form.querySelector("[data-restored]");
    form.elements.title.value = draft.title;
    form.elements.content.value = draft.content;
    restored.hidden = false;
    restored.querySelector("[data-discard]").addEventListener("click", () => {
      localStorage.removeItem(key);
      form.elements.title.value = original.title;
      form.elements.content.value = original.content;
      restored.hidden = true;
    });
  }
}
form.addEventListener("input", () => localStorage.setItem(key, JSON.stringify(values(form))));

/** Asks to sign in when the session has ended, then does the same again. */
async function signedIn(run) {
  for (;;) {
    try {
      return await patiently(run);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      const again = new Promise((resolve) => {
        dialog.addEventListener("close", () => resolve(dialog.returnValue === "done"), {
          once: true,
        });
      });
      dialog.returnValue = "";
      dialog.showModal();
      if (!(await again)) throw problem;
    }
  }
}

sendOnSubmit(dialog.querySelector("form"), () => dialog.close("done"));

async function save() {
  const headers = tag ? { "If-Match": tag } : {};
  const { endpoint, method } = form.dataset;
  const { body } = await signedIn(() => request(method, endpoint, values(form), headers));
  localStorage.removeItem(key);
  location.assign(`/posts/${body.id}`);
}

async function showTheirs() {
  const { body, headers } = await patiently(() => request("GET", form.dataset.endpoint));
  conflict.querySelector("[data-theirs-title]").textContent = body.title;
  conflict.querySelector("[data-theirs-content]").textContent = body.content;
  conflict.hidden = false;
  conflict.scrollIntoView({ block: "nearest" });
  return headers.get("ETag");
}

async function attempt(run) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    await run();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 412) {
      const theirs = await showTheirs();
      // Saving over it is for what was shown, not for a change that came still later.
      conflict.querySelector("[data-overwrite]").onclick = () => {
        tag = theirs;
        conflict.hidden = true;
        attempt(save);
      };
    } else {
      showProblem(form, problem);
    }
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(save);
});

form.querySelector("[data-delete]")?.addEventListener("click", () => {
  if (!confirm(text("write.delete_confirm"))) return;
  attempt(async () => {
    const headers = tag ? { "If-Match": tag } : {};
    await signedIn(() => request("DELETE", form.dataset.endpoint, undefined, headers));
    localStorage.removeItem(key);
    location.assign("/");
  });
});

const toggle = form.querySelector("[data-toggle-preview]");
toggle.addEventListener("click", () =>
  attempt(async () => {
    const show = preview.hidden;
    if (show) {
      const { content } = values(form);
      const answer = await signedIn(() => request("POST", "/api/preview", { content }));
      preview.innerHTML = answer.body.html; // cleaned by the server, as the post will be
    }
    preview.hidden = !show;
    form.querySelector("[data-writing]").hidden = show;
    toggle.setAttribute("aria-pressed", String(show));
    toggle.textContent = text(show ? "write.edit" : "write.preview");
  }),
);
