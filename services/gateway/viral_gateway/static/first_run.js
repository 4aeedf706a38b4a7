// Before the first model: the steps as they stand, and the form once there is a model.
import { pageOf, swap } from "./swap.js";

const AGAIN_MS = 5000;

async function look() {
  const fresh = await fetch("/").then(pageOf).catch(() => null); // away: look again
  if (fresh?.getElementById("ask")) return location.reload();
  if (fresh) swap(fresh, true);
  setTimeout(look, AGAIN_MS);
}

addEventListener("takeover", () => location.reload());
setTimeout(look, AGAIN_MS);
