# SPDX-License-Identifier: Apache-2.0
"""The report as a browser shows it.

usage: check_report.py AIFT-PROGRAM [--keep FOLDER]

Makes a run folder of synthetic pictures, has `aift report` write its report, checks that the policy
of the page allows its script, and opens it in headless Chromium at 390 and 1280 pixels, light and
dark: nothing scrolls sideways, text has a contrast of 4.5 to 1 or more, filter and theme work by
script, radio buttons switch the figure, every control can be reached by the keyboard. Without
Chromium only the policy is checked and the rest is skipped with a sentence. --keep copies the
reports into a folder.
"""
import argparse
import base64
import hashlib
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

CLASSES = ["mucosa", "polyp"]


def write_png(path, shade):
    width, height = 48, 36
    rows = b"".join(
        b"\0" + bytes(v % 256 for x in range(width) for v in (40 + 3 * x, 60 + 4 * y, shade))
        for y in range(height))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" +
                     chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_run(folder, data, seed, selector, shift):
    folder.mkdir(parents=True)
    rounds = []
    for number in range(3):
        picks = []
        for rank in range(4):
            candidate = 4 * number + rank
            write_png(data / f"clip{candidate}.png", 20 * candidate)
            p = [0.9, 0.7, 0.3, 0.1][rank]
            picks.append({
                "candidate": candidate, "id": f"{candidate + 1:016x}",
                "path": f"clip{candidate}.png", "group": f"video-with-a-long-name-{candidate % 3}",
                "label": candidate % 2, "score": 3.5 - rank, "entropy": 1.0, "diversity": 0.5,
                "dominant": 1, "kept": [0, 2], "patches": 4, "top": [[1, p]],
                "probabilities": [p, 0.6, p, 0.2],
                "reason": f"score {3.5 - rank}, rank {rank} of 40; majority for class 1"})
        auc = 0.7 + 0.08 * number + shift
        rounds.append({
            "round": number, "rule": selector, "labels": 4 * (number + 1), "trained": True,
            "has_model": True, "model_file": f"model-{number:03}.safetensors",
            "metrics": {"auc": auc, "accuracy": auc - 0.05, "balanced_accuracy": auc - 0.06,
                        "log_loss": 1 - auc, "samples": 40},
            "agreement": 0.5, "fit": [["guard", "kept tuned"]],
            "seconds": {"score": 1.0, "label": 0.0, "train": 2.0, "test": 0.5}, "picks": picks})
    (folder / "state.json").write_text(json.dumps({
        "format": "aift run", "version": 2, "seed": str(seed), "class_names": CLASSES,
        "fingerprint": [["AIFT", "0"], ["data", "52 candidates"]], "pool": 40, "test": 40,
        "excluded": [], "stop": {"rule": "rounds", "reason": "3 of 3 rounds are done."},
        "notes": [], "pending": None, "answered": False, "rounds": rounds,
        "pool_classes": [30, 10], "synthetic": "Gradients drawn for a test."}))
    (folder / "config.toml").write_text(
        f'[run]\ndata = "{data}"\nmodel = "none"\nselector = "{selector}"\nseed = {seed}\n'
        '[views]\nscoring = 4\nborder = "reflect"\nborder_value = 0\n'
        '[views.scoring_ranges]\nrotation_deg = 90\n')
    (folder / "predictions.csv").write_text(
        "round,split,candidate,path,group,label,p:mucosa,p:polyp\n"
        "2,test,3,clip3.png,g,mucosa,0.02,0.98\n2,labelled,1,clip1.png,g,polyp,0.9,0.1\n")


# Least contrast of a text with what lies behind it, in the frame w of a page, into out.
CONTRAST = r"""
function rgb(s){return s.match(/[\d.]+/g).map(Number)}
function lum(c){var v=c.slice(0,3).map(function(x){x/=255;return x<=.03928?x/12.92:Math.pow((x+.055)/1.055,2.4)});
 return .2126*v[0]+.7152*v[1]+.0722*v[2]}
function ground(e){for(;e;e=e.parentElement){var c=rgb(w.getComputedStyle(e).backgroundColor);
 if(c.length<4||c[3]>0)return c}return [255,255,255]}
var worst=99,where="",texts=0;
$("body *").forEach(function(e){
 if(!Array.from(e.childNodes).some(function(n){return n.nodeType===3&&n.data.trim()})||/SCRIPT|STYLE|TITLE|title/.test(e.tagName))return;
 var s=w.getComputedStyle(e),svg=e.namespaceURI.indexOf("svg")>=0;
 var a=lum(rgb(svg?s.fill:s.color)),b=lum(ground(e)),r=(Math.max(a,b)+.05)/(Math.min(a,b)+.05);
 texts++;if(r<worst){worst=r;where=e.tagName+"."+(e.className.baseVal||e.className)}});
out.contrast=worst;out.where=where;out.texts=texts;
"""

