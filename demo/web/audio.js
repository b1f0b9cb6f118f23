/* The audio answer: a label or an event that is clicked is marked everywhere, and its evidence is asked for. */
const mark = (label, event) => {
  element.querySelectorAll(".mm-labels [data-label]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.label === label));
  });
  element.querySelectorAll("[data-row]").forEach((row) => { row.classList.toggle("mm-on", row.dataset.row === label); });
  element.querySelectorAll("[data-band]").forEach((band) => { band.hidden = band.dataset.band !== label; });
  element.querySelectorAll(".mm-event").forEach((other) => { other.classList.toggle("mm-on", other === event); });
};

const prepare = () => {
  window.mmcore.soundAsked = false;
  mark(element.querySelector('.mm-labels [aria-pressed="true"]')?.dataset.label, null);
};

element.addEventListener("click", async (event) => {
  const chosen = event.target.closest("[data-label]");
  if (chosen) {
    const { label, start, length } = chosen.dataset;
    mark(label, chosen.classList.contains("mm-event") ? chosen : null);
    window.mmcore.soundAsked = true; // the explanation opens on a narrow screen, too
    const seconds = (written) => (written === undefined ? null : Number(written));
    trigger("select", { label, start: seconds(start), length: seconds(length) });
    return;
  }
  const copying = event.target.closest("[data-copy]");
  if (copying) await window.mmcore.copy(element.querySelector("[data-text]").dataset.text, copying);
});

watch("value", prepare);
prepare();
