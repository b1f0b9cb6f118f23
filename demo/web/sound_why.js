/* The evidence is open on a wide screen, and wherever it was asked for. */
const prepare = () => {
  const why = element.querySelector(".mm-why");
  if (why) why.open = window.mmcore.soundAsked || window.matchMedia("(min-width: 900px)").matches;
};

watch("value", prepare);
prepare();
