// Keeps a page alive. The server renders; this replaces parts that read differently now, says
// whether news still come, and moves to another node when this one does not answer any more.
"use strict";
(() => {
  const body = document.body;
  const status = document.getElementById("link");
  const said = document.getElementById("said");
  const others = (body.dataset.others || "").split(" ").filter(Boolean);
  const STALE_MS = 2500;
  let last = performance.now(), stream, moving = false;

  const say = (state, text) => {
    if (status.dataset.state === state) return;
    status.dataset.state = state;
    status.textContent = text;
  };

  // Makes a node like another in place, so that focus, selection and open details survive.
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;
  const morph = (old, now) => {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== now.data) old.data = now.data;
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) return;
    for (const { name, value } of [...now.attributes])
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes])
      if (!now.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS"))
        old.removeAttribute(name);
    children(old, now);
  };
  const children = (old, now) => {
    const want = [...now.childNodes];
    want.forEach((child, at) => {
      const have = old.childNodes[at];
      if (!have) old.append(child);
      else if (same(have, child)) morph(have, child);
      else have.replaceWith(child);
    });
    while (old.childNodes.length > want.length) old.lastChild.remove();
  };

  const take = ({ name, html }) => {
    const part = document.getElementById(name);
    if (!part) return;
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    children(part, fresh.content);
  };

  const open = () => {
    if (!body.dataset.live || moving) return;
    stream = new EventSource(body.dataset.live);
    stream.addEventListener("part", (event) => {
      last = performance.now();
      say("live", "live");
      take(JSON.parse(event.data));
    });
    stream.addEventListener("tick", () => {
      last = performance.now();
      say("live", "live");
    });
    stream.onerror = lost;
  };

  // If this node is gone, whoever answers first shows the same page.
  const alive = (at, mode, patience) =>
    fetch(at + "/live/here", { mode, cache: "no-store", signal: AbortSignal.timeout(patience) });
  const lost = async () => {
    if (moving || document.hidden) return;
    moving = true;
    say("lost", "no answer");
    const here = await alive("", "same-origin", 500).then(() => true, () => false);
    if (!here) {
      try {
        const found = await Promise.any(others.map((at) => alive(at, "no-cors", 1000).then(() => at)));
        const from = "#from=" + encodeURIComponent(body.dataset.here);
        location.replace(found + location.pathname + location.search + from);
        return;
      } catch {
        say("lost", "no node answers");
      }
    }
    last = performance.now();
    moving = false;
  };
  setInterval(() => {
    if (!stream || document.hidden) return;
    if (performance.now() - last > STALE_MS) lost();
    if (stream.readyState === EventSource.CLOSED) open();
  }, 500);
  // Browsers open few connections to one address: a tab that nobody sees holds none.
  document.addEventListener("visibilitychange", () => {
    last = performance.now();
    if (document.hidden) stream?.close();
    else if (stream?.readyState === EventSource.CLOSED) open();
  });

  // Orders are sent without leaving the page: the node that is asked may be the one to be killed.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    const data = new URLSearchParams(new FormData(form, event.submitter));
    said.textContent = "…";
    try {
      const answer = await fetch(form.action, { method: "POST", body: data, headers: { accept: "text/plain" } });
      said.textContent = await answer.text();
      said.dataset.tone = answer.ok ? "good" : "bad";
    } catch {
      said.textContent = "This node gave no answer any more.";
      lost();
    }
  });

  // Filters apply as they are chosen.
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && form.dataset.now !== undefined && form.method === "get") form.requestSubmit();
  });

  const from = /^#from=(.+)$/.exec(location.hash);
  if (from) {
    said.textContent = `${decodeURIComponent(from[1])} did not answer: this is the console of ${body.dataset.here}.`;
    history.replaceState(null, "", location.pathname + location.search);
  }
  open();
})();
