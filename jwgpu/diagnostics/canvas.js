// The images of a viewer: panels that zoom and pan together, blink, and swipe. Python sends what is visible, reduced to
// the resolution of the screen, as one byte a pixel; colours, flags, marks and the cross are put on here.

const KEYS = "arrow keys move the pixel, + and - zoom, 0 shows all, b changes the image while blinking";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function bytes(view) {
  return view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array();
}

function render({ model, el }) {
  const view = { x: 0, y: 0, scale: 1 }; // pixel at the centre of a panel, screen pixels to a pixel
  let canvases = [], bitmaps = [], overlays = [], captions = [], bars = [];
  let fitted = true, waiting = false, again = false, hovering = false, hover = null;
  let mode = "side by side", front = 0, timer = null, divider = 0.5, width = 480, height = 480;

  const say = element("div", { class: "jw-readout", role: "status", "aria-live": "polite" });
  const panels = element("div", { class: "jw-panels" });
  const tools = element("div", { class: "jw-tools", role: "toolbar", "aria-label": "view" });
  const button = (text, label, act) => element("button", { type: "button", title: label, "aria-label": label, onclick: act }, text);
  const modes = element("select", { class: "jw-mode", "aria-label": "how the images are compared", title: "how the images are compared",
    onchange: () => setMode(modes.value) });
  for (const name of ["side by side", "blink", "swipe"]) modes.append(element("option", { value: name }, name));
  const speed = element("input", { type: "range", min: "0", max: "4", step: "0.5", value: "1.5", "aria-label": "blinks per second; 0 stops",
    title: "blinks per second; 0 stops", oninput: () => blink() });
  const swipe = element("input", { type: "range", class: "jw-swipe", min: "0", max: "1", step: "0.01", value: "0.5",
    "aria-label": "divider between the images", title: "divider between the images", oninput: () => { divider = +swipe.value; draw(); } });
  const which = element("span", { class: "jw-which" });
  tools.append(button("+", "zoom in (+)", () => zoom(2)), button("\u2212", "zoom out (-)", () => zoom(0.5)),
    button("all", "show the whole image (0)", fit), button("1:1", "one screen pixel to a pixel", () => { view.scale = 1; moved(); }),
    modes, speed, swipe, which);
  el.classList.add("jw-canvas");
  el.append(tools, panels, say);

  const shape = () => model.get("shape"); // first row, rows, columns
  const names = () => model.get("panels");
  const shown = () => (mode === "side by side" ? canvases.map((_, i) => i) : [0]);

  function build() {
    const wanted = names().length;
    if (canvases.length !== wanted) {
      panels.replaceChildren();
      canvases = []; captions = []; bars = [];
      for (let i = 0; i < wanted; i++) {
        const canvas = element("canvas", { tabindex: "0", role: "img" });
        const caption = element("figcaption", {}), bar = element("canvas", { width: "256", height: "1", class: "jw-bar", "aria-hidden": "true" });
        const scale = element("div", { class: "jw-scale" }, element("span"), bar, element("span"));
        panels.append(element("figure", {}, caption, canvas, scale));
        canvases.push(canvas); captions.push(caption); bars.push(scale);
        listen(canvas);
      }
    }
    modes.hidden = wanted < 2;
    setMode(wanted < 2 ? "side by side" : mode);
  }

  function setMode(name) {
    mode = modes.value = name;
    const two = mode !== "side by side";
    [...panels.children].forEach((figure, i) => { figure.hidden = two && i > 0; });
    speed.hidden = which.hidden = mode !== "blink";
    swipe.hidden = mode !== "swipe";
    front = 0;
    blink();
    resize();
  }

  function blink() {
    clearInterval(timer);
    if (mode === "blink" && +speed.value > 0) timer = setInterval(() => { front = 1 - front; draw(); }, 500 / +speed.value);
    draw();
  }

  function resize() {
    const before = width, count = shown().length, room = Math.max(el.clientWidth || 960, 240) - 10 * (count - 1);
    const [, rows, columns] = shape(), most = count === 1 ? 560 : 620;
    width = Math.max(160, Math.min(Math.floor(room / count) - 2, most));
    height = Math.round(Math.max(110, Math.min(width * rows / columns, width)));
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of canvases) {
      canvas.width = width * ratio; canvas.height = height * ratio;
      canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    }
    for (const figure of panels.children) figure.style.width = `${width}px`;
    if (fitted) { fit(); return; }
    view.scale *= width / before;
    moved();
  }

  function fit() {
    const [first, rows, columns] = shape();
    view.x = (columns - 1) / 2; view.y = first + (rows - 1) / 2;
    view.scale = Math.min(width / columns, height / rows);
    moved();
    fitted = true;
  }

  function zoom(factor, at) {
    const scale = Math.min(Math.max(view.scale * factor, 0.02), 80);
    if (at) { view.x = at.x + (view.x - at.x) * view.scale / scale; view.y = at.y + (view.y - at.y) * view.scale / scale; }
    view.scale = scale;
    moved();
  }

  function moved() { // draw what is there at its new place at once, and ask for what belongs there
    fitted = false;
    draw();
    if (waiting) { again = true; return; }
    waiting = true;
    const ratio = window.devicePixelRatio || 1, w = width / view.scale / 2, h = height / view.scale / 2;
    model.send({ kind: "window", x0: view.x - w, x1: view.x + w, y0: view.y - h, y1: view.y + h, pixels: Math.round(width * ratio) });
  }

  function paint() { // bytes from Python to bitmaps
    const tile = model.get("tile"), size = tile.width * tile.height, pixels = bytes(model.get("pixels")), layers = bytes(model.get("layers"));
    const palettes = bytes(model.get("palettes")), colours = model.get("colours").map(rgb);
    bitmaps = []; overlays = [];
    if (!size) return;
    names().forEach((panel, i) => {
      const palette = palettes.subarray(768 * i, 768 * (i + 1));
      bitmaps.push(bitmap(tile, (k, out, o) => {
        const v = pixels[size * i + k];
        const c = v === 255 ? [190, 190, 190] : [palette[3 * v], palette[3 * v + 1], palette[3 * v + 2]];
        out[o] = c[0]; out[o + 1] = c[1]; out[o + 2] = c[2]; out[o + 3] = 255;
      }));
      overlays.push(layers.length ? bitmap(tile, (k, out, o) => {
        const c = colours[layers[size * i + k] - 1];
        if (c) { out[o] = c[0]; out[o + 1] = c[1]; out[o + 2] = c[2]; out[o + 3] = 255; }
      }) : null);
      const [low, bar, high] = bars[i].children, ramp = bar.getContext("2d").createImageData(256, 1);
      for (let v = 0; v < 256; v++) ramp.data.set([...palette.subarray(3 * Math.min(v, 254), 3 * Math.min(v, 254) + 3), 255], 4 * v);
      bar.getContext("2d").putImageData(ramp, 0, 0);
      low.textContent = panel.low; high.textContent = `${panel.high} ${panel.unit}`;
      captions[i].textContent = panel.title;
      canvases[i].setAttribute("aria-label", `${panel.alt}. Keys: ${KEYS}`);
    });
  }

  function bitmap(tile, colour) {
    const made = element("canvas", { width: tile.width, height: tile.height }), context = made.getContext("2d");
    const image = context.createImageData(tile.width, tile.height);
    for (let row = 0; row < tile.height; row++) { // the first row is at the bottom
      const from = row * tile.width, to = 4 * (tile.height - 1 - row) * tile.width;
      for (let column = 0; column < tile.width; column++) colour(from + column, image.data, to + 4 * column);
    }
    context.putImageData(image, 0, 0);
    return made;
  }

  const toX = (x) => width / 2 + (x - view.x) * view.scale;
  const toY = (y) => height / 2 - (y - view.y) * view.scale;

  function lay(context, image, opacity = 1) {
    const tile = model.get("tile");
    const left = toX(tile.x0 - 0.5), bottom = toY(tile.y0 - 0.5), span = tile.step * view.scale;
    context.globalAlpha = opacity;
    if (image) context.drawImage(image, left, bottom - tile.height * span, tile.width * span, tile.height * span);
    context.globalAlpha = 1;
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1, [px, py] = model.get("pixel"), marks = model.get("marks");
    for (const i of shown()) {
      const context = canvases[i]?.getContext("2d"), over = mode === "blink" ? front : i;
      if (!context) continue;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.imageSmoothingEnabled = false;
      context.fillStyle = "#e4e4e4";
      context.fillRect(0, 0, width, height);
      lay(context, bitmaps[over]); lay(context, overlays[over], model.get("opacity"));
      if (mode === "swipe") {
        const at = divider * width;
        context.save(); context.beginPath(); context.rect(at, 0, width - at, height); context.clip();
        lay(context, bitmaps[1]); lay(context, overlays[1], model.get("opacity"));
        context.restore();
        context.fillStyle = "white"; context.fillRect(at - 1, 0, 2, height);
        which.textContent = "";
      }
      if (mode === "blink") { which.textContent = names()[front].title; captions[0].textContent = names()[front].title; }
      if (mode === "swipe") captions[0].textContent = `${names()[0].title}  |  ${names()[1].title}`;
      const half = Math.max(view.scale / 2, 5);
      for (const [style, line] of [["black", 3], ["white", 1.4]]) {
        context.strokeStyle = style; context.lineWidth = line;
        context.strokeRect(toX(px) - half, toY(py) - half, 2 * half, 2 * half);
      }
      for (const mark of marks) {
        if (mark.panel !== undefined && mark.panel !== over) continue;
        const a = Math.max((mark.a ?? mark.radius) * view.scale, 4), b = Math.max((mark.b ?? mark.radius) * view.scale, 4);
        const line = mark.line ?? 1.5;
        for (const [style, wide] of [["rgba(255,255,255,0.8)", line + 2], [mark.colour, line]]) {
          context.beginPath();
          context.ellipse(toX(mark.x), toY(mark.y), a, b, -(mark.angle ?? 0) * Math.PI / 180, 0, 2 * Math.PI);
          context.strokeStyle = style; context.lineWidth = wide; context.stroke();
        }
      }
    }
  }

  function listen(canvas) {
    let grabbed = null;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return { x: view.x + (event.clientX - box.left - width / 2) / view.scale, y: view.y - (event.clientY - box.top - height / 2) / view.scale };
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      grabbed = { x: event.clientX, y: event.clientY, dragged: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!grabbed) { ask(at(event)); return; }
      const dx = event.clientX - grabbed.x, dy = event.clientY - grabbed.y;
      if (!grabbed.dragged && Math.hypot(dx, dy) < 4) return;
      grabbed = { x: event.clientX, y: event.clientY, dragged: true };
      view.x -= dx / view.scale; view.y += dy / view.scale;
      moved();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (grabbed && !grabbed.dragged) pick(at(event).x, at(event).y);
      grabbed = null;
    });
    canvas.addEventListener("dblclick", (event) => zoom(2, at(event)));
    canvas.addEventListener("wheel", (event) => { // only where the image has the focus: a page must scroll past it
      if (document.activeElement !== canvas && !canvas.matches(":focus")) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 0.8, at(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const [x, y] = model.get("pixel"), far = event.shiftKey ? 10 : 1;
      const acts = { ArrowLeft: () => pick(x - far, y), ArrowRight: () => pick(x + far, y), ArrowUp: () => pick(x, y + far),
        ArrowDown: () => pick(x, y - far), "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: fit,
        b: () => { front = 1 - front; draw(); } };
      if (!acts[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault(); event.stopPropagation(); // a notebook takes single letters for commands
      acts[event.key]();
    });
  }

  function pick(x, y) {
    const [first, rows, columns] = shape();
    const column = Math.round(x), row = Math.round(y);
    if (column < 0 || column >= columns || row < first || row >= first + rows) return;
    model.set("pixel", [column, row]);
    model.save_changes();
  }

  function ask(place) {
    const [first, rows, columns] = shape(), x = Math.round(place.x), y = Math.round(place.y);
    if (x < 0 || x >= columns || y < first || y >= first + rows) return;
    hover = { kind: "hover", x, y };
    if (hovering) return;
    hovering = true;
    model.send(hover);
    hover = null;
  }

  const rgb = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  const events = {
    "change:panels": () => { if (names().length !== canvases.length) build(); },
    "change:shape": () => { fitted = true; resize(); },
    "change:pixel": draw,
    "change:marks": draw,
    "change:opacity": draw,
    "change:readout": () => { say.innerHTML = model.get("readout"); },
    "msg:custom": (message) => {
      if (message.kind === "painted") {
        paint(); draw();
        el.dataset.painted = String(1 + +(el.dataset.painted || 0));
        waiting = false;
        if (again) { again = false; const kept = fitted; moved(); fitted = kept; }
      } else if (message.kind === "readout") {
        say.innerHTML = message.text;
        hovering = false;
        if (hover) { model.send(hover); hovering = true; hover = null; }
      }
    },
  };
  for (const [name, act] of Object.entries(events)) model.on(name, act);
  const observer = new ResizeObserver(() => { if (el.clientWidth && Math.abs(el.clientWidth - room) > 4) { room = el.clientWidth; resize(); } });
  let room = 0;
  build(); paint(); say.innerHTML = model.get("readout");
  observer.observe(el);
  return () => {
    observer.disconnect(); clearInterval(timer);
    for (const [name, act] of Object.entries(events)) model.off(name, act);
  };
}

export default { render };
