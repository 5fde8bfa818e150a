// Draws the cells of a heatmap over the picture of its screen, and tells of the one the keyboard or pointer is at.
"use strict";

(() => {
  const { points, resolution, isOfOne } = JSON.parse(document.getElementById("heatmap-data").textContent);
  const canvas = document.getElementById("heatmap");
  const told = document.getElementById("heatmap-told");
  const greatest = Math.max(...points.map(([, , value]) => Math.abs(value)), 0);
  // What every browser draws: a longer or larger canvas stays empty in some.
  const MOST_PIXELS = { side: 8192, area: 16_000_000 };
  let chosen = -1;

  const share = (value) => (greatest ? Math.abs(value) / greatest : 0);
  // The root, so that what is touched less is seen too.
  const strength = (value) => Math.sqrt(share(value));

  function colour(value) {
    if (isOfOne) {
      return value < 0 ? `rgb(37 99 235 / ${0.3 + 0.5 * share(value)})` : `rgb(220 38 38 / ${0.3 + 0.5 * share(value)})`;
    }
    const t = strength(value);
    const [red, green, blue] = [255 - 35 * t, 214 - 176 * t, 10 + 28 * t].map(Math.round);
    return `rgb(${red} ${green} ${blue} / ${0.25 + 0.55 * t})`;
  }

  /** Canvas pixels for one of the page. */
  function scaleOf(width, height) {
    const most = Math.min(MOST_PIXELS.side / Math.max(width, height), Math.sqrt(MOST_PIXELS.area / (width * height)));
    return Math.min(window.devicePixelRatio || 1, most);
  }

  /** Where the cell around a centre begins, and how long it is: the last may be narrower. */
  function span(centre) {
    const begin = Math.floor(centre / resolution) * resolution;
    return [begin, Math.min(resolution, 1 - begin)];
  }

  function draw() {
    const scale = scaleOf(canvas.clientWidth, canvas.clientHeight);
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(canvas.clientHeight * scale);
    const context = canvas.getContext("2d");
    const cell = ([x, y]) => {
      const [left, width] = span(x);
      const [top, height] = span(y);
      return [left * canvas.width, top * canvas.height, width * canvas.width, height * canvas.height];
    };
    for (const point of points) {
      if (point[2] !== 0) {
        context.fillStyle = colour(point[2]);
        context.fillRect(...cell(point));
      }
    }
    if (chosen >= 0) {
      context.strokeStyle = "#1d4ed8";
      context.lineWidth = 2 * scale;
      context.strokeRect(...cell(points[chosen]));
    }
    canvas.dataset.drawn = String(points.length);
  }

  function choose(index) {
    chosen = index;
    const [x, y, value] = points[index];
    const place = `${(x * 100).toFixed(1)} % from the left, ${(y * 100).toFixed(1)} % from the top`;
    told.textContent = `${place}: ${Number(value.toFixed(2))}`;
    draw();
  }

  function nearest(x, y) {
    const distances = points.map(([left, top]) => Math.hypot(left - x, top - y));
    return distances.indexOf(Math.min(...distances));
  }

  const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step && points.length) {
      event.preventDefault();
      choose(chosen < 0 ? 0 : (chosen + step + points.length) % points.length);
    }
  });
  canvas.addEventListener("click", (event) => {
    if (points.length) choose(nearest(event.offsetX / canvas.clientWidth, event.offsetY / canvas.clientHeight));
  });
  new ResizeObserver(draw).observe(canvas);
})();
