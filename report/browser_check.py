# SPDX-License-Identifier: Apache-2.0
"""Opens a paper in a real browser and looks for what only a browser can tell. Run by hand; exit 1 when something is wrong.

    bazel run //report:browser_check -- results/latest [--axe axe.min.js] [--pictures DIR] [--pdf FILE]

At widths from 360 to 1920 pixels, in the light and the dark theme: errors of scripts, requests, overflow sideways, text of
less contrast than 4.5:1 to what is behind it, controls that the keyboard does not reach, and selections that the address
does not bring back. With --axe (from `npm pack axe-core`) also what that checker finds.

It needs Chromium (Debian: chromium), which the suite does not: 300 MB on every machine for one test, whose outcome would
change with the browser. What can be told from the document alone is page_test, which the suite runs.
"""

import argparse
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WIDTHS = (360, 600, 768, 1060, 1280, 1920)
THEMES = {"light": "1", "dark": "0"}  # blink's preferredColorScheme

_EARLY = """<script>
window.__wrong = [];
addEventListener("error", function (e) {
  window.__wrong.push(e.target === window ? "script: " + e.message : "request: " + (e.target.src || e.target.href) + " fails"); }, true);
addEventListener("unhandledrejection", function (e) { window.__wrong.push("script: " + e.reason); });
["error", "warn"].forEach(function (n) { const was = console[n]; console[n] = function () {
  window.__wrong.push("console: " + Array.from(arguments).join(" ")); was.apply(console, arguments); }; });
</script>"""

_LATE = """<script>
(async function () {
  const wrong = window.__wrong, wide = document.documentElement.clientWidth;
  performance.getEntriesByType("resource").forEach(function (r) { if (!r.name.startsWith("data:")) wrong.push("request: " + r.name); });
  document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  if (document.documentElement.scrollWidth > wide) {
    wrong.push("overflow: the page is " + document.documentElement.scrollWidth + " wide in " + wide);
    Array.from(document.querySelectorAll("body *")).filter(function (e) {
      return !e.closest(".scroll, svg, .out, .art") && e.getBoundingClientRect().right > wide + 1; }).slice(0, 5).forEach(function (e) {
      wrong.push("overflow: " + e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 60)); });
  }
  function parse(c) { const m = c.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : m.concat([1]); }
  function light(c) { const v = c.slice(0, 3).map(function (x) { x /= 255; return x <= 0.03928 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4); });
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; }
  function behind(e) { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; }
  const faint = new Set();
  document.querySelectorAll("body *").forEach(function (e) {
    if (e.closest("svg, script, style, .out, [hidden]") || !Array.from(e.childNodes).some(function (n) { return n.nodeType === 3 && n.data.trim(); })) return;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.495) faint.add("contrast: " + ratio.toFixed(2) + " of " + e.tagName + "." + e.className + " in " + (e.parentElement.className || e.parentElement.tagName));
  });
  Array.from(faint).slice(0, 10).forEach(function (f) { wrong.push(f); });
  const drawn = getComputedStyle(document.body).backgroundColor;
  document.querySelectorAll("a[href], button, select, input, summary").forEach(function (e) {
    if (e.closest("[hidden]") || e.disabled) return;
    e.focus({preventScroll: true});
    if (document.activeElement !== e) wrong.push("keyboard: " + e.tagName + " " + e.textContent.trim().slice(0, 40) + " takes no focus");
  });
  const ledger = document.getElementById("ledger-filter"), pair = document.getElementById("pair-form");
  function change(field, value) { field.value = value; field.dispatchEvent(new Event("input", {bubbles: true})); }
  async function turn() { await new Promise(function (r) { setTimeout(r, 30); }); }
  if (ledger && !ledger.hidden) {
    change(ledger.kind, "measured"); change(ledger.words, "a.b;c=ü&<");
    const kept = location.hash;
    if (kept.length > 200) wrong.push("address: " + kept.length + " characters");
    ledger.reset(); await turn();
    if (location.hash !== "") wrong.push("address: " + location.hash + " after everything is as at the start");
    location.hash = kept; await turn();
    if (ledger.kind.value !== "measured" || ledger.words.value !== "a.b;c=ü&<") wrong.push("address: the ledger's filter does not come back from " + kept);
    location.hash = "#s=ledger-kind.nonsense;pair-a.;x.y"; await turn();
    if (ledger.kind.value !== "") wrong.push("address: nonsense is taken");
    location.hash = "#s="; await turn();
  }
  if (pair && !pair.hidden) {
    const first = pair.a.value, other = Array.from(pair.a.options).map(function (o) { return o.value; }).find(function (v) { return v !== first && v !== pair.b.value; });
    if (other) {
      change(pair.a, other); const kept = location.hash, said = pair.querySelector("output").textContent;
      change(pair.a, first); location.hash = kept; await turn();
      if (pair.a.value !== other || pair.querySelector("output").textContent !== said) wrong.push("address: the pair does not come back from " + kept);
    }
    change(pair.a, pair.b.value);
    if (!/different/.test(pair.querySelector("output").textContent)) wrong.push("pair: a map against itself is not refused");
  }
  if (window.axe) {
    const found = await window.axe.run(document, {resultTypes: ["violations"]});
    found.violations.forEach(function (v) { wrong.push("axe: " + v.id + " (" + v.impact + "), " + v.nodes.length + " times: " + v.help + "; " + v.nodes[0].html.slice(0, 160)); });
  }
  const out = document.createElement("pre"); out.id = "browser-check"; out.textContent = JSON.stringify({wrong: wrong, paper: drawn, axe: !!window.axe});
  document.body.append(out);
})();
</script>"""


