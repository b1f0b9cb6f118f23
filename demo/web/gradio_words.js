/* gradio writes some words in English whatever the page's language is: here they are in Chinese where the page is.
   The original is kept on the element, and comes back with the language. */
(() => {
  const NAMES = ["aria-label", "title", "placeholder", "alt"];
  const SEEN = ":is(.wrap, .generating, .progress-text, .meta-text, .meta-text-center, button, .webcam, [data-testid=status-tracker], .toast-title, .toast-message-text)";
  const plain = new Map();
  const patterns = [];
  for (const [english, chinese] of Object.entries(window.mmcoreGradio)) {
    if (!english.includes("{}")) { plain.set(english, chinese); continue; }
    const escaped = english.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    patterns.push([new RegExp(`^${escaped.join("(.*)")}$`, "s"), chinese]);
  }
  const inChinese = (said) => {
    const whole = said.trim();
    if (plain.has(whole)) return plain.get(whole);
    for (const [pattern, chinese] of patterns) {
      const found = pattern.exec(whole);
      if (found) { let place = 0; return chinese.replace(/\{\}/g, () => found[place += 1].trim()); }
    }
    return null;
  };
  const originals = new WeakMap();
  const set = (node, key, now, write) => {
    const kept = originals.get(node) ?? {};
    const chinese = window.mmcore.language() === "zh";
    if (chinese) {
      const said = inChinese(now);
      if (said === null || said === now) return;
      kept[key] = [now, said];
      originals.set(node, kept);
      write(said);
    } else if (kept[key] && kept[key][1] === now) {
      write(kept[key][0]);
      delete kept[key];
    }
  };
  let changed = false; // whether words of the page are in Chinese: while they are not, an English page is left alone
  const words = () => {
    const chinese = window.mmcore.language() === "zh";
    if (!chinese && !changed) return;
    changed = chinese;
    for (const node of document.querySelectorAll(NAMES.map((name) => `[${name}]`).join(", "))) {
      for (const name of NAMES) {
        const now = node.getAttribute(name);
        if (now) set(node, name, now, (said) => node.setAttribute(name, said));
      }
    }
    for (const node of document.querySelectorAll(SEEN)) {
      for (const inner of node.childNodes) {
        if (inner.nodeType === Node.TEXT_NODE && inner.nodeValue.trim()) {
          set(inner, "text", inner.nodeValue, (said) => { inner.nodeValue = said; });
        }
      }
    }
  };
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; words(); }, 60);
  };
  new MutationObserver(soon).observe(document, {
    childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: [...NAMES, "lang"],
  });
})();
