/* One match large: comes into sight when it was asked for; its heat map can be taken away; it can be searched from. */
const prepare = () => {
  const closeup = element.querySelector(".mm-closeup");
  if (!closeup || !window.mmcore.lookedAt) return;
  window.mmcore.lookedAt = false;
  closeup.scrollIntoView({ block: "nearest" });
};

element.addEventListener("click", (event) => {
  const heat = event.target.closest("[data-heat]");
  if (heat) {
    const overlay = element.querySelector(".mm-overlay");
    overlay.hidden = !overlay.hidden;
    heat.setAttribute("aria-pressed", String(!overlay.hidden));
    return;
  }
  if (event.target.closest("[data-like]")) trigger("select", {});
});

watch("value", prepare);
prepare();
