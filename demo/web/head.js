/* Runs before the page is built, so that the first paint is in the chosen language and brightness. */
(() => {
  const KEY_LANGUAGE = "mmcore-language";
  const KEY_DARK = "mmcore-dark";
  const LOCALES = { en: "en", zh: "zh-CN" };
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  const preferred = () => {
    const asked = new URLSearchParams(location.search).get("lang") ?? recall(KEY_LANGUAGE);
    if (asked in LOCALES) return asked;
    return (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2)).find((tag) => tag in LOCALES) ?? "en";
  };
  let language = preferred();

  // gradio asks the browser for its language and knows "zh-CN", not "zh": answer with the chosen one.
  Object.defineProperty(navigator, "language", { get: () => LOCALES[language], configurable: true });
  document.documentElement.lang = LOCALES[language];

  // gradio switches its own texts with a function of a module whose file name changes with every release.
  // Importing a file that is already loaded gives that same module; without it, loading the page anew does the job.
  const changeLocale = async (locale) => {
    for (const { name } of performance.getEntriesByType("resource")) {
      if (!/\/core-[^/]*\.js$/.test(name)) continue;
      const module = await import(name);
      if (typeof module.changeLocale === "function") { module.changeLocale(locale); return true; }
    }
    return false;
  };

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
  new MutationObserver(nameThings).observe(document, { childList: true, subtree: true });

  window.mmcore = {
    language: () => language,
    setLanguage: async (code) => {
      if (!(code in LOCALES) || code === language) return;
      language = code;
      remember(KEY_LANGUAGE, code);
      document.documentElement.lang = LOCALES[code];
      nameThings();
      if (!(await changeLocale(LOCALES[code]).catch(() => false))) location.reload();
    },
    toggleDark: () => {
      const dark = document.body.classList.toggle("dark");
      remember(KEY_DARK, dark ? "1" : "0");
    },
  };

  const dark = recall(KEY_DARK);
  if (dark !== null && !new URLSearchParams(location.search).has("__theme")) {
    const address = new URL(location.href);
    address.searchParams.set("__theme", dark === "1" ? "dark" : "light");
    history.replaceState(null, "", address);
  }
})();
