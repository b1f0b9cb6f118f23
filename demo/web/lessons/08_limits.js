/* Lesson 8: causes, differences, scales, duties and costs. */
const signed = (value, digits) => `${value > 0 ? "+" : ""}${fixed(value, digits)}`;
const items = (list, texts) => list.replaceChildren(...texts.map((text) => {
  const one = document.createElement("li");
  one.textContent = text;
  return one;
}));

Object.assign(KINDS, {
  still() {},
  failure(data) {
    const chosen = find('[data-pick="cause"][aria-pressed="true"]');
    const told = find("[data-told]");
    if (!chosen) told.textContent = "";
    else if (Number(chosen.dataset.value) === data.cause) told.textContent = `${told.dataset.right} ${told.dataset.why}`;
    else told.textContent = told.dataset.hint;
  },
  bias(data) {
    const group = picked("group");
    const [first, second] = data.values[group];
    const differences = first.map((value, place) => value - second[place]);
    data.groups[group].forEach((who, place) => out(place ? "second" : "first", who));
    differences.forEach((difference, place) => {
      out(`first-${place}`, signed(first[place], 2));
      out(`second-${place}`, signed(second[place], 2));
      out(`difference-${place}`, signed(difference, 2));
    });
    const middle = sum(differences) / differences.length;
    const spread = sum(differences.map((value) => (value - middle) ** 2));
    out("mean", fixed(middle, 3));
    out("error", fixed(Math.sqrt(spread / differences.length / (differences.length - 1)), 3));
    ask(find('[data-input="own"]').value);
  },
  explain(data) {
    const map = data.maps[picked("query")];
    const size = (values) => Math.max(...values.map(Math.abs));
    const scale = picked("scale") ? Math.max(...data.maps.map(size)) : size(map);
    grid("map").forEach((cell, place) => {
      const share = map[place] / scale;
      cell.style.background = share < 0 ? `rgba(59, 130, 246, ${(-share * 0.8).toFixed(3)})` : `rgba(250, 204, 21, ${(share * 0.8).toFixed(3)})`;
      cell.title = fixed(map[place], 4);
    });
    out("largest", fixed(size(map), 4));
    out("scale", fixed(scale, 4));
    out("colour", fixed(size(map) / scale, 2));
    out("sum", fixed(sum(map), 3));
  },
  poster(data) {
    const [changed, sold] = ["changed", "sold"].map((use) => Number(find(`[data-use="${use}"]`).checked));
    const chosen = data.works.map((_, place) => place).filter((place) => find(`[data-work="${place}"]`).checked);
    const asked = new Set(chosen.flatMap((place) => data.each[place][2 * changed + sold]));
    const list = find("[data-duties]");
    const named = data.duties.filter((one) => asked.has(one));
    items(list, named.length ? named.map((one) => list.getAttribute(`data-${one.replace("_", "-")}`)) : [list.dataset.none]);
    find("[data-credit]").textContent = chosen.map((place) => data.works[place]).map(([title, author, licence]) => [`“${title}”`, author, licence].filter(Boolean).join(", ")).join("; ") || "–";
    out("count", String(named.length));
  },
  cards(data) {
    find("[data-card]").textContent = data.texts[picked("card")][picked("section")];
    const [a, sa] = data.figures[picked("first")];
    const [b, sb] = data.figures[picked("second")];
    out("a", fixed(a, 3));
    out("sa", fixed(sa, 3));
    out("b", fixed(b, 3));
    out("sb", fixed(sb, 3));
    out("z", fixed(Math.abs(a - b) / Math.hypot(sa, sb), 1));
  },
  cost(data) {
    const [sensitivity, specificity, prevalence, price] = ["sensitivity", "specificity", "prevalence", "price"].map((name) => Number(find(`[data-input="${name}"]`).value));
    const ill = data.people * prevalence;
    const well = data.people - ill;
    const [found, alarmed, missed, left] = [ill * sensitivity, well * (1 - specificity), ill * (1 - sensitivity), well * specificity];
    Object.entries({ found, alarmed, missed, left }).forEach(([name, count]) => out(name, fixed(count, 1)));
    out("value", percent(found + alarmed ? found / (found + alarmed) : 0, 1));
    for (const [name, value] of Object.entries({ sensitivity, specificity, prevalence })) put(`[data-output="${name}"]`, percent(value, 1));
    put('[data-output="price"]', String(price));
    out("cost", fixed(missed * price + alarmed, 0));
    out("never", fixed(ill * price, 0));
    out("always", fixed(well, 0));
    // One dot a person, column by column: found, missed, alarmed, left alone.
    const pen = find('[data-canvas="people"]').getContext("2d");
    pen.clearRect(0, 0, 400, 100);
    const groups = [[found, "#1d4ed8"], [missed, "#c2410c"], [alarmed, "#eab308"], [left, "#a1a1aa"]];
    let before = 0;
    let most = 0;
    for (const [count, colour] of groups) {
      most += count;
      for (pen.fillStyle = colour; before < Math.round(most); before += 1) pen.fillRect(Math.floor(before / 20) * 8, (before % 20) * 5, 6, 4);
    }
  },
});

REPLIES.bias = (answer) => {
  const list = find("[data-own]");
  if (answer.problem) list.innerHTML = `<li>${answer.problem}</li>`;
  else items(list, answer.map((one) => `${one.text} ${signed(one.value, 2)}`));
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-preset]");
  if (!button) return;
  const values = button.dataset.preset.split(",");
  ["sensitivity", "specificity", "prevalence", "price"].forEach((name, place) => { find(`[data-input="${name}"]`).value = values[place]; });
  compute();
});
