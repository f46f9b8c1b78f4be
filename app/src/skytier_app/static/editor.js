// Writing a post: drafts, preview, and somebody else's change.
import { Problem, newKey, patiently, request, text } from "./api.js";
import { attempt, onSubmit, values } from "./forms.js";
import { signedIn } from "./session.js";

const form = document.querySelector("[data-editor]");
const conflict = form.querySelector("[data-conflict]");
const preview = form.querySelector("[data-preview]");
// Somebody else may sign in on this machine: a draft belongs to one user.
const key = `draft:${form.dataset.user}:${form.dataset.draft}`;
let tag = form.dataset.tag;
// Goes with the draft: a new post that was sent and not answered is made once, even if the page was
// closed in between.
let once = newKey();

// The draft is kept with each letter, and goes when the post is saved. With it goes the tag of
// what it was written on, so that a change made meanwhile is not written over unseen.
const stored = localStorage.getItem(key);
if (stored) {
  const draft = JSON.parse(stored);
  const { title, content } = form.elements;
  if (draft.title !== title.defaultValue || draft.content !== content.defaultValue) {
    const restored = form.querySelector("[data-restored]");
    title.value = draft.title;
    content.value = draft.content;
    tag = draft.tag;
    once = draft.once ?? once;
    restored.hidden = false;
    restored.querySelector("[data-discard]").addEventListener("click", () => {
      localStorage.removeItem(key);
      title.value = title.defaultValue;
      content.value = content.defaultValue;
      tag = form.dataset.tag;
      once = newKey();
      restored.hidden = true;
    });
  }
}
form.addEventListener("input", () => {
  once = newKey();
  localStorage.setItem(key, JSON.stringify({ ...values(form), tag, once }));
});

/** Sends a change; the Problem is 412 when the post is not the one that is being edited. */
function change(method, body) {
  const headers = tag ? { "If-Match": tag } : {};
  if (method === "POST") headers["Idempotency-Key"] = once;
  return signedIn(() => request(method, form.dataset.endpoint, body, headers));
}

async function save() {
  const { body } = await change(form.dataset.method, values(form));
  localStorage.removeItem(key);
  location.assign(`/posts/${body.id}`);
}

async function remove() {
  await change("DELETE");
  localStorage.removeItem(key);
  location.assign("/");
}

async function showTheirs() {
  const { body, headers } = await patiently(() => request("GET", form.dataset.endpoint));
  conflict.querySelector("[data-theirs-title]").textContent = body.title;
  conflict.querySelector("[data-theirs-content]").textContent = body.content;
  conflict.hidden = false;
  conflict.scrollIntoView({ block: "nearest" });
  return headers.get("ETag");
}

/** Runs a change of the post; when somebody else has changed it before, shows that. */
async function unlessChanged(run) {
  try {
    await run();
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 412) throw problem;
    const theirs = await showTheirs();
    // Saving over it is for what was shown, not for a change that came still later.
    conflict.querySelector("[data-overwrite]").onclick = () => {
      tag = theirs;
      conflict.hidden = true;
      form.requestSubmit();
    };
  }
}

onSubmit(form, () => unlessChanged(save));

form.querySelector("[data-delete]")?.addEventListener("click", () => {
  if (!confirm(text("write.delete_confirm"))) return;
  attempt(form, () => unlessChanged(remove));
});

const toggle = form.querySelector("[data-toggle-preview]");
toggle.addEventListener("click", () =>
  attempt(form, async () => {
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
