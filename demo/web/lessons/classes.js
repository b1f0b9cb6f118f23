/* A class: its code in the lesson's head, bars in the choices, and the teacher's part. */
const room = classroom.room;
const words = (one, values) => Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), one);
const KINDS_OF_VOTES = { vote: "vote", check: "try" }; // name of the question -> what its buttons are called
let drawn = "";

const tallies = (kind, button) => {
  const step = find(".mm-step");
  const box = find(`[data-voted="${kind}"]`);
  if (!step || !box) return;
  const { state } = room;
  const counts = state && state.question === `${step.dataset.lesson}.${step.dataset.step}` ? state.votes[kind] : null;
  box.hidden = !room.code || !counts;
  const chosen = find(`[data-${button}][aria-pressed="true"]`) !== null;
  const bars = find(`[data-bars="${kind}"]`);
  bars.hidden = !room.key;
  const open = chosen || (room.key && bars.getAttribute("aria-pressed") === "true");
  const total = counts ? sum(counts) : 0;
  if (counts) {
    const said = box.querySelector("[data-words]");
    said.textContent = words(said.dataset.words, { count: total, pupils: state.pupils });
  }
  all(`[data-${button}] .mm-tally`).forEach((one, place) => {
    one.hidden = !room.code || !counts || !open;
    if (one.hidden) return;
    one.querySelector("i").style.width = `${total ? counts[place] * 100 / total : 0}%`;
    one.querySelector("b").textContent = words(one.dataset.words, { count: counts[place] });
  });
};
const stand = () => {
  if (!find(".mm-lesson-nav")) return;
  const { code, key, problem, state } = room;
  find('[data-class="out"]').hidden = code !== "";
  find('[data-class="in"]').hidden = code === "";
  find("[data-class-problem]").textContent = problem;
  const said = find("[data-class-said]");
  said.textContent = code ? words(key ? said.dataset.classAlone : said.dataset.classSaid, { code, pupils: state?.pupils ?? 0 }) : "";
  for (const [kind, button] of Object.entries(KINDS_OF_VOTES)) tallies(kind, button);
  const opening = find(".mm-opening");
  if (!opening) return;
  find("[data-class-open]").hidden = code !== "";
  find("[data-class-mine]").hidden = !key;
  if (!key || !state) return;
  put("[data-class-big]", code);
  put("[data-class-link]", `${location.origin}${location.pathname}?class=${code}&lesson=1&step=1`);
  const left = find("[data-class-left]");
  left.textContent = words(left.dataset.classLeft, { minutes: state.minutes, pupils: state.pupils });
  for (const box of all("[data-hide]")) box.checked = state.hidden.includes(box.dataset.hide);
};
const hidden = () => all("[data-hide]").filter((box) => box.checked).map((box) => box.dataset.hide);

element.addEventListener("submit", (event) => {
  if (!event.target.matches?.(".mm-room")) return;
  event.preventDefault();
  const code = find("[data-class-code]").value;
  if (code.trim()) classroom.join(code);
});
element.addEventListener("change", (event) => {
  if (event.target.matches("[data-hide]") && room.key) classroom.change({ hidden: hidden() });
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { bars, classClear } = button.dataset;
  if (button.matches("[data-class-leave]")) classroom.leave();
  else if (button.matches("[data-class-open]")) classroom.open(hidden());
  else if (button.matches("[data-class-close]")) classroom.close();
  else if (classClear) classroom.change({ clear: classClear });
  else if (bars) {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    stand();
  } else if (button.dataset.vote !== undefined || button.dataset.try !== undefined) stand();
});
document.addEventListener("mm-class", () => {
  if (drawn !== room.code) { // who joins or leaves has other votes of one's own
    drawn = room.code;
    renew();
  }
  stand();
});
drawn = room.code;
ready.push(stand, () => { if (room.code && find(".mm-step")) classroom.look(); });
