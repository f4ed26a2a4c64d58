// The page is complete without scripts. They open what is folded before printing, filter the ledger, hold two maps against
// each other, and keep what was chosen in the address: #s=NAME.VALUE;..., only what differs from the start.
"use strict";
const state = (function () {
  const most = 200;  // characters of an address that people still paste
  let known = {}, bound = [];
  function read() {
    const found = {};
    if (location.hash.startsWith("#s=")) {
      for (const part of location.hash.slice(3).split(";")) {
        const at = part.indexOf(".");
        try { if (at > 0) found[part.slice(0, at)] = decodeURIComponent(part.slice(at + 1)); } catch (error) { /* not ours */ }
      }
    }
    return found;
  }
  function write() {
    let text = "";
    for (const name of Object.keys(known).sort()) {
      const next = text + (text ? ";" : "") + name + "." + encodeURIComponent(known[name]).replace(/\./g, "%2E");
      if (("#s=" + next).length <= most) text = next;
    }
    try { history.replaceState(null, "", text ? "#s=" + text : location.pathname + location.search); } catch (error) { /* some viewers keep no history */ }
  }
  return {
    // field: a form control; its value at the start is not written.
    bind(name, field) { bound.push([name, field, field.value]); },
    save() {
      known = {};
      for (const [name, field, start] of bound) if (field.value !== start) known[name] = field.value;
      write();
    },
    restore() {  // whether the address held a selection
      const found = read();
      for (const [name, field, start] of bound) {
        const value = name in found ? found[name] : start;
        field.value = field.tagName === "SELECT" && !Array.from(field.options).some(function (o) { return o.value === value; }) ? start : value;
      }
      return Object.keys(found).length > 0;
    },
  };
})();

// On paper what is folded is open, but for what stands behind single answers and verdicts: that is as long as all the rest.
addEventListener("beforeprint", function () {
  document.querySelectorAll("details").forEach(function (d) {
    if (!d.open && !d.closest(".chooser, .ledger")) { d.open = true; d.dataset.printed = "1"; }
  });
});
addEventListener("afterprint", function () {
  document.querySelectorAll("details[data-printed]").forEach(function (d) { d.open = false; delete d.dataset.printed; });
});

// What scrolls sideways can be reached by the keyboard; what does not is no stop on the way.
function stops() {
  document.querySelectorAll(".art, .scroll").forEach(function (e) {
    if (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight + 1) e.tabIndex = 0;
    else e.removeAttribute("tabindex");
  });
}
addEventListener("resize", stops);
document.addEventListener("toggle", stops, true);

const shows = [];  // what to do after a selection was restored

