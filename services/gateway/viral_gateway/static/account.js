// Who posts, as typed into either form: remembered by this browser alone, until it is told to forget.
const KEY = "viral-tweets account";
const form = document.getElementById("ask");
const note = document.getElementById("kept");
const fields = [...form.querySelectorAll(".account input")];

/** Remember what the fields say now. */
export function remember() {
  const typed = Object.fromEntries(fields.filter((field) => field.value).map((field) => [field.name, field.value]));
  note.hidden = Object.keys(typed).length === 0;
  if (note.hidden) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, JSON.stringify(typed));
}

note.querySelector("button").addEventListener("click", () => {
  for (const field of fields) field.value = "";
  remember();
  fields[0].focus();
});
form.addEventListener("input", remember); // not at "change": the note would move a button under the click
// What the server sends back was typed last.
const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
if (!fields.some((field) => field.value)) for (const field of fields) field.value = kept[field.name] ?? "";
remember();
