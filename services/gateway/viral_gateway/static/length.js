// A tweet's length by twitter-text's count. The rules come with the page, from tweet_length.py.
const ring = document.getElementById("ring");
const count = document.getElementById("count");
const shown = document.getElementById("length");
const said = document.getElementById("said");
const SAY_AFTER_MS = 1200;
let timer;

export function counter(rules) {
  const [link, emoji] = [rules.link, rules.emoji].map((pattern) => new RegExp(pattern, "giu"));
  const isLight = (code) => rules.light.some(([first, last]) => first <= code && code <= last);
  const letters = (text) => [...text].reduce((sum, letter) => sum + (isLight(letter.codePointAt(0)) ? 1 : 2), 0);
  const around = (pattern, weight, rest) => (text) => {
    const pieces = text.split(pattern);
    return weight * (pieces.length - 1) + pieces.reduce((sum, piece) => sum + rest(piece), 0);
  };
  const length = around(link, rules.link_weight, around(emoji, rules.emoji_weight, letters));
  return (text) => length(text.normalize("NFC"));
}

/** Draw the ring; while someone types, say it once the typing has stopped. */
export function showLength(length, most, typing) {
  const left = most - length;
  count.textContent = length;
  ring.setAttribute("stroke-dasharray", `${Math.min(100, (100 * length) / most)} 100`);
  shown.classList.toggle("near", left >= 0 && left <= 20);
  shown.classList.toggle("over", left < 0);
  shown.hidden = false;
  clearTimeout(timer);
  if (!typing) return;
  timer = setTimeout(() => {
    said.textContent = left < 0 ? `${-left} characters too many` : `${left} characters left`;
  }, SAY_AFTER_MS);
}
