// Parts of the page that the server has drawn anew.

/** The page in a reply; throws what a problem+json says. */
export async function pageOf(reply) {
  const text = await reply.text();
  if (!reply.headers.get("content-type")?.includes("html")) throw new Error(JSON.parse(text).detail);
  return new DOMParser().parseFromString(text, "text/html");
}

/** Put them in place of the old ones; if asked for, only those that changed. The title comes along. */
export function swap(fresh, changedOnly = false) {
  document.title = fresh.title;
  for (const old of document.querySelectorAll("[data-swap]")) {
    const part = fresh.getElementById(old.id);
    if (part && !(changedOnly && part.isEqualNode(old))) old.replaceWith(part);
  }
}
