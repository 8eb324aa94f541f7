// The report's chart and table. All numbers come from the JSON in the page; nothing is loaded from elsewhere.
"use strict";
(() => {
  const { title, axes, num_objectives: numObjectives, fields, picks, points, staircases } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const chart = byId("chart");
  const family = "system-ui, 'DejaVu Sans', sans-serif";
  const state = { x: 0, y: Math.min(1, axes.length - 1), sortBy: null, descending: false, chosen: null };

  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const name = (axis) => axes[axis].name + (axes[axis].unit ? ` [${axes[axis].unit}]` : "");
  const shown = (axis, log) => (point) => point.values[axis] !== null && (!log || point.values[axis] > 0);

  function hover(point) {
    const lines = point.fields.map((value, i) => `${escape(fields[i])}: <b>${escape(value)}</b>`);
    const shownAxes = new Set([...axes.keys()].slice(0, numObjectives).concat([state.x, state.y]));
    lines.push(...[...shownAxes].map((axis) => `${escape(axes[axis].name)}: <b>${escape(point.texts[axis])}</b>`));
    return [...point.picks.map((pick) => `<b>${escape(pick)}</b>`), ...lines].join("<br>");
  }

  // The corners of the front of the two chosen objectives; they were found before, by pareto.staircase.
  function staircase(logX, logY) {
    const swapped = state.x > state.y;
    const [first, second] = swapped ? [state.y, state.x] : [state.x, state.y];
    const [logFirst, logSecond] = swapped ? [logY, logX] : [logX, logY];
    const lines = staircases[`${first} ${second}`];
    const steps = lines.length === 1 ? lines[0] : lines[(logFirst ? 1 : 0) + (logSecond ? 2 : 0)];
    return swapped ? steps.map(([a, b]) => [b, a]).reverse() : steps;
  }

  function markers(rows, label, marker, extra = {}) {
    return {
      type: "scatter", mode: "markers", name: label, marker,
      x: rows.map((point) => point.values[state.x]), y: rows.map((point) => point.values[state.y]),
      text: rows.map(hover), hovertemplate: "%{text}<extra></extra>", customdata: rows.map((point) => point.index), ...extra,
    };
  }

  function traces(visible, logX, logY) {
    const steps = staircase(logX, logY);
    const others = visible.filter((point) => point.eligible && !point.front);
    const cut = visible.filter((point) => !point.eligible);
    const chosen = visible.filter((point) => point.index === state.chosen);
    // Of two marks on one point the later and smaller one lies on top.
    const styles = [["diamond", "#a34700", 19], ["star", "#1a7a3a", 13], ["square", "#6a3d9a", 9]];
    return [
      { type: "scatter", mode: "lines", name: "front of these two", x: steps.map((s) => s[0]), y: steps.map((s) => s[1]),
        line: { color: "#0b62a4", width: 1.5 }, opacity: 0.6, hoverinfo: "skip" },
      markers(cut, "outside the limits", { color: "#9aa5b1", symbol: "x-thin-open", size: 7 }),
      markers(others, "other points", { color: "#b4bdc7", size: 7 }),
      markers(visible.filter((point) => point.front), "front of all objectives",
        { color: "#0b62a4", size: 9, line: { color: "#fff", width: 1 } }),
      ...picks.map((pick, i) => markers(visible.filter((point) => point.picks.includes(pick)), pick,
        { symbol: styles[i % 3][0], color: styles[i % 3][1], size: styles[i % 3][2], line: { color: "#fff", width: 1.5 } })),
      markers(chosen, "chosen", { symbol: "circle-open", color: "#111", size: 20, line: { width: 2.5 } },
        { showlegend: false, hoverinfo: "skip", hovertemplate: undefined }),
    ].filter((trace, i) => trace.x.length || i === 0);
  }

  function axisLayout(axis, log) {
    const arrow = axes[axis].sense === "max" ? "higher is better" : "lower is better";
    return { title: { text: `${escape(name(axis))}<br><sub>${arrow}</sub>` }, type: log ? "log" : "linear",
      gridcolor: "#e8ecf0", zeroline: false, linecolor: "#9aa5b1", automargin: true, exponentformat: "SI" };
  }

  function draw() {
    for (const side of ["x", "y"]) {
      const box = byId(`log-${side}`);
      box.disabled = !points.some((point) => point.values[state[side]] > 0);
      box.checked = box.checked && !box.disabled;
    }
    const logX = byId("log-x").checked, logY = byId("log-y").checked;
    const visible = points.filter(shown(state.x, logX)).filter(shown(state.y, logY));
    const layout = { uirevision: [state.x, state.y, logX, logY].join(), xaxis: axisLayout(state.x, logX), yaxis: axisLayout(state.y, logY), hovermode: "closest",
      margin: { t: 10, r: 20, b: 60, l: 70 }, legend: { orientation: "h", y: -0.2 }, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
      font: { family, color: "#1c2733" }, hoverlabel: { align: "left", font: { family } } };
    Plotly.react(chart, traces(visible, logX, logY), layout, { responsive: true, displaylogo: false,
      modeBarButtons: [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]], toImageButtonOptions: { filename: "front" } });
    chart.setAttribute("aria-label", `${title}: ${name(state.y)} over ${name(state.x)}, ${visible.length} points`);
    const hidden = points.length - visible.length;
    byId("status").textContent = hidden ? `${hidden} points have no value on these axes and are not drawn` : "";
  }

  // The columns of the table: what names a point, its objectives, then the rest of its configuration.
  const fieldColumns = fields.map((label, i) => ({ label, hint: "sort", text: (point) => point.fields[i] }));
  const axisColumns = axes.slice(0, numObjectives).map((axis, i) => ({
    label: axis.name, hint: axis.meaning || "sort", text: (point) => point.texts[i], number: (point) => point.values[i],
  }));
  const columns = [...fieldColumns.slice(0, 1), ...axisColumns, ...fieldColumns.slice(1)];

  function heading(column) {
    const cell = document.createElement("th");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.label.replaceAll("_", "_\u200b");
    button.title = column.hint;
    button.addEventListener("click", () => {
      state.descending = state.sortBy === column && !state.descending;
      state.sortBy = column;
      fill();
    });
    cell.scope = "col";
    cell.append(button);
    if (state.sortBy === column) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    return cell;
  }

  // Points without a value come last in both directions.
  function order(a, b) {
    const column = state.sortBy;
    if (column === null) return b.front - a.front || a.index - b.index;
    const [p, q] = [a, b].map(column.number || column.text);
    if (p === null || q === null) return (p === null) - (q === null) || a.index - b.index;
    const compared = column.number ? p - q : p.localeCompare(q, "en", { numeric: true });
    return (state.descending ? -compared : compared) || a.index - b.index;
  }

  function rowOf(point) {
    const row = document.createElement("tr");
    row.tabIndex = 0;
    row.dataset.index = point.index;
    row.classList.toggle("front", point.front);
    row.setAttribute("aria-selected", point.index === state.chosen);
    for (const column of columns) {
      const cell = row.insertCell();
      cell.textContent = cell.title = column.text(point);
      cell.classList.toggle("number", column.number !== undefined);
    }
    for (const pick of point.picks) {
      const tag = document.createElement("span");
      tag.className = `tag pick-${picks.indexOf(pick) % 3}`;
      tag.textContent = pick;
      row.cells[0].append(" ", tag);
    }
    return row;
  }

  function fill() {
    const head = document.createElement("tr");
    head.append(...columns.map(heading));
    const rows = points.filter((point) => point.front || !byId("front-only").checked).sort(order);
    byId("table").tHead.replaceChildren(head);
    byId("table").tBodies[0].replaceChildren(...rows.map(rowOf));
  }

  function choose(index, scroll) {
    state.chosen = state.chosen === index ? null : index;
    if (scroll && !points.find((point) => point.index === index).front) byId("front-only").checked = false;
    fill();
    draw();
    const row = byId("table").querySelector("tr[aria-selected='true']");
    if (row && scroll) row.scrollIntoView({ block: "nearest" });
    else if (row) row.focus({ preventScroll: true });
  }

  for (const side of ["x", "y"]) {
    byId(side).append(...axes.map((_, i) => new Option(name(i), i, false, i === state[side])));
    byId(side).addEventListener("change", (event) => { state[side] = Number(event.target.value); draw(); });
    byId(`log-${side}`).addEventListener("change", draw);
  }
  byId("front-only").addEventListener("change", fill);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  const rowIndex = (event) => event.target.closest("tbody tr")?.dataset.index;
  byId("table").addEventListener("click", (event) => rowIndex(event) && choose(Number(rowIndex(event)), false));
  byId("table").addEventListener("keydown", (event) => {
    if (rowIndex(event) && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(Number(rowIndex(event)), false);
    }
  });
  fill();
  draw();
  chart.on("plotly_click", (event) => choose(event.points[0].customdata, true));
})();