(function () {  // the ledger of claims
  const form = document.getElementById("ledger-filter"), table = document.querySelector(".ledger");
  if (!form || !table) return;
  const rows = Array.from(table.querySelectorAll("tr.row"));
  function show() {
    const words = form.words.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach(function (row) {
      const d = row.dataset;
      row.hidden = !((!form.source.value || d.source === form.source.value)
        && (!form.kind.value || d.kind.split(" and ").includes(form.kind.value))
        && (!form.verdict.value || d.verdict === form.verdict.value)
        && (!words || row.textContent.toLowerCase().includes(words)));
      shown += !row.hidden;
    });
    table.querySelectorAll("tbody").forEach(function (body) { body.hidden = !body.querySelector("tr.row:not([hidden])"); });
    form.querySelector("output").textContent = shown + " of " + rows.length + " claims";
  }
  function reveal() {  // a link into the ledger leads to its row, whatever the filter
    const row = document.getElementById(location.hash.slice(1));
    if (row && row.closest(".ledger") && (row.hidden || row.closest("tbody").hidden)) { form.reset(); show(); row.scrollIntoView(); }
  }
  for (const name of ["source", "kind", "verdict", "words"]) state.bind("ledger-" + name, form.elements[name]);
  form.addEventListener("input", function () { show(); state.save(); });
  form.addEventListener("reset", function () { setTimeout(function () { show(); state.save(); }); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  addEventListener("hashchange", reveal);
  form.hidden = false;
  shows.push(show);
})();

(function () {  // two maps over all places
  const data = document.getElementById("pair-data"), form = document.getElementById("pair-form");
  if (!data || !form) return;
  const places = JSON.parse(data.textContent), names = new Set(), counts = new Map();
  places.forEach(function (p) { Object.keys(p.m).forEach(function (n) { names.add(n); }); counts.set(String(p.n), p.w); });
  const often = new Map();
  places.forEach(function (p) { Object.keys(p.m).forEach(function (n) { often.set(n, (often.get(n) || 0) + 1); }); });
  const order = Array.from(names).sort(), common = order.slice().sort(function (x, y) { return often.get(y) - often.get(x) || (x < y ? -1 : 1); });
  if (order.length < 2) { document.getElementById("pair-none").textContent = "No place has two maps yet."; return; }
  function fill(select, values, chosen) {
    values.forEach(function (v) { const o = document.createElement("option"); o.value = v[0]; o.textContent = v[1]; select.append(o); });
    if (chosen !== undefined) select.value = chosen;
  }
  fill(form.a, order.map(function (n) { return [n, n]; }), common[0]);
  fill(form.b, order.map(function (n) { return [n, n]; }), common[1]);
  fill(form.n, Array.from(counts).sort(function (x, y) { return x[0] - y[0]; }));
  function number(v) { return v < 0.095 ? v.toFixed(3) : v < 10 ? v.toFixed(2) : v < 100 ? v.toFixed(1) : v.toFixed(0); }
  function verdict(e, half, delta) {
    if (half === null) return "undecided";
    return e - half > delta ? "faster" : e + half < -delta ? "slower" : e - half > -delta && e + half < delta ? "equivalent" : "undecided";
  }
  function show() {
    const body = document.querySelector("#pair-table tbody"), a = form.a.value, b = form.b.value, tally = {};
    body.textContent = "";
    let shown = 0;
    places.forEach(function (p) {
      if (!(a in p.m) || !(b in p.m) || a === b || (form.n.value && String(p.n) !== form.n.value)) return;
      const x = p.m[a], y = p.m[b], effect = y[0] - x[0];
      const half = x[1] === null || y[1] === null ? null : Math.hypot(x[1], y[1]);
      const word = verdict(effect, half, p.d), row = document.createElement("tr");
      const texts = [p.q + (p.r ? ", " + p.r : ""), p.p, p.w + (p.o && !/oversubscribed/.test(p.w) ? ", oversubscribed" : ""), number(Math.exp(effect)) + "×",
        half === null ? "–" : number(Math.exp(effect - half)) + " to " + number(Math.exp(effect + half)), word];
      texts.forEach(function (text, i) {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (i === 3 || i === 4) cell.className = "n";
        if (i === 5) cell.className = word;
        row.append(cell);
      });
      body.append(row);
      tally[word] = (tally[word] || 0) + 1;
      shown += 1;
    });
    const parts = ["faster", "slower", "equivalent", "undecided"].filter(function (w) { return tally[w]; }).map(function (w) { return w + " at " + tally[w]; });
    form.querySelector("output").textContent = a === b ? "Choose two different maps."
      : shown ? a + " is " + parts.join(", ") + " of " + shown + (shown === 1 ? " place." : " places.") : "These two were never measured at the same place.";
  }
  for (const name of ["a", "b", "n"]) state.bind("pair-" + name, form.elements[name]);
  form.addEventListener("input", function () { show(); state.save(); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  document.getElementById("pair-none").hidden = true;
  form.hidden = document.getElementById("pair-scroll").hidden = document.getElementById("pair-how").hidden = false;
  shows.push(show);
})();

(function () {  // what the address says
  function restore() {
    const any = state.restore();
    shows.forEach(function (show) { show(); });
    if (any) {
      const first = /(?:^|[=;])pair-/.test(location.hash) ? "pairwise" : "ledger";
      document.getElementById(first).scrollIntoView();
    }
  }
  restore();
  stops();
  addEventListener("hashchange", function () { if (location.hash.startsWith("#s=")) restore(); });
})();
