// One more draft without a new page. The server draws everything else.
import "./account.js";

const more = document.getElementById("more");
more.addEventListener("click", (event) => {
  event.preventDefault();
  const [next, ...others] = document.querySelectorAll(".draft[hidden]");
  next.hidden = false;
  next.querySelector("textarea").focus();
  more.hidden = others.length === 0;
});
