/* A class that this page has joined or opened: its code, the votes, the board, and what it spares the page.
   The code lives as long as the tab, the teacher's key in the browser, so that a closed page does not end a class. */
(() => {
  const HIDEABLE = ["tiers", "downloads", "uploads"];
  const EVERY = 2000; // milliseconds between two looks
  const kept = (store, name, value) => {
    try {
      if (value === undefined) return store.getItem(name) ?? "";
      if (value) store.setItem(name, value);
      else store.removeItem(name);
    } catch { /* private window */ }
    return value ?? "";
  };
  const word = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const query = new URLSearchParams(location.search);
  const room = { code: "", key: "", problem: "", state: null };
  const pupil = kept(sessionStorage, "mmcore-pupil") || kept(sessionStorage, "mmcore-pupil", word());
  const told = () => {
    document.documentElement.classList.toggle("mm-in-class", room.code !== "");
    draw();
    document.dispatchEvent(new CustomEvent("mm-class"));
  };
  /* The board, wherever the page has one. What teams wrote is text, never HTML. */
  const draw = () => {
    const results = room.state?.results ?? [];
    for (const board of document.querySelectorAll(".mm-board")) {
      const said = JSON.stringify([results, room.key !== ""]);
      if (board.said === said) continue;
      board.said = said;
      const names = JSON.parse(board.dataset.names);
      board.hidden = results.length === 0;
      board.querySelector("tbody").replaceChildren(...results.map((one) => {
        const row = document.createElement("tr");
        for (const text of [one.team, names[one.data] ?? one.data, names[one.fusion] ?? one.fusion, `${(one.accuracy * 100).toFixed(1)} %`]) {
          row.insertCell().textContent = text;
        }
        const last = row.insertCell();
        if (room.key) {
          const button = document.createElement("button");
          Object.assign(button, { type: "button", className: "mm-action", textContent: "✗", title: board.dataset.remove });
          button.setAttribute("aria-label", `${board.dataset.remove} ${one.team}`);
          button.addEventListener("click", () => window.mmcore.classroom.change({ clear: one.number }));
          last.append(button);
        }
        return row;
      }));
    }
  };

  const ask = async (body) => {
    const answer = await fetch(`${location.origin}${location.pathname.replace(/\/?$/, "/")}class`, {
      method: "POST",
      headers: { "content-type": "application/json", "accept-language": window.mmcore.language() },
      body: JSON.stringify(body),
    });
    const content = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(content.detail), { status: answer.status });
    return content;
  };

  const hide = () => {
    const asked = room.state?.hidden ?? (query.get("hide") ?? "").split(",");
    for (const name of HIDEABLE) document.documentElement.classList.toggle(`mm-hide-${name}`, asked.includes(name) && !room.key);
  };
  const taken = (state) => {
    room.state = state;
    room.problem = "";
    hide();
    told();
  };
  const leave = (problem = "") => {
    Object.assign(room, { code: "", key: "", problem, state: null });
    kept(sessionStorage, "mmcore-class", "");
    const here = new URLSearchParams(location.search);
    if (here.has("class")) {
      here.delete("class");
      history.replaceState(history.state, "", `?${here}`);
    }
    hide();
    told();
  };
  const question = () => {
    const { lesson, step } = document.querySelector(".mm-step")?.dataset ?? {};
    return lesson ? `${lesson}.${step}` : null;
  };
  const mine = () => (room.key ? {} : { pupil });
  const doing = async (body) => { // what fails is said where the class stands
    const code = room.code;
    try {
      const state = await ask({ code, ...body });
      if (room.code === code) taken(state);
    } catch (error) {
      if (room.code !== code) return;
      if (error.status === 404) leave(error.message);
      else { // without a network the next look may have more luck
        room.problem = error.status ? error.message : "";
        told();
      }
    }
  };
  const look = () => doing({ do: "look", question: question(), ...mine() });
  const join = async (code) => {
    Object.assign(room, { code, key: kept(localStorage, `mmcore-class-key-${code}`), problem: "", state: null });
    kept(sessionStorage, "mmcore-class", code);
    await look();
  };
  const plain = (code) => code.normalize("NFKC").replace(/[\s-]/g, "").toUpperCase().slice(0, 24);

  setInterval(() => {
    const seen = [...document.querySelectorAll(".mm-step, .mm-teachers, .mm-board")].some((one) => one.getClientRects().length > 0);
    if (room.code && seen && !document.hidden) look();
  }, EVERY);

  window.mmcore.classroom = {
    room,
    look,
    leave,
    join: (code) => join(plain(code)),
    vote: (kind, choice) => { if (room.code && !room.key) doing({ do: "vote", question: `${question()}.${kind}`, choice, pupil }); },
    open: async (hidden) => {
      try {
        const { code, key } = await ask({ do: "open", hidden });
        kept(localStorage, `mmcore-class-key-${code}`, key);
        await join(code);
      } catch (error) {
        room.problem = error.message;
        told();
      }
    },
    change: (change) => doing({ ...change, do: "change", key: room.key }),
    close: async () => {
      const { code, key } = room;
      try { await ask({ do: "close", code, key }); } catch { /* it is no more */ }
      kept(localStorage, `mmcore-class-key-${code}`, "");
      leave();
    },
  };
  // The rules stand here, because gradio puts its own container before the selectors of style sheets.
  const rules = document.createElement("style");
  rules.textContent = `
    html:not(.mm-in-class) .mm-class-only { display: none !important; }
    .mm-hide-tiers :is(#mm-tier, [id^="mm-"][id$="-model"], [id$="-to-models"]) { display: none !important; }
    .mm-hide-downloads :is([role="tab"][data-tab-id="models"], [id$="-to-models"]) { display: none !important; }
    .mm-hide-uploads :is(button:has(> input[type="file"]), .source-selection, #mm-classes-camera, #mm-classes-microphone) { display: none !important; }
  `;
  document.head.append(rules);
  hide();
  const asked = plain(query.get("class") ?? "") || kept(sessionStorage, "mmcore-class");
  if (asked) join(asked);
})();