LONGEST_S = 600  # that a browser may take with a page


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    raise SystemExit("browser_check: there is no Chromium; install Debian's package chromium.")


def call(browser, profile, *flags):
    try:
        return subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
             "--force-device-scale-factor=1", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
            timeout=LONGEST_S).stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return ""


def check(browser, profile, page, width, theme):
    """What is wrong with a page at a width in a theme; and its background, to see that the theme was applied."""
    said = call(browser, profile, f"--window-size={width},1200", f"--blink-settings=preferredColorScheme={THEMES[theme]}",
                "--virtual-time-budget=60000", "--dump-dom", page.as_uri())
    found = re.search(r'<pre id="browser-check">(.*?)</pre>', said, re.DOTALL)
    if not found:
        return {"wrong": [f"the page was not finished after {LONGEST_S} s, or its script died"], "paper": "", "axe": False}
    return json.loads(html.unescape(found.group(1)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a results directory with a paper, or a page")
    parser.add_argument("--axe", help="axe.min.js, to run that checker too")
    parser.add_argument("--pictures", help="a directory for a picture at every width and theme")
    parser.add_argument("--pdf", help="the page as it is printed")
    parser.add_argument("--widths", default=",".join(map(str, WIDTHS)), help="in pixels; %(default)s")
    args = parser.parse_args()
    base = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    page = base / args.run
    page = page / "report/index.html" if page.is_dir() else page
    if not page.is_file():
        raise SystemExit(f"browser_check: there is no paper at {page}; make it with: bazel run //report -- RUN")
    text, browser, failed = page.read_text(encoding="utf-8"), chromium(), False
    axe = f"<script>{(base / args.axe).read_text(encoding='utf-8')}</script>" if args.axe else ""
    with tempfile.TemporaryDirectory() as folder:
        copy, profile = pathlib.Path(folder) / "page.html", f"{folder}/profile"
        copy.write_text(text.replace("<head>", "<head>" + _EARLY, 1).replace("</body>", axe + _LATE + "</body>", 1),
                        encoding="utf-8")
        papers = {}
        for width in map(int, args.widths.split(",")):
            for theme in THEMES:
                found = check(browser, profile, copy, width, theme)
                papers.setdefault(theme, found["paper"])
                failed |= bool(found["wrong"])
                print(f"{width:5} {theme:5} {'ok' if not found['wrong'] else 'WRONG'}{' (axe too)' if found['axe'] else ''}")
                for line in found["wrong"]:
                    print(f"        {line}")
                if args.pictures:
                    out = base / args.pictures
                    out.mkdir(parents=True, exist_ok=True)
                    call(browser, profile, f"--window-size={width},6000", f"--screenshot={out / f'{width}-{theme}.png'}",
                         f"--blink-settings=preferredColorScheme={THEMES[theme]}", page.absolute().as_uri())
        if papers["light"] == papers["dark"]:
            print("the two themes are the same")
            failed = True
        if args.pdf:
            call(browser, profile, "--no-pdf-header-footer", f"--print-to-pdf={(base / args.pdf).absolute()}",
                 page.absolute().as_uri())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
