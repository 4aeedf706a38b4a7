// One more draft without a new page, and the ranking in sight. The server draws everything else.
import "./account.js";

const more = document.getElementById("more");
more.addEventListener("click", (event) => {
  event.preventDefault();
  const [next, ...others] = document.querySelectorAll(".draft[hidden]");
  next.hidden = false;
  next.querySelector("textarea").focus();
  more.hidden = others.length === 0;
});
const ranking = document.querySelector(".answer .result");
if (ranking?.getBoundingClientRect().top > innerHeight * 0.7) ranking.scrollIntoView();
