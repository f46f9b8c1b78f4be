// The status page, fresh every few seconds; the page itself is what is fetched.
import { notice, text } from "./api.js";
import { localTimes } from "./times.js";

const EVERY_MS = 5000;

async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-status]");
      if (!fresh) throw new TypeError("not the status page");
      localTimes(page);
      document.querySelector("[data-status]").replaceWith(document.adoptNode(fresh));
      document.title = page.title;
      notice("");
    } catch {
      notice(text("script.offline"));
    }
  }
  setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
