/* Ways through the page. The address follows the visitor: tab, view, example, options, language; a link brings all of it
   back. It is ?tab=NAME&...&lang=CODE, and between the two whatever the tab's own part is: names of fields that are not at
   their defaults, the example that was pressed, the view inside the tab. Nothing of it asks the server. */
(() => {
  const COMMON = ["tab", "lang", "size"];
  /* What can be pressed as an example: gallery items are called by their file, others by their place. */
  const EXAMPLES = {
    captioning: ":is(#mm-examples, #mm-failures) .gallery-item",
    retrieval: ":is(#mm-labels-examples, #mm-sentences-examples) .gallery-item",
    sentiment: "[id^=mm-sentiment-examples] tbody tr", // a list a language, of which the page's is shown
    audio: "#mm-sound-examples [data-example]",
    ask: "#mm-ask-examples .gallery-item",
  };
  /* What answers a link that brings words. */
  const RUN = { retrieval: "#mm-search", sentiment: "#mm-sentiment-run" };
  const VIEWS = { retrieval: "#mm-retrieval-views" };
  const PATIENCE = 15_000;

  let arrived = new URLSearchParams(location.search); // what is asked for: by the link, or by the way back to a tab
  const size = arrived.get("size");
  const tabOf = (query) => {
    const lesson = query.get("lesson");
    return query.get("tab") ?? (lesson === null ? "captioning" : lesson === "classes" ? "classes" : "lessons");
  };
  let first = tabOf(arrived); // the tab that it is asked of
  const own = (query) => new URLSearchParams([...query].filter(([name]) => !COMMON.includes(name)));
  const parts = { [first]: own(arrived) };
  const part = (tab) => (parts[tab] ??= new URLSearchParams());
  let here = first;
  let arriving = true; // until the tab of the link is open
  let waiting = first; // the tab whose fields the link has still to fill
  let going = false; // the browser's own way back or forward
  const visited = new Set([first]); // since the page was loaded: what these tabs hold is there

  const address = () => {
    const query = new URLSearchParams([["tab", here], ...part(here), ["lang", window.mmcore.language()]]);
    if (size !== null) query.set("size", size);
    return `?${query}`;
  };
  const enter = (how) => { if (address() !== location.search) history[how](null, "", address()); };
  let later = 0; // somebody types: browsers allow so many changes of the address a second
  const write = () => { clearTimeout(later); later = setTimeout(() => enter("replaceState"), 200); };
  const change = (tab, name, value) => {
    const known = part(tab);
    if ((known.get(name) ?? "") === value) return false;
    if (value) known.set(name, value); else known.delete(name);
    return true;
  };

  const until = (found) => new Promise((done, fail) => {
    let end = null; // a slow computer may take long until the page is there: from then on the time counts
    const look = () => {
      const thing = found();
      if (thing) { watcher.disconnect(); clearTimeout(end); done(thing); }
      else if (end === null && selected()) end = setTimeout(() => { watcher.disconnect(); fail(new Error("not on this page")); }, PATIENCE);
    };
    const watcher = new MutationObserver(look);
    watcher.observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });
    look();
  });
  const tabButton = (name, row = "#mm-tabs") => document.querySelector(`${row} > .tab-wrapper [data-tab-id="${CSS.escape(name)}"]`);
  const selected = (row = "#mm-tabs") => document.querySelector(`${row} > .tab-wrapper [data-tab-id][aria-selected="true"]`)?.dataset.tabId;

  /* One sentence about a link that asks for what there is not. */
  const say = (key, values) => {
    const sentence = window.mmcore.text(key, values);
    until(() => document.querySelector("#mm-header")).then((header) => {
      const note = document.createElement("p");
      note.className = "mm-notice mm-link-note";
      note.setAttribute("role", "status");
      note.textContent = sentence;
      header.after(note);
    });
  };

  const openTab = (name) => until(() => selected() && (tabButton(name) ?? (document.querySelectorAll("#mm-tabs > .tab-wrapper [data-tab-id]").length > 8 ? "none" : null)));
  openTab(first).then((button) => {
    if (button === "none") { say("text.ways.no_tab", { name: first }); here = selected(); waiting = null; }
    else button.click();
    arriving = false;
  }, () => { arriving = false; });

  const moved = () => setTimeout(() => {
    const tab = selected();
    if (arriving || !tab || tab === here) { going = false; return; }
    if (COMMON.some((name) => new URLSearchParams(location.search).has(name))) parts[here] = own(new URLSearchParams(location.search));
    here = tab;
    visited.add(tab);
    clearTimeout(later);
    if (!going) enter("pushState");
    going = false;
    tabButton(tab)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  /* Back and forward. A tab that was open since the page was loaded shows what it showed, and the address says that; one
     that was not (the page was reloaded in between) is filled by its address, as a link fills it. */
  window.addEventListener("popstate", () => {
    const query = new URLSearchParams(location.search);
    const tab = tabOf(query);
    const [known, taught] = [visited.has(tab), query.has("lesson")]; // lessons keep their own place
    if (!known || taught) parts[tab] = own(query);
    visited.add(tab);
    if (tab !== here) {
      here = tab;
      going = true;
      tabButton(tab)?.click();
    }
    clearTimeout(later);
    enter("replaceState");
    if (!known && !taught && part(tab).size) refill(tab, query);
  });
  const refill = async (tab, query) => {
    if (query.has("model")) { location.reload(); return; } // chosen as the page starts
    [arrived, first, waiting] = [query, tab, tab];
    (await until(() => document.querySelector(`#mm-${tab}-refill`))).click();
  };

  const written = (value) => {
    if (Array.isArray(value)) return value.join(",");
    if (typeof value === "boolean") return value ? "1" : "0";
    return typeof value === "number" ? String(Number(value.toPrecision(6))) : value ?? "";
  };
  const put = (tab, fields, values) => {
    if (tab === waiting) return;
    let changed = false;
    fields.forEach(([name, kind, usual], place) => {
      const value = written(values[place]);
      const kept = value === written(usual) || value === kind.fleeting || value.length > (kind.longest ?? 1000) ? "" : value;
      changed = change(tab, name, kept) || changed;
    });
    if (changed && tab === here) write();
  };

  const read = (kind, value) => {
    if (kind.choices && kind.many) {
      const many = value.split(",");
      return many.every((one) => kind.choices.includes(one)) ? many : undefined;
    }
    if (kind.choices) return kind.choices.find((one) => String(one) === value);
    if (kind.flag) return value === "1" ? true : value === "0" ? false : undefined;
    if (kind.longest) return value.length <= kind.longest ? value : undefined;
    const number = value.trim() === "" ? NaN : Number(value);
    return Number.isFinite(number) && number >= (kind.least ?? -Infinity) && number <= (kind.most ?? Infinity) ? number : undefined;
  };
  const SAME = { __type__: "update" };
  const restore = (tab, fields) => fields.map(([name, kind]) => {
    const asked = tab === first ? arrived.get(name) : null;
    if (asked === null) return SAME;
    const value = read(kind, asked);
    if (value !== undefined) return { ...SAME, value };
    change(tab, name, "");
    say("text.ways.bad_value", { name, value: asked.slice(0, 60) });
    return SAME;
  });

  const listed = (tab) => [...document.querySelectorAll(EXAMPLES[tab] ?? "#none")].filter((item) => item.offsetParent !== null);
  const nameOf = (item, all) => {
    const file = item.classList.contains("gallery-item") ? item.querySelector("img")?.src.split("/").pop() : null;
    return file ? decodeURIComponent(file).replace(/\.[^.]*$/, "") : String(all.indexOf(item) + 1);
  };
  /* The file of the example in use, without its ending. */
  const file = () => {
    const name = part(here).get("example");
    if (name === null || here === "captioning" || here === "ask" || here === "retrieval") return name;
    const item = listed(here)[Number(name) - 1];
    return item?.dataset.file ?? item?.querySelector("img")?.src.split("/").pop().replace(/\.[^.]*$/, "");
  };
  const example = (tab, name) => {
    const all = listed(tab);
    return all.find((item) => nameOf(item, all) === name);
  };
  /* Examples inside an accordion are not there before it is open. */
  const hidden = (tab) => {
    const closed = document.querySelector("#mm-known-failures > button:not(.open)");
    if (tab === "captioning" && closed && document.querySelector(EXAMPLES[tab]) && !opened) { opened = true; closed.click(); }
    return null;
  };
  let opened = false;
  const act = async (tab, fields, values) => {
    if (tab !== waiting) return;
    waiting = null;
    put(tab, fields, values);
    const models = fields.find(([name]) => name === "model")?.[1].choices;
    const model = arrived.get("model");
    if (model !== null && models && !models.includes(model)) say("text.ways.bad_value", { name: "model", value: model.slice(0, 60) });
    const [view, name] = [arrived.get("view"), arrived.get("example")];
    if (view && VIEWS[tab]) {
      const button = await until(() => selected(VIEWS[tab]) && (tabButton(view, VIEWS[tab]) ?? "none"));
      if (button === "none") say("text.ways.bad_value", { name: "view", value: view }); else button.click();
    }
    if (name && EXAMPLES[tab]) {
      const item = await until(() => example(tab, name) ?? hidden(tab)).catch(() => null);
      if (item) item.click();
      else { change(tab, "example", ""); say("text.ways.bad_value", { name: "example", value: name }); }
    } else if (arrived.get("text") && RUN[tab]) (await until(() => document.querySelector(RUN[tab]))).click();
  };

  document.addEventListener("click", (event) => {
    for (const [tab, things] of Object.entries(EXAMPLES)) {
      const item = event.target.closest?.(things);
      if (item && change(tab, "example", nameOf(item, listed(tab)))) write();
    }
    for (const [tab, row] of Object.entries(VIEWS)) {
      const button = event.target.closest?.(`${row} > .tab-wrapper [data-tab-id]`);
      const usual = document.querySelector(`${row} > .tab-wrapper [data-tab-id]`);
      if (button && change(tab, "view", button === usual ? "" : button.dataset.tabId) && here === tab) write();
    }
  }, true);

  /* A picture on its way to another tab: what the button said, then where the event puts it. */
  let target = null;
  const carry = (picture, order) => {
    const values = order.map((tab) => (tab === target && picture ? { ...SAME, value: picture } : SAME));
    if (target && picture) change(target, "example", "");
    return [...values, target && picture ? { ...SAME, selected: target } : SAME];
  };
  const carried = async () => {
    const tab = target;
    target = null;
    if (tab !== "sentiment") return; // elsewhere a new picture is answered by itself
    (await until(() => document.querySelector("#mm-sentiment-text textarea"))).focus();
    document.querySelector("#mm-sentiment-run").click();
  };

  window.mmcore.ways = {
    put, restore, act, moved, carry, carried,
    own: (tab) => { if (change(tab, "example", "") && tab === here) write(); },
    asked: (tab, name) => (tab === first ? arrived.get(name) : null) ?? "",
    take: (tab) => { target = tab; },
    part: (name) => part(here).get(name),
    language: () => { if (new URLSearchParams(location.search).has("lang")) write(); },
    file,
    tab: () => here,
    copy: () => {
      enter("replaceState");
      const button = document.querySelector("#mm-link");
      button.dataset.done = "✓";
      return window.mmcore.copy(location.href, button);
    },
    link: () => { enter("replaceState"); return location.href; },
  };
  if (size === "large") document.documentElement.classList.add("mm-large");
})();
