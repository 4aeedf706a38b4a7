// What was asked in this tab; kept by the browser until the tab is closed.
const KEY = "viral-tweets asked";
const MOST = 20;
const section = document.getElementById("history");
const list = section.querySelector("ol");
const kept = () => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");

function draw(choose) {
  const entries = kept();
  list.replaceChildren(
    ...entries.map((entry) => {
      const button = document.createElement("button");
      const number = document.createElement("b");
      const text = document.createElement("span");
      const version = document.createElement("small");
      button.type = "button";
      number.textContent = entry.probability;
      text.textContent = entry.fields.text || "(no text)";
      version.textContent = `version ${entry.version}`;
      button.append(number, text, version);
      button.addEventListener("click", () => choose(entry.fields));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  section.hidden = entries.length === 0;
}

/** Show it; `choose` gets the fields of the entry that is clicked. Returns how to remember another. */
export function history(choose) {
  section.querySelector(".plain").addEventListener("click", () => {
    sessionStorage.removeItem(KEY);
    draw(choose);
    document.getElementById("text").focus();
  });
  draw(choose);
  return (fields, { probability, version }) => {
    const others = kept().filter((entry) => JSON.stringify(entry.fields) !== JSON.stringify(fields));
    const entries = [{ fields, probability, version }, ...others].slice(0, MOST);
    sessionStorage.setItem(KEY, JSON.stringify(entries));
    draw(choose);
  };
}
