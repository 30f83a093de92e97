// Renews the parts of a page that stands open; leaves alone the part that somebody reads, has opened or types in.
"use strict";
const main = document.querySelector("main[data-live]");
if (main) {
  const live = document.getElementById("live");
  const trouble = document.getElementById("trouble");
  const clock = () => new Date().toLocaleTimeString([], { hour12: false });
  const shown = new Map(); // element to the text that it was made from
  let last = clock();

  const isRead = (part) => {
    const at = document.activeElement;
    const chosen = getSelection();
    return (
      part.contains(at) ||
      part.matches("[data-touched]") ||
      part.querySelector("details[open], [data-touched]") ||
      (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode))
    );
  };

  const replace = (old, fresh) => {
    if (shown.get(old) === fresh.outerHTML) return old.classList.remove("held");
    if (isRead(old)) return old.classList.add("held");
    const places = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    shown.set(fresh, fresh.outerHTML);
    shown.delete(old);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((box, n) => (box.scrollLeft = places[n] || 0));
  };

  const put = (place, fresh) => {
    const [olds, news] = [[...place.children], [...fresh.children]];
    if (olds.length === news.length && olds.every((old, n) => old.id === news[n].id && old.tagName === news[n].tagName)) {
      olds.forEach((old, n) => ("parts" in old.dataset ? put(old, news[n]) : replace(old, news[n])));
    } else if (!olds.some(isRead)) {
      place.replaceChildren(...news);
    }
  };

  const say = (problem) => {
    const text = problem ? `${problem} What stands here is of ${last}; it comes back by itself.` : "";
    if (trouble.textContent !== text) trouble.textContent = text;
    trouble.hidden = !text;
    main.classList.toggle("stale", Boolean(text));
    live.hidden = false;
    live.textContent = text ? `not live since ${last}` : `live, ${last}`;
  };

  main.addEventListener("input", (event) => event.target.closest("form").setAttribute("data-touched", ""));

  const renew = async () => {
    const url = new URL(location.href);
    url.searchParams.set("part", "1");
    let answer, text;
    try {
      answer = await fetch(url, { credentials: "same-origin", redirect: "follow" });
      text = await answer.text();
    } catch {
      return say("The pages' server does not answer.");
    }
    if (answer.redirected) return location.reload(); // signed out
    const fresh = new DOMParser().parseFromString(text, "text/html").body;
    if (answer.status >= 500) {
      const why = fresh.querySelector("[role=alert]");
      return "away" in main.dataset ? undefined : say(`${why ? why.textContent : "The pages' server is in trouble"}. Messages are processed all the same.`);
    }
    if ("away" in main.dataset) return location.reload();
    put(main, fresh);
    last = clock();
    say("");
  };

  const keepOn = async () => {
    try {
      if (!document.hidden) await renew();
    } finally {
      setTimeout(keepOn, Number(main.dataset.live));
    }
  };
  setTimeout(keepOn, Number(main.dataset.live));
}
