// Forms whose fields are sent to the API as JSON: data-endpoint, data-method.
import { Problem, patiently, request } from "./api.js";

function errorPlace(form, name) {
  const field = form.elements.namedItem(name);
  return field && form.querySelector(`#${CSS.escape(name)}-error`);
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

export function values(form) {
  return Object.fromEntries(new FormData(form));
}

/** Send a form when it is submitted, and call `done` with the answer. */
export function sendOnSubmit(form, done) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      const { endpoint, method } = form.dataset;
      const answer = await patiently(() => request(method, endpoint, values(form)));
      clearErrors(form);
      await done(answer, values(form));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      showProblem(form, problem);
    } finally {
      button.disabled = false;
    }
  });
}
