/* Lesson 7: counts, curves and scores of real answers, computed again while a control moves. */
const svg = (name, tags) => { find(`[data-plot="${name}"]`).innerHTML = tags; };
const AXES = '<path d="M0 0V100H100" class="mm-graph-axis"/>';
const f1 = (right, said, there) => {
  const [p, r] = [said ? right / said : 0, there ? right / there : 0];
  return [p, r, p + r ? 2 * p * r / (p + r) : 0];
};
/* Small pictures in this order, each with a mark and a line below it. */
const arrange = (order, mark, below) => {
  const row = find(".mm-thumbs");
  for (const one of row.children) one.hidden = true;
  order.forEach((place, at) => {
    const one = find(`[data-thumb="${place}"]`);
    one.hidden = false;
    one.className = mark(place, at);
    one.lastElementChild.textContent = below(place, at);
    if (row.children[at] !== one) row.insertBefore(one, row.children[at]);
  });
};
const falling = (scores) => scores.map((_, place) => place).sort((a, b) => scores[b] - scores[a]);

Object.assign(KINDS, {
  confusion(data) {
    const cell = (row, column) => Math.max(0, Math.round(Number(find(`[data-cell="m,${row},${column}"]`).value) || 0));
    const counts = [0, 1, 2].map((row) => [0, 1, 2].map((column) => cell(row, column)));
    const all12 = sum(counts.flat());
    const right = sum([0, 1, 2].map((one) => counts[one][one]));
    const shown = (value) => (all12 ? fixed(value, 3) : "–");
    const scores = [0, 1, 2].map((one) => f1(counts[one][one], sum(counts.map((row) => row[one])), sum(counts[one])));
    scores.forEach((three, one) => ["precision", "recall", "f1"].forEach((name, place) => out(`${name}-${one}`, shown(three[place]))));
    out("accuracy", shown(right / all12));
    out("macro", shown(sum(scores.map((three) => three[2])) / 3));
    out("n", String(all12));
    for (const one of [0, 1, 2]) out(`n${one}${one}`, String(counts[one][one]));
    const truth = [0, 1, 2].map((row) => [0, 1, 2].map((column) => data.truth.filter((is, place) => is === row && data.said[place] === column).length));
    const wrong = sum([0, 1, 2].map((row) => [0, 1, 2].filter((column) => truth[row][column] !== counts[row][column]).length));
    const verdict = find("[data-verdict]");
    verdict.textContent = all12 === 0 ? "" : wrong ? verdict.dataset.wrong.replace("{count}", wrong) : verdict.dataset.right;
  },
  threshold(data) {
    const bar = Number(find('[data-input="threshold"]').value);
    const counted = (least) => {
      const found = data.scores.map((score) => score >= least);
      const count = (is, wanted) => found.filter((one, place) => one === is && data.relevant[place] === wanted).length;
      return [count(true, true), count(true, false), count(false, true), count(false, false)];
    };
    const four = counted(bar);
    ["tp", "fp", "fn", "tn"].forEach((name, place) => out(name, String(four[place])));
    const [p, r, f] = f1(four[0], four[0] + four[1], four[0] + four[2]);
    out("precision", four[0] + four[1] ? percent(p) : "–");
    out("recall", percent(r));
    out("f1", percent(f));
    out("accuracy_short", percent((four[0] + four[3]) / data.scores.length));
    put('[data-output="threshold"]', fixed(bar, 2));
    const points = falling(data.scores).map((place) => { const one = counted(data.scores[place]); return f1(one[0], one[0] + one[1], one[0] + one[2]); });
    const line = points.map(([precision, recall]) => `${fixed(recall * 100, 1)},${fixed(100 - precision * 100, 1)}`).join(" ");
    const here = four[0] + four[1] ? `<circle cx="${fixed(r * 100, 1)}" cy="${fixed(100 - p * 100, 1)}" r="3" class="mm-graph-here"/>` : "";
    svg("pr", `${AXES}<polyline points="${line}" class="mm-graph-line"/>${here}`);
    arrange(falling(data.scores), (place) => `${data.scores[place] >= bar ? "mm-found" : "mm-missed"} ${data.relevant[place] ? "mm-relevant" : ""}`, (place) => `${data.relevant[place] ? "✓ " : ""}${fixed(data.scores[place], 2)}`);
  },
  ranking(data) {
    const chosen = picked("query");
    const each = data.scores.map((scores, query) => {
      const order = falling(scores);
      const ranks = order.map((place, at) => [place, at + 1]).filter(([place]) => data.relevant[query][place]).map(([, rank]) => rank);
      return { order, ranks, ap: sum(ranks.map((rank, at) => (at + 1) / rank)) / ranks.length };
    });
    each.forEach((one, query) => out(`ap-${query}`, fixed(one.ap, 3)));
    out("map", fixed(sum(each.map((one) => one.ap)) / each.length, 3));
    const { order, ranks, ap } = each[chosen];
    out("ap", fixed(ap, 3));
    out("hits", ranks.join(", "));
    find('[data-terms="ap"]').innerHTML = `<mfrac><mn>1</mn><mn>${ranks.length}</mn></mfrac><mrow><mo>(</mo>${ranks.map((rank, at) => `<mfrac><mn>${at + 1}</mn><mn>${rank}</mn></mfrac>`).join("<mo>+</mo>")}<mo>)</mo></mrow>`;
    const last = ranks[ranks.length - 1];
    arrange(order, (place, at) => `${at < last ? "mm-found" : "mm-missed"} ${data.relevant[chosen][place] ? "mm-relevant" : ""}`, (place, at) => `${data.relevant[chosen][place] ? "✓ " : ""}${at + 1}`);
  },
  recall(data) {
    const [k, count, way] = [Number(find('[data-input="k"]').value), data.sizes[picked("size")], picked("way")];
    const some = [...Array(count).keys()].map((place) => Math.round(place * data.cosines.length / count));
    const cosine = (query, place) => (way ? data.cosines[place][query] : data.cosines[query][place]);
    // As near as the right one counts as before it.
    const ranks = some.map((query) => some.filter((place) => place !== query && cosine(query, place) >= cosine(query, query)).length + 1);
    const found = ranks.filter((rank) => rank <= k).length;
    put('[data-output="k"]', String(k));
    out("k", String(k));
    out("n", String(count));
    out("found", String(found));
    out("recall", percent(found / count, 1));
    out("chance", percent(Math.min(k / count, 1), 1));
    arrange(some, (_, at) => (ranks[at] <= k ? "mm-found mm-relevant" : "mm-missed"), (_, at) => `${ranks[at] <= k ? "✓ " : ""}${ranks[at]}`);
  },
  cider(data) {
    ask(`${data.picture}\n${find('[data-input="caption"]').value}`);
  },
  calibration(data) {
    const heat = Number(find('[data-input="heat"]').value);
    const rows = data.cosines.map((row) => softmax(row.map((value) => value / heat)));
    const sure = rows.map((row) => Math.max(...row));
    const right = rows.map((row, place) => (row.indexOf(sure[place]) === place ? 1 : 0));
    const bins = [...Array(data.bins).keys()].map((bin) => sure.map((_, place) => place).filter((place) => Math.min(Math.floor(sure[place] * data.bins), data.bins - 1) === bin));
    const average = (values, places) => sum(places.map((place) => values[place])) / places.length;
    const every = sure.map((_, place) => place);
    const [confidence, accuracy] = [average(sure, every), average(right, every)];
    put('[data-output="heat"]', fixed(heat, 3));
    out("confidence", percent(confidence, 1));
    out("accuracy", percent(accuracy, 1));
    out("gap", percent(Math.abs(confidence - accuracy), 1));
    out("ece", fixed(sum(bins.filter((one) => one.length).map((one) => Math.abs(average(sure, one) - average(right, one)) * one.length)) / sure.length, 3));
    const wide = 100 / data.bins;
    const bars = bins.map((one, bin) => {
      if (!one.length) return "";
      const high = average(right, one) * 100;
      return `<rect x="${bin * wide + 1}" y="${100 - high}" width="${wide - 2}" height="${high}" class="mm-graph-bar"/><text x="${(bin + 0.5) * wide}" y="${Math.min(98 - high, 96)}" class="mm-graph-count">${one.length}</text>`;
    }).join("");
    svg("bins", `${AXES}${bars}<path d="M0 100L100 0" class="mm-graph-diagonal"/>`);
  },
  groups(data) {
    const share = Number(find('[data-input="share"]').value) / 100;
    put('[data-output="share"]', String(Math.round(share * 100)));
    out("share", fixed(share, 2));
    out("mixed", fixed((1 - share) * data.rates[0] + share * data.rates[1], 3));
    const group = picked("group");
    const some = data.right.map((_, place) => place).filter((place) => group === 0 || data.drawn[place] === (group === 2));
    arrange(some, (place) => (data.right[place] ? "mm-found mm-relevant" : "mm-missed"), (place) => (data.right[place] ? "✓" : "✗"));
  },
});

REPLIES.cider = (answer) => {
  if (answer.problem) return;
  out("cider", fixed(answer.score, 2));
  answer.each.forEach((score, place) => {
    out(`score-${place}`, fixed(score, 2));
    const sentence = find(`[data-sentence="${place}"]`);
    const words = sentence.textContent.split(/(\s+)/);
    sentence.replaceChildren(...words.map((one) => {
      const plain = one.toLowerCase().replace(/[^a-z0-9-]/g, "");
      if (!plain || !answer.shared[place].includes(plain)) return one;
      const mark = document.createElement("mark");
      mark.textContent = one;
      return mark;
    }));
  });
};
