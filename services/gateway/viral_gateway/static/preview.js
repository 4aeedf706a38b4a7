// The tweet as it would look. Everything typed goes in as text, never as markup.
const preview = document.getElementById("preview");
const part = (selector) => preview.querySelector(selector);
const SPECIAL = /(https?:\/\/\S+|[#@][\p{L}\p{N}_]+)/u;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Draw it; without anything to show it is not there. */
export function drawPreview({ text, username, photos, video, quote }) {
  const name = username.replace(/^@/, "") || "you";
  part(".avatar").textContent = [...name][0].toUpperCase();
  part(".by b").textContent = name;
  part(".by span").textContent = `@${name}`;
  part(".said").replaceChildren(
    ...text.split(SPECIAL).map((piece, at) => (at % 2 ? element("span", "special", piece) : piece)),
  );
  const media = [
    ...Array.from({ length: photos }, () => element("span", "photo", "Photo")),
    ...(video ? [element("span", "video", "▶ Video")] : []),
  ];
  part(".media").replaceChildren(...media);
  part(".media").hidden = media.length === 0;
  part(".media").dataset.count = media.length;
  part(".quoted").hidden = !quote;
  preview.hidden = !(text.trim() || media.length || quote);
}
