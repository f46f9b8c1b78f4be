// The endless list: the next page is fetched when its link comes near, and its posts are added.
import { localTimes } from "./times.js";
import { notice, text } from "./api.js";

async function extend(list, link) {
  notice(text("script.loading"));
  let page;
  try {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new TypeError(answer.statusText);
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    notice(text("script.offline")); // the link stays, and may be followed by hand
    return null;
  }
  const added = page.querySelectorAll("[data-list] > article");
  for (const article of added) list.append(document.adoptNode(article));
  localTimes(list);
  notice("");
  const next = page.querySelector("[data-more]");
  if (next) {
    link.href = next.getAttribute("href");
    return link;
  }
  link.parentElement.textContent = text("script.end");
  return null;
}

export function endless() {
  const list = document.querySelector("[data-list]");
  const link = document.querySelector("[data-more]");
  if (!list || !link) return;
  let busy = false;
  const observer = new IntersectionObserver(
    async (entries) => {
      if (busy || !entries.some((entry) => entry.isIntersecting)) return;
      busy = true;
      observer.unobserve(link);
      // Observed anew, a link that is still near is told of at once.
      if (await extend(list, link)) observer.observe(link);
      busy = false;
    },
    { rootMargin: "600px" },
  );
  observer.observe(link);
}