# Runs in a page that shows the report in a frame of the wanted width.
PROBE = r"""
<!doctype html><html><body style="margin:0"><iframe id="f" style="border:0;width:%(width)dpx;height:2000px"
src="%(report)s"></iframe><pre id="result">none</pre><script>
document.getElementById("f").addEventListener("load",function(){
var out={},w=this.contentWindow,d=w.document,$=function(s){return Array.from(d.querySelectorAll(s))};
try{
var theme=d.getElementById("theme");
if(%(dark)s)theme.click();
out.dark=w.getComputedStyle(d.documentElement).colorScheme;
$("details").forEach(function(e){e.open=true});
out.scroll=d.documentElement.scrollWidth;
out.inner=$("main *").filter(function(e){var c=e.closest("svg,table,.skip");
 return !c&&e.getBoundingClientRect().right>w.innerWidth+1}).map(function(e){return e.className||e.tagName}).slice(0,5);
out.cells=$("td,caption").filter(function(e){return e.getBoundingClientRect().right>w.innerWidth+1}).length;
%(contrast)sout.fakeButtons=$("div[onclick],span[onclick],[role=button]:not(button)").length;
out.unreachable=$("a[href],button,select,input,summary").filter(function(e){return e.tabIndex<0}).length;
out.unlabelled=$("select,input").filter(function(e){return !e.labels.length}).length
 +$("img:not([alt])").length+$("svg.curve:not([aria-label])").length;
function shown(){return $("figure").filter(function(e){return w.getComputedStyle(e).display!=="none"}).map(function(e){return e.className})}
out.figures=[shown()];d.getElementById("m-accuracy").click();out.figures.push(shown());
d.getElementById("x-log2").click();out.figures.push(shown());
d.getElementById("m-auc").click();d.getElementById("x-linear").click();
var bar=d.querySelector(".filter"),gallery=d.getElementById(bar.dataset.for);
function picks(){return Array.from(gallery.querySelectorAll(".pick")).filter(function(e){return !e.hidden}).length}
function set(by,value){var e=bar.querySelector("[data-by="+by+"]");e.value=value;e.dispatchEvent(new w.Event("input",{bubbles:true}))}
out.picks=[picks()];set("label","polyp");out.picks.push(picks());out.count=bar.querySelector(".count").textContent;
set("round","1");out.picks.push(picks());set("label","");set("round","");
set("sort","label");var r=gallery.querySelector(".round");
out.order=Array.from(r.querySelectorAll(".pick")).map(function(e){return e.dataset.label});
out.requests=w.performance.getEntriesByType("resource").filter(function(e){return e.name.slice(0,5)!=="data:"}).map(function(e){return e.name});
}catch(e){out.error=String(e)}
document.getElementById("result").textContent=JSON.stringify(out);
});</script></body></html>
"""


def browse(chromium, home, *arguments):
    return subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--allow-file-access-from-files", f"--user-data-dir={home}", "--virtual-time-budget=8000",
         "--hide-scrollbars", *arguments],
        capture_output=True, text=True, timeout=120, check=False).stdout


def probe(chromium, folder, script, report, width, dark):
    """What `script`, a page with the report in a frame, found out."""
    page = folder / f"probe-{width}.html"
    page.write_text(script % {"width": width, "report": report.as_uri(), "contrast": CONTRAST,
                              "dark": "true" if dark else "false"})
    dom = browse(chromium, folder / "home", "--window-size=1400,2500", "--dump-dom", page.as_uri())
    found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.S)
    text = found.group(1) if found else "none"
    if text == "none":
        sys.exit("Chromium did not run the probe of the report.")
    return json.loads(text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))


def check(holds, what, *detail):
    if not holds:
        sys.exit(f"check_report: {what} {' '.join(str(d) for d in detail)}")


def script_digest(script):
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def check_policy(html):
    digest = script_digest(re.search(r"<script>(.*?)</script>", html, re.S).group(1))
    check(f"'sha256-{digest}'" in html, "the policy does not allow the script; kScriptHash is to be",
          digest)
    check(html.count("<script") == 1, "there is more than one script")
    check(not re.search(r"(https?:|//[a-z])", re.sub(r"data:image/jpeg;base64,[^']*", "", html)),
          "the report names something outside")


def check_page(found, width, dark):
    check("error" not in found, "the probe failed:", found.get("error"))
    check(found["dark"] == ("dark" if dark else "light"), "the theme button does not work:",
          found["dark"])
    check(found["scroll"] <= width, f"the page scrolls sideways at {width}:", found["scroll"])
    check(not found["inner"] and found["cells"] == 0, f"something leaves the page at {width}:",
          found["inner"], found["cells"])
    check(found["texts"] > 100 and found["contrast"] >= 4.5, "text of too little contrast:",
          found["where"], found["contrast"])
    check(found["fakeButtons"] == 0 and found["unreachable"] == 0 and found["unlabelled"] == 0,
          "a control is no button, out of reach of the keyboard or without a name:", found)
    check(found["figures"] == [["m-auc x-linear"], ["m-accuracy x-linear"], ["m-accuracy x-log2"]],
          "the figure does not switch:", found["figures"])
    check(found["picks"] == [12, 6, 2] and found["count"].startswith("6 of 12"),
          "the filter does not work:", found["picks"], found["count"])
    check(found["order"] == ["mucosa", "mucosa", "polyp", "polyp"], "sorting does not work:",
          found["order"])
    check(not found["requests"], "the report asks for something outside:", found["requests"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        runs = []
        for seed, selector, shift in ((1, "aift", 0.03), (2, "aift", 0.05), (1, "random", 0.0),
                                      (2, "random", 0.01)):
            runs.append(folder / f"{selector}-{seed}")
            make_run(runs[-1], folder / "data", seed, selector, shift)
        one, several = folder / "one.html", folder / "several.html"
        subprocess.run([arguments.program, "report", runs[0], "--out", one], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([arguments.program, "report", *runs, "--out", several], check=True,
                       stdout=subprocess.DEVNULL)
        for report in (one, several):
            check_policy(report.read_text())
        check(several.read_text().count("SYNTHETIC DATA</span>") >= 6, "a section lacks its mark")
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            print("SKIPPED: Chromium is not installed (Debian: chromium); only the policy of the "
                  "report was checked.")
            return
        for report, width, dark in ((one, 390, False), (one, 1280, True), (several, 390, True)):
            check_page(probe(chromium, folder, PROBE, report, width, dark), width, dark)
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            for report in (one, several):
                shutil.copy(report, arguments.keep)
        print("The report is as it should be at 390 and 1280 pixels, light and dark.")


if __name__ == "__main__":
    main()
