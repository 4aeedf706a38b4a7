// The form without reloading the page. The server draws every answer; without this script it sends whole pages.
import { remember as rememberAccount } from "./account.js";
import { history } from "./history.js";
import { counter, showLength } from "./length.js";
import { drawPreview } from "./preview.js";
import { pageOf, swap } from "./swap.js";

const form = document.getElementById("ask");
const fields = form.elements;
const rules = JSON.parse(form.dataset.rules);
const lengthOf = counter(rules);
const remember = history((asked) => {
  fill(asked);
  fields.text.focus();
});

const typed = () => Object.fromEntries(new FormData(form));

function fill(asked) {
  for (const field of form.querySelectorAll("textarea, input:not([type=radio], [type=checkbox])")) field.value = asked[field.name] ?? "";
  fields.photos_count.value = asked.photos_count;
  for (const name of ["has_video", "is_quote_tweet"]) fields[name].checked = name in asked;
  rememberAccount();
  draw();
}

function draw(event) {
  const { text, username, photos_count: photos, has_video: video, is_quote_tweet: quote } = typed();
  showLength(lengthOf(text), rules.most, event?.type === "input");
  drawPreview({ text, username, photos: Number(photos), video, quote });
}

function enhance() {
  for (const time of document.querySelectorAll("[data-local]")) {
    const local = new Date(time.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    if (new Date(time.dateTime).getTimezoneOffset()) time.after(` (${local} where you are)`);
  }
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

function show(fresh, isExample) {
  const theirs = fresh.getElementById("ask");
  swap(fresh);
  for (const field of theirs.querySelectorAll("[aria-describedby]")) {
    fields[field.name].setAttribute("aria-invalid", field.hasAttribute("aria-invalid"));
  }
  if (isExample) fill(Object.fromEntries(new FormData(theirs)));
  form.querySelector("[aria-invalid=true]")?.focus();
  document.getElementById("takeover").hidden = true;
  enhance();
}

function announce(asked) {
  const answer = document.getElementById("answer");
  const { probability, words } = answer.dataset;
  if (!probability) return;
  remember(asked, answer.dataset);
  document.getElementById("said").textContent = `${words}.`;
  if (answer.getBoundingClientRect().top > innerHeight * 0.7) answer.scrollIntoView({ block: "start" });
}

async function ask(event) {
  event.preventDefault();
  if (document.body.hasAttribute("aria-busy")) return;
  const isExample = event.submitter?.name === "example";
  const asked = typed();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  document.body.setAttribute("aria-busy", "true");
  try {
    show(await pageOf(await fetch("/", { method: "POST", body })), isExample);
    announce(isExample ? typed() : asked);
  } catch (error) {
    const note = document.createElement("p");
    note.className = "note bad";
    note.role = "alert";
    note.textContent = `No answer: ${error.message.replace(/\.$/, "")}. Your text is kept; try again in a moment.`;
    document.getElementById("notes").replaceChildren(note);
  }
  document.body.removeAttribute("aria-busy");
}

form.addEventListener("submit", ask);
for (const change of ["input", "change"]) form.addEventListener(change, draw);
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
document.addEventListener("click", async ({ target }) => {
  if (!target.dataset?.copy) return;
  await navigator.clipboard.writeText(document.getElementById(target.dataset.copy).textContent);
  document.getElementById("said").textContent = "Copied";
  target.textContent = "Copied";
});
// The badge is of the model that answers next; an answer that is there stays of its own.
addEventListener("takeover", async () => {
  const fresh = await fetch("/").then(pageOf).catch(() => null); // away: the next answer brings it
  const badge = fresh?.getElementById("badge");
  if (badge) document.getElementById("badge").replaceWith(badge);
});
if (/Mac|iP/.test(navigator.platform)) document.querySelector("#keys kbd").textContent = "⌘";
document.getElementById("keys").hidden = false;
draw();
enhance();
