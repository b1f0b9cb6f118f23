/* The visitor's language and brightness: chosen, remembered, and given to gradio. gradio runs this as the page starts. */
(() => {
  const KEY_LANGUAGE = "mmcore-language";
  const KEY_DARK = "mmcore-dark";
  const LOCALES = { en: "en", zh: "zh-CN" };
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  const preferred = () => {
    const asked = new URLSearchParams(location.search).get("lang") ?? recall(KEY_LANGUAGE);
    if (asked in LOCALES) return asked;
    const spoken = (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2));
    return spoken.find((code) => code in LOCALES) ?? "en";
  };
  let language = preferred();

  // gradio switches its texts with a function of a module whose file name changes with every release. Importing a file
  // that is already loaded gives that same module. The browser tests fail should a release do it in another way.
  const changeLocale = async () => {
    document.documentElement.lang = LOCALES[language];
    for (let attempt = 0; attempt < 50; attempt += 1) {
      for (const { name } of performance.getEntriesByType("resource")) {
        if (!/\/core-[^/]*\.js$/.test(name)) continue;
        const module = await import(name);
        if (typeof module.changeLocale === "function") { module.changeLocale(LOCALES[language]); return; }
      }
      await new Promise((done) => { setTimeout(done, 100); });
    }
    console.warn("This release of gradio switches its language in another way; its own texts stay as they are.");
  };
  changeLocale();

  // A text of ours in the visitor's language, with its fields filled as Python does.
  const text = (key, values = {}) => window.mmcoreTexts[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // gradio gives pictures in a row of examples no text, and a button with a symbol no name.
  const nameThings = () => {
    for (const [selector, names] of Object.entries(window.mmcoreNames)) {
      for (const thing of document.querySelectorAll(selector)) {
        const name = names[language];
        if (thing.title === name) continue;
        thing.title = name;
        if (thing instanceof HTMLImageElement) thing.alt = name;
        else thing.setAttribute("aria-label", name);
      }
    }
  };
  /* What gradio's own parts lack for those who hear the page: a name that says what is read, a role for what has one. */
  const mendNames = () => {
    for (const one of document.querySelectorAll("button.upload-container[aria-label]")) {
      if (one.textContent.trim()) one.removeAttribute("aria-label"); // the text inside, which is translated, is the name
    }
    for (const one of document.querySelectorAll("button.playback[aria-label]")) {
      const [shown, name] = [one.textContent.trim(), one.getAttribute("aria-label")];
      if (!name.startsWith(shown)) one.setAttribute("aria-label", `${shown}. ${name}`);
    }
    for (const one of document.querySelectorAll("div.empty[aria-label]:not([role])")) one.setAttribute("role", "img");
    for (const one of document.querySelectorAll("#waveform > div")) { // scrolls with the keyboard, too
      const wave = one.shadowRoot?.querySelector(".scroll:not([tabindex])");
      wave?.setAttribute("tabindex", "0");
      wave?.setAttribute("role", "group");
      wave?.setAttribute("aria-label", text("text.sounds.waveform"));
    }
  };
  new MutationObserver(() => { nameThings(); mendNames(); }).observe(document, { childList: true, subtree: true });

  const dark = recall(KEY_DARK);
  if (dark !== null) document.body.classList.toggle("dark", dark === "1");

  // Copies a text and says so on the button that was pressed.
  const copy = async (text, button) => {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
    } else { // over plain http in a classroom there is no clipboard object
      const area = document.createElement("textarea");
      area.value = text;
      area.style.position = "fixed";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1500);
  };

  window.mmcore = {
    copy,
    text,
    language: () => language,
    setLanguage: (code) => {
      if (!(code in LOCALES) || code === language) return;
      language = code;
      remember(KEY_LANGUAGE, code);
      nameThings();
      changeLocale();
      window.mmcore.ways.language();
      document.dispatchEvent(new CustomEvent("mm-language"));
    },
    toggleDark: () => {
      const on = document.body.classList.toggle("dark");
      remember(KEY_DARK, on ? "1" : "0");
    },
  };
})();
