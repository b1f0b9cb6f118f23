/* Lesson 5: what flows through a fusion. Lessons 5 and 6: trainings on the server that the page follows. */
const DULL = 3 / 16; // three times the even share: an even map looks dull and not bright all over
const SHOWN = 2; // numbers of a strip that are written out
const strip = (values, most) => {
  const colour = (value) => {
    const share = Math.min(Math.abs(value) / most, 1);
    return value < 0 ? `rgba(37, 99, 235, ${share.toFixed(2)})` : `rgba(217, 119, 6, ${share.toFixed(2)})`;
  };
  const width = 100 / values.length;
  return `linear-gradient(90deg, ${values.map((value, at) => `${colour(value)} ${(at * width).toFixed(2)}% ${((at + 1) * width).toFixed(2)}%`).join(", ")})`;
};
const courses = { step: null, names: [], count: 0 }; // trainings that are followed, and where
Object.assign(KINDS, {
  flow(data) {
    const chosen = picked("view");
    const now = { ...data.views[chosen] };
    const dial = find('[data-input="gate"]');
    if (dial) {
      const back = find('[data-pick="back"]');
      if (dial.dataset.view !== String(chosen) || back.getAttribute("aria-pressed") === "true") {
        dial.value = now.gate[0];
        dial.dataset.exact = now.gate[0];
      } else if (Number(dial.value) !== Number(dial.dataset.last)) delete dial.dataset.exact;
      dial.dataset.view = chosen;
      dial.dataset.last = dial.value;
      dial.disabled = chosen !== 0; // with one modality there is nothing to weigh
      back.setAttribute("aria-pressed", "false");
      back.disabled = chosen !== 0;
      // The slider moves in steps of 0.01; the model's own weight is shown and used as it is.
      const gate = dial.dataset.exact === undefined ? Number(dial.value) : Number(dial.dataset.exact);
      put('[data-output="gate"]', fixed(gate, 2));
      out("own", fixed(data.views[chosen].gate[0], 2));
      out("gate", fixed(gate, 2));
      out("rest", fixed(1 - gate, 2));
      const blend = (a, b) => a.map((value, at) => gate * value + (1 - gate) * b[at]);
      if (data.fusion === "weighted") {
        now.mixed = blend(now.text, now.image);
        now.logits = blend(now.text_logits, now.image_logits);
        out("text_logit", minus(now.text_logits[2], 2));
        out("image_logit", minus(now.image_logits[2], 2));
      } else {
        const mean = blend(now.text_opinion, now.image_opinion);
        now.logits = mean.map((value) => Math.log(Math.max(value, 1e-8)));
        out("text_opinion", fixed(now.text_opinion[2], 3));
        out("image_opinion", fixed(now.image_opinion[2], 3));
        out("mean", fixed(mean[2], 3));
      }
      now.answer = softmax(now.logits.map((value) => value / now.temperature));
    }
    out("logit", minus(now.logits[2], 2));
    out("temperature", fixed(now.temperature, 2));
    now.logits.forEach((value, at) => out(`logit_${at}`, minus(value, 2)));
    out("answer", fixed(now.answer[2], 3));
    if (data.fusion === "multitask") {
      const losses = {};
      for (const part of ["text", "both", "image"]) {
        const shares = softmax(now[`${part}_logits`]);
        const there = part === "text" ? chosen !== 2 : part === "image" ? chosen !== 1 : chosen === 0;
        now[`${part}_answer`] = there ? shares : null;
        losses[part] = there ? -Math.log(shares[data.label]) : null;
        out(`loss_${part}`, there ? fixed(losses[part], 2) : "–");
      }
      const there = Object.values(losses).filter((value) => value !== null);
      out("loss", fixed(sum(there) / there.length, 2));
      out("count", String(there.length));
    }
    for (const node of all(".mm-node")) {
      const name = node.dataset.node;
      const values = now[name];
      const gone = !values || !values.length || (chosen === 2 && name === "text_opinion") || (chosen === 1 && name === "image_opinion");
      node.classList.toggle("mm-gone", gone);
      const bar = find(`[data-strip="${name}"]`);
      if (bar) {
        // The full colour stands for the 97th percentile: a few large values would make all others white.
        const sizes = data.views.flatMap((view) => (view[name] ?? []).map(Math.abs)).sort((a, b) => a - b);
        const most = sizes[Math.floor(sizes.length * 0.97)] || 1;
        bar.style.background = gone ? "none" : strip(values, most);
        put(`[data-first="${name}"]`, gone ? "–" : `${values.slice(0, SHOWN).map((value) => minus(value, 2)).join(", ")} …`);
      }
      for (const place of [0, 1, 2]) {
        const score = find(`[data-score="${name},${place}"]`);
        if (!score) continue;
        score.textContent = gone ? "–" : percent(values[place], 1);
        find(`[data-bar="${name},${place}"]`).style.setProperty("--share", gone ? 0 : values[place].toFixed(3));
      }
    }
    if (!data.attention) return;
    const rows = data.attention;
    const most = Math.max(...rows.flat(), DULL);
    rows.forEach((row, at) => row.forEach((value, place) => {
      const cell = find(`[data-weight="${at},${place}"]`);
      cell.style.setProperty("--share", (value / most).toFixed(3));
      cell.title = fixed(value, 3);
    }));
    const row = rows[pressed("word")];
    all(".mm-matrix tr").forEach((line, at) => line.classList.toggle("mm-lit", at === pressed("word")));
    paint(grid("regions"), row, 3, DULL);
    out("largest", percent(Math.max(...row), 1));
    out("even", fixed(even(row), 1));
  },
  courses(data) {
    const button = find('[data-pick="course"][aria-pressed="true"]');
    if (!button) return;
    button.setAttribute("aria-pressed", "false"); // it starts something; it does not stay pressed
    const name = data.names[Number(button.dataset.value)];
    const step = find(".mm-step");
    const idle = courses.step !== step || !courses.names.length;
    courses.names = [...(courses.step === step ? courses.names : []).filter((other) => other !== name), name];
    courses.step = step;
    if (idle) follow();
  },
});
/* Asks how far the trainings are, one after the other, until all are over or the visitor has gone on. */
const follow = () => {
  if (find(".mm-step") !== courses.step || !courses.names.length) return;
  courses.count += 1;
  ask(`${courses.names[courses.count % courses.names.length]} ${courses.count}`);
};
REPLIES.courses = (answer, data, asked) => {
  const status = find("[data-status]");
  if (answer.problem) {
    status.innerHTML = answer.problem;
    courses.names = [];
    return;
  }
  const name = asked.split(" ")[0];
  const points = answer.accuracy;
  const x = (at) => 30 + at * 284 / data.epochs;
  find(`[data-line="${name}"]`).setAttribute("points", [0.5, ...points].map((value, at) => `${x(at).toFixed(1)},${(170 - value * 156).toFixed(1)}`).join(" "));
  const row = find(`[data-result="${name}"]`);
  row.querySelector("[data-accuracy]").textContent = points.length ? percent(points[points.length - 1]) : "";
  row.querySelector("[data-epoch]").textContent = points.length ? String(points.length) : "";
  const words = answer.over ? status.dataset.done : points.length ? status.dataset.training : status.dataset.reading;
  status.textContent = words.replace("#", answer.done).replace("%", answer.of);
  if (answer.over && answer.looks) {
    const table = find("[data-looks] table");
    const most = Math.max(...answer.looks.flat(), DULL);
    table.replaceChildren(...answer.looks.map((weights, at) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      head.textContent = answer.words[at];
      head.scope = "row";
      head.lang = "en";
      line.append(head, ...weights.map((value) => {
        const cell = document.createElement("td");
        cell.style.setProperty("--share", (value / most).toFixed(3));
        cell.title = fixed(value, 3);
        return cell;
      }));
      return line;
    }));
    find("[data-looks]").hidden = false;
  }
  if (answer.over) courses.names = courses.names.filter((other) => other !== name);
  setTimeout(follow, 400);
};
