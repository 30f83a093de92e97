// Fetches the changing part of a page anew and puts it in place, unless somebody is reading or typing in it.
"use strict";
const main = document.querySelector("main[data-live]");
if (main) {
  const every = Number(main.dataset.live);
  const busy = () => {
    const at = document.activeElement;
    return document.hidden || main.querySelector("details[open]") || (at && at !== main && main.contains(at));
  };
  const renew = async () => {
    if (!busy()) {
      try {
        const url = new URL(location.href);
        url.searchParams.set("part", "1");
        const answer = await fetch(url, { credentials: "same-origin" });
        if (answer.redirected) location.reload();
        const text = await answer.text();
        if (!busy()) main.innerHTML = text;
        main.classList.remove("stale");
      } catch {
        main.classList.add("stale"); // the pages' process is away: what stands here is old
      }
    }
    setTimeout(renew, every);
  };
  setTimeout(renew, every);
}
