// Removes reloads and doubled clicks; all works without it.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  byId("erreurs")?.focus();

  // One sending per click; the page cached by "back" gets its buttons again.
  document.addEventListener("submit", (event) => {
    if (event.target.querySelector("[aria-disabled]")) return event.preventDefault();
    for (const one of event.target.querySelectorAll("button")) one.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", () => {
    for (const one of document.querySelectorAll("[aria-disabled]")) one.removeAttribute("aria-disabled");
  });

  // Live: what a reload would show, announced once, focus kept. Only while visible: six connections serve all tabs.
  const live = document.querySelector("[data-flux]");
  if (live) {
    let source, timer, pause = 5, last = live.dataset.apres;
    const show = (event) => {
      last = event.lastEventId || last;
      const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
      const before = live.querySelectorAll(".timeline>li").length;
      const fresh = document.createElement("template");
      fresh.innerHTML = event.data;
      for (const part of fresh.content.querySelectorAll("[data-live]")) byId(part.id).replaceWith(part);
      live.querySelectorAll(".timeline>li").forEach((line, n) => n >= before && line.classList.add("fresh"));
      if (focused) (byId(focused) || byId("contenu")).focus();
      byId("annonce").textContent = byId("etat").dataset.say;
    };
    const follow = () => {
      clearTimeout(timer);
      source?.close();
      if (document.hidden) return;
      source = new EventSource(live.dataset.flux + "?" + new URLSearchParams({ vu: byId("etat").dataset.vu, apres: last }));
      source.addEventListener("suivi", show);
      source.onopen = () => (pause = 5);
      source.onerror = () => {
        if (source.readyState < 2) return;
        timer = setTimeout(follow, pause * 1000);
        pause = Math.min(pause * 2, 30);
      };
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    addEventListener("pagehide", () => source?.close());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  // Suggestions, only for what can be a place's name or code: never a street, never a person.
  const place = byId("commune");
  const list = byId("communes");
  if (place && list) {
    let wait;
    place.addEventListener("input", () => {
      clearTimeout(wait);
      const text = place.value.trim();
      if (!/^(?:[\p{L} '’-]{2,45}|[0-9][0-9AB]?[0-9]{0,3})$/u.test(text)) return;
      wait = setTimeout(async () => {
        try {
          const answer = await fetch("/communes?q=" + encodeURIComponent(text));
          if (!answer.ok) return;
          list.replaceChildren(...(await answer.json()).map((label) => new Option(label, label)));
        } catch {
          // The form does it.
        }
      }, 150);
    });
  }
})();
