/* Lesson 2: a kernel slid over a picture, feature maps by depth, neighbours of words, sizes. */
const draw = (name, side, level) => {
  const context = find(`[data-canvas="${name}"]`).getContext("2d");
  const image = context.createImageData(side, side);
  for (let place = 0; place < side * side; place += 1) {
    image.data.fill(Math.max(0, Math.min(255, Math.round(level(place)))), 4 * place, 4 * place + 3);
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return context;
};
const whole = (value) => Math.round(value).toLocaleString("en");

Object.assign(KINDS, {
  convolution(data) {
    const view = find(".mm-live");
    const cells = all('[data-cell^="k,"]');
    const preset = String(picked("kernel"));
    if ((view.dataset.kernel ?? String(data.start)) !== preset) cells.forEach((cell, place) => { cell.value = data.kernels[Number(preset)][place]; });
    view.dataset.kernel = preset;
    const kernel = cells.map((cell) => Number(cell.value) || 0);
    const pixels = Uint8Array.from(atob(data.pixels), (letter) => letter.charCodeAt(0));
    const inner = data.side - 2;
    const under = (column, row) => kernel.map((_, place) => pixels[(row + Math.floor(place / 3)) * data.side + column + place % 3]);
    const at = (column, row) => sum(under(column, row).map((value, place) => value * kernel[place]));
    const values = Array.from({ length: inner * inner }, (_, place) => at(place % inner, Math.floor(place / inner)));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    // A kernel that keeps the brightness is shown as it is; others are stretched from black to white.
    const keeps = low >= 0 && high <= 255;
    draw("after", inner, (place) => (keeps ? values[place] : (values[place] - low) / (high - low || 1) * 255));
    const [x, y] = ["x", "y"].map((name) => Number(find(`[data-input="${name}"]`).value));
    const frame = draw("before", data.side, (place) => pixels[place]);
    frame.strokeStyle = "#facc15";
    frame.strokeRect(x - 0.5, y - 0.5, 4, 4);
    under(x, y).forEach((value, place) => { out(`x${place}`, String(value)); out(`k${place}`, fixed(kernel[place], 2).replace(/\.?0+$/, "").replace("-", "−")); });
    out("sum", minus(at(x, y), 1));
    out("low", minus(low, 0));
    out("high", minus(high, 0));
    put('[data-output="x"]', String(x));
    put('[data-output="y"]', String(y));
  },
  depth(data) {
    const chosen = picked("depth");
    for (const one of all("[data-depth]")) one.hidden = Number(one.dataset.depth) !== chosen;
    const [channels, side, seen] = data.shapes[chosen];
    out("shape", `${channels} × ${side} × ${side}`);
    out("numbers", whole(channels * side * side));
    out("field", `${seen} × ${seen}`);
    out("c", whole(channels));
    out("s", String(side));
  },
  neighbours() { ask(find('[data-input="typed"]').value.trim()); },
  sizes(data) {
    const [vocabulary, width, layers] = ["vocabulary", "width", "layers"].map((name) => Number(find(`[data-input="${name}"]`).value));
    const count = vocabulary * width + 130 * width + layers * (12 * width * width + 13 * width);
    const side = 100 * Math.sqrt(count / data.most);
    const square = find('[data-own="square"]');
    for (const [name, value] of [["y", 100 - side], ["width", side], ["height", side]]) square.setAttribute(name, value.toFixed(1));
    const top = Math.min(0, 99 - side); // a larger one makes the others look smaller
    find(".mm-sizes").setAttribute("viewBox", `0 ${top.toFixed(1)} ${Math.max(data.wide, Number(square.getAttribute("x")) + side + 2).toFixed(1)} ${(116 - top).toFixed(1)}`);
    out("own", whole(count));
    out("share", percent(count / data.most));
    out("v", whole(vocabulary));
    out("d", String(width));
    out("l", String(layers));
    put('[data-output="vocabulary"]', whole(vocabulary));
    put('[data-output="width"]', String(width));
    put('[data-output="layers"]', String(layers));
  },
});
REPLIES.neighbours = (answer) => {
  find("[data-problem]").innerHTML = answer.problem ?? "";
  if (!answer.near) return;
  answer.near.forEach(([name, cosine], place) => {
    put(`[data-near="${place}"]`, name);
    put(`[data-cosine="${place}"]`, minus(cosine, 3));
    find(`[data-bar="${place}"]`).style.width = `${Math.max(0, cosine) * 100}%`;
  });
  out("first", fixed(answer.near[0][1], 3));
};
