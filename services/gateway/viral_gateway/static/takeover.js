// Tells the reader when a new model has taken over, on every page, however often the connection breaks.
const AGAIN_MS = 5000;
const note = document.getElementById("takeover");
const seen = () => Number((document.getElementById("badge") ?? document.body).dataset.promotion);
let stream;

function listen() {
  stream = new EventSource(`/v1/events?since=${seen()}`);
  stream.addEventListener("model.promoted", ({ data }) => {
    const model = JSON.parse(data);
    if (model.promotion_seq === seen()) return;
    note.textContent = `Version ${model.version} has just taken over. Your next prediction comes from it.`;
    note.hidden = false;
    dispatchEvent(new CustomEvent("takeover"));
  });
  // A browser reconnects by itself, but not after a reply that is no stream.
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  });
}

addEventListener("pagehide", () => stream.close());
addEventListener("pageshow", ({ persisted }) => persisted && listen());
listen();
