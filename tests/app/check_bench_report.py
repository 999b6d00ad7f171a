#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of `aift bench` in a browser: the figure is drawn, choices work, nothing is asked for from
outside, text has contrast and stays within the page at two widths, in both colour schemes."""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from check_report import check, probe, script_digest  # noqa: E402

PLAN = """
title = "A <test> of the page"
seeds = 3
initial = 6
budget = 5
rounds = 3
l2 = 0.1
selectors = ["random", "margin", "entropy", "k_center", "badge", "max_herding", "uherding", "typiclust"]
[[tasks]]
generate = "noise_cluster"
pool = 60
test = 60
[[tasks]]
name = "second & last"
generate = "outliers"
pool = 60
test = 60
label_noise = 0.2
"""

PROBE = r"""
<!doctype html><html><body style="margin:0"><iframe id="f" style="border:0;width:%(width)dpx;height:2400px"
src="%(report)s"></iframe><pre id="result">none</pre><script>
document.getElementById("f").addEventListener("load",function(){
var out={},w=this.contentWindow,d=w.document,$=function(s){return Array.from(d.querySelectorAll(s))},
id=function(s){return d.getElementById(s)};
function lines(){return $("#figure .line").map(function(e){return e.parentNode.getAttribute("data-selector")})}
function heads(){return $("h3").filter(function(e){return e.offsetParent!==null}).map(function(e){return e.textContent})}
function pick(what,value){id(what).value=value;id(what).dispatchEvent(new w.Event("change",{bubbles:true}))}
try{
if(%(dark)s)id("theme").click();
out.dark=w.getComputedStyle(d.documentElement).colorScheme;
out.scroll=d.documentElement.scrollWidth;
out.first=lines();out.bands=$("#figure .band").length;out.heads=[heads()];
function ticks(){$("#figure .yt").forEach(function(e){out.ticks.push(+e.textContent)})}
out.ticks=[];ticks();
out.path=d.querySelector("#figure .line").getAttribute("d");
id("x-log2").click();out.pathLog=d.querySelector("#figure .line").getAttribute("d");
pick("task","1");out.heads.push(heads());out.pathTask=d.querySelector("#figure .line").getAttribute("d");
ticks();pick("metric","2");out.heads.push(heads());ticks();
id("show-all").click();out.all=lines().length;out.bandsAll=$("#figure .band").length;
out.rowsAll=$("[data-row]").filter(function(e){return e.offsetParent!==null}).length;
id("show-base").click();out.base=lines();
out.rowsBase=$("[data-row]").filter(function(e){return e.offsetParent!==null}).length;
id("show-all").click();
%(contrast)sout.unlabelled=$("select,input").filter(function(e){return !e.labels.length}).length
 +$("svg.curve:not([aria-label])").length;
out.unreachable=$("a[href],button,select,input").filter(function(e){return e.tabIndex<0}).length;
out.requests=w.performance.getEntriesByType("resource").map(function(e){return e.name});
}catch(e){out.error=String(e)}
document.getElementById("result").textContent=JSON.stringify(out);
});</script></body></html>
"""


def check_files(out):
    curves = (out / "curves.csv").read_text().splitlines()
    check(len(curves) == 1 + 2 * 3 * (8 * 4 + 1), "curves.csv has", len(curves), "lines")
    summary = json.loads((out / "summary.json").read_text())
    check([t["task"] for t in summary["tasks"]] == ["noise_cluster", "second & last"],
          "summary.json has other tasks")
    for name in ("summary.csv", "mean_curves.csv", "summary.md", "plan.toml"):
        check((out / name).stat().st_size > 0, name, "is empty")
    # The areas of summary.json once more, from the raw curves alone.
    columns = curves[0].split(",")
    rows = [dict(zip(columns, line.split(","))) for line in curves[1:]]
    asked = [r for r in rows if r["round"] != "0"]
    check(len(asked) == 2 * 3 * 8 * 3 and all(int(r["bytes_select"]) > 0 for r in asked),
          "a query has no memory")
    # A selector on normalised features holds a copy of those that can be picked.
    check(all(int(r["bytes_select"]) >= 4 * 16 * (60 - 6 - 5 * (int(r["round"]) - 1))
              for r in asked if r["selector"] == "max_herding"), "memory is not counted")
    points = [(int(r["labels"]), float(r["auc"])) for r in rows
              if (r["task"], r["selector"], r["seed"]) == ("noise_cluster", "badge", "2")]
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))
    area /= points[-1][0] - points[0][0]
    told = next(r for r in summary["tasks"][0]["results"] if r["selector"] == "badge")["areas"][1]
    check(abs(area - told) < 1e-12, "the area differs from that of the raw curve:", area, told)


def check_policy(html):
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    check(len(scripts) == 1 and html.count("<script") == 2, "there are other scripts than the two")
    digest = script_digest(scripts[0])
    check(f"'sha256-{digest}'" in html,
          "the policy does not allow the script; kBenchScriptHash is to be", digest)
    outside = re.sub(r"http://www\.w3\.org/2000/svg", "", html)
    check(not re.search(r"(https?:|//[a-z])", outside), "the page names something outside")
    check("A &lt;test&gt; of the page" in html, "the title is not escaped")


def check_page(found, width, dark):
    check("error" not in found, "the probe failed:", found.get("error"))
    check(found["dark"] == ("dark" if dark else "light"), "the theme button does not work")
    check(found["scroll"] <= width, f"the page scrolls sideways at {width}:", found["scroll"])
    check(found["first"] == ["random", "margin", "entropy", "k_center", "badge", "max_herding"],
          "other curves are shown at first:", found["first"])
    check(found["bands"] == 6 and found["bandsAll"] == 0, "the bands are not as they should be")
    check(len(found["ticks"]) > 2 and min(found["ticks"]) >= 0 and max(found["ticks"]) <= 1,
          "the axis leaves the range of the AUC:", found["ticks"])
    check(found["path"] != found["pathLog"] != found["pathTask"], "the figure does not change")
    check(found["heads"] == [["noise_cluster, AUC"], ["second & last, AUC"],
                             ["second & last, accuracy"]], "other tables are shown:", found["heads"])
    check(found["all"] == 8 and found["rowsAll"] == 16 and found["base"] == ["random"]
          and found["rowsBase"] == 2, "the choice of selectors does not work:", found)
    check(found["texts"] > 100 and found["contrast"] >= 4.5, "text of too little contrast:",
          found["where"], found["contrast"])
    check(found["unlabelled"] == 0 and found["unreachable"] == 0, "a control has no name:", found)
    check(not found["requests"], "the page asks for something outside:", found["requests"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "plan.toml").write_text(PLAN)
        out = folder / "out"
        subprocess.run([arguments.program, "bench", folder / "plan.toml", "--out", out], check=True,
                       stderr=subprocess.DEVNULL)
        check_files(out)
        (folder / "bad.toml").write_text(PLAN.replace("rounds", "ruonds"))
        bad = subprocess.run([arguments.program, "bench", folder / "bad.toml", "--out", out],
                             capture_output=True, text=True, check=False)
        check(bad.returncode == 2 and 'there is no key "ruonds"' in bad.stderr, "a bad plan:", bad)
        before = (out / "report.html").read_bytes()
        subprocess.run([arguments.program, "bench", folder / "plan.toml", "--out", out, "--summary"],
                       check=True, stderr=subprocess.DEVNULL)
        check(before == (out / "report.html").read_bytes(), "the page changes without new curves")
        check_policy(before.decode())
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            print("SKIPPED: Chromium is not installed (Debian: chromium); only the files were "
                  "checked.")
            return
        for width, dark in ((390, False), (1280, True)):
            check_page(probe(chromium, folder, PROBE, out / "report.html", width, dark), width, dark)
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(out / "report.html", arguments.keep)
        print("The page is as it should be at 390 and 1280 pixels, light and dark.")


if __name__ == "__main__":
    main()
