// Forms whose fields are sent to the API as JSON: data-endpoint, data-method.
import { Problem, newKey, patiently, request } from "./api.js";

function errorPlace(form, name) {
  const field = form.elements.namedItem(name);
  return field && form.querySelector(`[data-error="${CSS.escape(name)}"]`);
}

function clearErrors(form) {
  for (const place of form.querySelectorAll(".error")) place.textContent = "";
  for (const field of form.elements) field.removeAttribute("aria-invalid");
}

/** Show a problem beside the fields that caused it, and the rest at the form's end. */
export function showProblem(form, problem) {
  clearErrors(form);
  let first = null;
  for (const error of problem.errors) {
    const name = error.field.replace(/^body\./, "");
    const place = errorPlace(form, name);
    if (!place) continue;
    place.textContent = error.detail;
    const field = form.elements.namedItem(name);
    field.setAttribute("aria-invalid", "true");
    first ??= field;
  }
  if (first) first.focus();
  else form.querySelector("[data-form-error]").textContent = problem.message;
}

/** What is in a form's fields, by their names: a checkbox is true or false, data-number a number. */
export function values(form) {
  const found = Object.fromEntries(new FormData(form));
  for (const field of form.elements) {
    if (field.type === "checkbox") found[field.name] = field.checked;
    else if ("number" in field.dataset) found[field.name] = Number(field.value);
  }
  return found;
}

/**
 * Runs something for a form and shows its Problem. Until it has ended no button of the form works;
 * the focus, which a button loses by that, returns.
 */
export async function attempt(form, run) {
  const focused = document.activeElement;
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    await run();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showProblem(form, problem);
  } finally {
    for (const button of buttons) button.disabled = false;
    if (document.activeElement === document.body) focused.focus();
  }
}

/** Attempt something whenever a form is submitted. */
export function onSubmit(form, run) {
  // Until now the button was off: the browser itself would have sent what was typed to a page.
  form.querySelector("[type=submit]").disabled = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(form, run);
  });
}

// What each form has sent, and not yet seen done: the same again is the same request.
const keys = new WeakMap();

function keyOf(form, body) {
  const content = JSON.stringify(body);
  if (keys.get(form)?.content !== content) keys.set(form, { content, key: newKey() });
  return keys.get(form).key;
}

/** Send a form to the API when it is submitted, by `send`, and call `done` with the answer. */
export function sendOnSubmit(form, done, send = patiently) {
  onSubmit(form, async () => {
    const { endpoint, method } = form.dataset;
    const body = values(form);
    const headers = method === "POST" ? { "Idempotency-Key": keyOf(form, body) } : {};
    const answer = await send(() => request(method, endpoint, body, headers));
    keys.delete(form);
    clearErrors(form);
    await done(answer, body);
  });
}
