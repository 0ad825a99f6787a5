// Removes reloads and doubled clicks; every page and form works without it.
(() => {
  "use strict";
  const summary = document.getElementById("erreurs");
  if (summary) summary.focus();

  // One sending per click; the page cached by "back" gets its buttons again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
    }
  });

  // The live part of a referral: replaced by what a reload would show, announced once, focus kept.
  const live = document.querySelector("[data-flux]");
  if (live && window.EventSource) {
    const source = new EventSource(live.dataset.flux);
    source.addEventListener("suivi", (event) => {
      const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
      const lines = () => live.querySelectorAll(".timeline > li");
      const before = lines().length;
      const fresh = document.createElement("template");
      fresh.innerHTML = event.data;
      for (const part of fresh.content.querySelectorAll("[data-live]")) document.getElementById(part.id).replaceWith(part);
      lines().forEach((line, n) => n >= before && line.classList.add("fresh"));
      if (focused) (document.getElementById(focused) || document.getElementById("contenu")).focus();
      document.getElementById("annonce").textContent = document.getElementById("etat").dataset.say;
    });
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  // Suggestions for the place. Only what can be a place's name or code is asked for: never a street, never a person.
  const place = document.getElementById("commune");
  const list = document.getElementById("communes");
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
          // The form finds the place by itself.
        }
      }, 150);
    });
  }
})();
