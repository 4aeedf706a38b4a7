"use strict";
// Tells the reader when a new model has taken over. Everything else on the page works without this.
(() => {
  const seen = Number(document.body.dataset.promotion);
  const note = document.getElementById("takeover");
  const stream = new EventSource(`/v1/events?since=${seen}`);

  stream.addEventListener("model.promoted", (event) => {
    const model = JSON.parse(event.data);
    if (seen === 0 && location.pathname === "/" && !document.querySelector("form")) {
      location.reload(); // the first model is here
      return;
    }
    if (model.promotion_seq === seen) return;
    note.textContent = `Version ${model.version} has just taken over. Your next prediction comes from it.`;
    note.hidden = false;
  });
  addEventListener("pagehide", () => stream.close());
})();
