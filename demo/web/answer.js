/* The answer panel: words show their heat map on hover, focus or click; alternatives take the place of the caption. */
const WIDE = "(min-width: 900px)";
let pinned = null;

const show = (word) => {
  const panel = element.querySelector(".mm-answer");
  const overlay = panel?.querySelector(".mm-overlay");
  if (!overlay) return;
  panel.querySelectorAll(".mm-word").forEach((other) => {
    other.classList.toggle("mm-on", other === word);
    other.setAttribute("aria-pressed", String(other === pinned));
  });
  overlay.hidden = !word;
  if (word) overlay.src = word.dataset.map;
  const readout = panel.querySelector(".mm-readout");
  const said = word ? word.dataset.readout : readout.dataset.idle;
  if (readout.textContent !== said) readout.textContent = said;
};

const showCaption = (panel, index) => {
  pinned = null;
  panel.querySelectorAll(".mm-caption").forEach((caption) => { caption.hidden = caption.dataset.caption !== index; });
  panel.querySelectorAll("[data-show]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.show === index));
  });
  firstWord(panel);
};

/* The page opens with the map of the most telling word rather than with none. */
const firstWord = (panel) => {
  const caption = panel.querySelector(".mm-caption:not([hidden])");
  pinned = caption?.querySelector(".mm-word[data-first]") ?? null;
  show(pinned);
};

const prepare = () => {
  const panel = element.querySelector(".mm-answer");
  if (!panel) return;
  const why = panel.querySelector(".mm-why");
  if (why) why.open = window.matchMedia(WIDE).matches;
  firstWord(panel);
};

const wordOf = (event) => event.target.closest?.(".mm-word[data-map]");

element.addEventListener("pointerover", (event) => { const word = wordOf(event); if (word) show(word); });
element.addEventListener("pointerout", (event) => { if (wordOf(event)) show(pinned); });
element.addEventListener("focusin", (event) => { const word = wordOf(event); if (word) show(word); });
element.addEventListener("focusout", (event) => { if (wordOf(event)) show(pinned); });
element.addEventListener("click", async (event) => {
  const panel = element.querySelector(".mm-answer");
  const word = wordOf(event);
  if (word) {
    pinned = pinned === word ? null : word;
    const why = panel.querySelector(".mm-why");
    if (why) why.open = true;
    show(pinned);
    return;
  }
  const alternative = event.target.closest("[data-show]");
  if (alternative) { showCaption(panel, alternative.dataset.show); return; }
  const copying = event.target.closest("[data-copy]");
  if (copying) {
    const caption = panel.querySelector(".mm-caption:not([hidden])");
    await window.mmcore.copy(caption.dataset.text, copying);
  }
});

watch(["value", "first"], prepare);
prepare();
