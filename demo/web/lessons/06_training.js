/* Lesson 6: a real loss over two weights, the ways down it, and curves of training. */
const LOW = -1; // both axes of the map run from LOW to HIGH
const HIGH = 3;
const STEPS = 30;
const START = [2.6, -0.8];
const SMALL = 8; // posts of a batch
const valley = { key: "", lowest: null };
/* Cross-entropy of softmax(a text + b picture) over some posts, and its slopes along a and b. */
const crossEntropy = (data, a, b, rows) => {
  let loss = 0, da = 0, db = 0;
  for (const row of rows) {
    const [one, two, label] = [data.text[row], data.image[row], data.labels[row]];
    const logits = one.map((value, at) => a * value + b * two[at]);
    const most = Math.max(...logits);
    const total = most + Math.log(sum(logits.map((value) => Math.exp(value - most))));
    loss += total - logits[label];
    const shares = logits.map((value) => Math.exp(value - total));
    shares.forEach((share, at) => {
      const error = share - (at === label ? 1 : 0);
      da += error * one[at];
      db += error * two[at];
    });
  }
  return [loss / rows.length, da / rows.length, db / rows.length];
};
/* The same as descend() of demo/lessons/live.py. */
const descend = (slopes, start, rate, steps, kind) => {
  let at = [...start], mean2 = [0, 0], square = [0, 0];
  const way = [[...start]];
  for (let step = 0; step < steps; step += 1) {
    const slope = slopes(at, step);
    if (kind === "adam") {
      mean2 = mean2.map((value, one) => 0.9 * value + 0.1 * slope[one]);
      square = square.map((value, one) => 0.999 * value + 0.001 * slope[one] ** 2);
      at = at.map((value, one) => value - rate * (mean2[one] / (1 - 0.9 ** (step + 1))) / (Math.sqrt(square[one] / (1 - 0.999 ** (step + 1))) + 1e-8));
    } else {
      mean2 = slope.map((value, one) => (kind === "momentum" ? 0.9 * mean2[one] : 0) + value);
      at = at.map((value, one) => value - rate * mean2[one]);
    }
    way.push([...at]);
  }
  return way;
};
const everybody = (data) => data.labels.map((_, row) => row);
const batch = (data, step) => Array.from({ length: SMALL }, (_, at) => (step * SMALL + at) % data.labels.length);
/* Bands of the loss, drawn once: dark is low. */
const drawValley = (data) => {
  const canvas = find(".mm-valley canvas");
  if (canvas.dataset.drawn) return;
  canvas.dataset.drawn = "yes";
  const some = everybody(data).filter((row) => row % 2 === 0); // half of the posts do for the colours
  const side = canvas.width;
  const place = (at) => LOW + (at + 0.5) / side * (HIGH - LOW);
  const losses = [];
  for (let row = 0; row < side; row += 2) for (let column = 0; column < side; column += 2) losses.push(crossEntropy(data, place(column), place(side - 2 - row), some)[0]);
  const least = Math.min(...losses);
  const context = canvas.getContext("2d");
  losses.forEach((loss, at) => {
    const band = Math.min(Math.floor(Math.sqrt((loss - least) / 4) * 16), 15) / 15;
    context.fillStyle = `hsl(${235 - band * 180} ${45 + band * 25}% ${24 + band * 46}%)`;
    context.fillRect(at % (side / 2) * 2, Math.floor(at / (side / 2)) * 2, 2, 2);
  });
  if (!valley.lowest || valley.key !== data.text.length) {
    valley.key = data.text.length;
    valley.lowest = descend((at) => crossEntropy(data, ...at, everybody(data)).slice(1), [0.5, 0.5], 1, 60, "gd").at(-1);
  }
};
const toMap = ([a, b]) => [(a - LOW) / (HIGH - LOW) * 100, 100 - (b - LOW) / (HIGH - LOW) * 100].map((value) => Math.max(-20, Math.min(120, value)).toFixed(2));
const cross = (at) => { const [x, y] = toMap(at); return `<path class="mm-lowest" d="M${x - 2} ${y}H${Number(x) + 2}M${x} ${y - 2}V${Number(y) + 2}"/>`; };
const dot = (at, kind) => { const [x, y] = toMap(at); return `<circle class="${kind}" cx="${x}" cy="${y}" r="1.8"/>`; };
const drawWay = (way) => {
  find(".mm-valley svg").innerHTML = `<polyline class="mm-way" points="${way.map((at) => toMap(at).join(",")).join(" ")}"/>${way.slice(1).map((at) => dot(at, "mm-step-dot")).join("")}${dot(way[0], "mm-begin")}${cross(valley.lowest)}`;
};
/* One or two curves in the plot, on one scale. */
const drawCurves = (curves, mark) => {
  const values = curves.flat().filter(Number.isFinite);
  const top = Math.min(Math.max(...values), 5);
  const bottom = Math.min(...values, top - 0.1);
  const last = curves[0].length - 1;
  curves.forEach((curve, at) => find(`[data-curve="${at}"]`).setAttribute("points", curve.map((value, place) => `${(40 + place * 274 / last).toFixed(1)},${(170 - (Math.min(value, top) - bottom) / (top - bottom) * 156).toFixed(1)}`).join(" ")));
  out("top", fixed(top, 2));
  out("bottom", fixed(bottom, 2));
  const line = find("[data-mark]");
  line.style.display = mark === undefined ? "none" : "";
  if (mark !== undefined) for (const end of ["x1", "x2"]) line.setAttribute(end, (40 + mark * 274 / last).toFixed(1));
};
const once = (name) => { // a button that does something once and does not stay pressed
  const button = find(`[data-pick="${name}"][aria-pressed="true"]`);
  button?.setAttribute("aria-pressed", "false");
  return Boolean(button);
};
Object.assign(KINDS, {
  descent(data) {
    drawValley(data);
    const rows = everybody(data);
    const loss = (at) => crossEntropy(data, ...at, rows);
    if (data.part === "slope") {
      const [a, b] = [find('[data-input="a"]'), find('[data-input="b"]')];
      const step = find(".mm-live");
      const here = () => [a, b].map((one) => Number(one.dataset.exact ?? one.value));
      for (const one of [a, b]) if (one.dataset.exact !== undefined && one.value !== one.dataset.shown) delete one.dataset.exact;
      const set = (values) => [a, b].forEach((one, at) => {
        one.dataset.exact = values[at]; // the slider itself moves in steps of 0.05
        one.value = values[at];
        one.dataset.shown = one.value;
      });
      if (once("zero")) { set([0, 0]); step.way = undefined; }
      const before = here();
      if (once("step")) {
        const [, da, db] = loss(before);
        step.way = [...(step.way ?? [before]), [before[0] - da, before[1] - db]];
        set(step.way.at(-1));
      } else if (step.way && step.way.at(-1).join() !== here().join()) step.way = undefined;
      const at = here();
      const [value, da, db] = loss(at);
      for (const [name, number] of [["a", at[0]], ["b", at[1]]]) put(`[data-output="${name}"]`, minus(number, 2));
      out("a", minus(at[0], 2));
      out("loss", fixed(value, 3));
      out("slope_a", minus(da, 3));
      out("slope_b", minus(db, 3));
      out("next_a", minus(at[0] - da, 2));
      drawWay([...(step.way ?? []), at]);
      return;
    }
    const rate = 10 ** Number(find('[data-input="rate"]').value);
    const kind = data.part === "rate" ? "gd" : ["gd", "sgd", "momentum", "adam"][picked("optimiser")];
    // In the other unit the picture's numbers are smaller, so that its weight must be larger for the same answer.
    const unit = data.part === "rate" || picked("unit") === 0 ? 1 : data.unit;
    const slopes = (at, step) => {
      const [, da, db] = crossEntropy(data, at[0], at[1] / unit, kind === "sgd" ? batch(data, step) : rows);
      return [da, db / unit];
    };
    const way = descend(slopes, [START[0], START[1] * unit], rate, STEPS, kind).map(([a, b]) => [a, b / unit]);
    drawWay(way);
    const losses = way.map((at) => loss(at)[0]);
    drawCurves([losses]);
    const shown = rate < 0.1 ? fixed(rate, 3) : rate < 10 ? fixed(rate, 2) : fixed(rate, 0);
    put('[data-output="rate"]', shown);
    out("rate", shown);
    out("loss", fixed(losses.at(-1), 3));
    out("lowest", fixed(loss(valley.lowest)[0], 3));
    out("moved_a", minus(way.at(-1)[0] - START[0], 2));
    out("moved_b", minus(way.at(-1)[1] - START[1], 2));
  },
  overfit(data) {
    const epoch = Number(find('[data-input="epoch"]').value);
    const [train, dev, right] = data.curves[epoch - 1];
    const losses = data.curves.map((one) => one[1]);
    drawCurves([data.curves.map((one) => one[0]), losses], epoch - 1);
    put('[data-output="epoch"]', String(epoch));
    out("train", fixed(train, 3));
    out("dev", fixed(dev, 3));
    out("right", percent(right));
    out("best", String(losses.indexOf(Math.min(...losses)) + 1));
  },
  split(data) {
    const found = data.splits[picked("split")][picked("seed")];
    out("right", percent(found.right / found.of, 1));
    out("share", percent(found.right / found.of, 1));
    out("count", `${found.right} / ${found.of}`);
    out("hits", String(found.right));
    out("all", String(found.of));
    found.rows.forEach(([one, other, is, said], place) => {
      const mark = (word, good) => `${word} ${good ? "+" : "−"}`;
      put(`[data-word-cell="${place},0"]`, mark(one, is));
      put(`[data-word-cell="${place},1"]`, mark(other, said));
      put(`[data-verdict-cell="${place}"]`, is === said ? "✓" : "✗");
    });
  },
});
