// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace aift::io::report {

// The dark colours, once for the preference of the system and once for the button.
#define AIFT_REPORT_DARK                                                                          \
  "{color-scheme:dark;--ground:#11161c;--card:#1a2129;--ink:#e8edf2;--soft:#a5b1be;--line:#"      \
  "313b46;"                                                                                       \
  "--accent:#79b8ff;--kept:#5fd3a3;--dropped:#e6b450;--wrong:#ff8d85;--tint:#1e2a37;--warn:#"     \
  "3a2f12;--warn-ink:#ffe2a0;"                                                                    \
  "--s0:#79b8ff;--s1:#ffa06b;--s2:#5fd3a3;--s3:#c9a2f5;--s4:#e6c25a;--s5:#ff8fbf;--s6:#67d4e8;--" \
  "s7:#b6bfca}"

/// Style sheet of the report: system fonts, both colour schemes, text contrast of at least 4.5 to 1
/// on its ground (WCAG 2 AA), colours of series that people with red-green blindness can tell
/// apart, and a print version with everything unfolded.
inline constexpr std::string_view kStyle =
    R"css(
:root{color-scheme:light;--ground:#f6f7f9;--card:#fff;--ink:#17202b;--soft:#566273;--line:#dde2e8;
--accent:#0b5cad;--kept:#0b7a53;--dropped:#8a5a00;--wrong:#b3261e;--tint:#eef4fb;--warn:#fff4d6;--warn-ink:#5f4300;
--s0:#0b5cad;--s1:#c2410c;--s2:#0b7a53;--s3:#7c3aad;--s4:#8a6a00;--s5:#b0245f;--s6:#0e7490;--s7:#4b5563}
)css"
    "@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light])" AIFT_REPORT_DARK
    "}@media screen{:root[data-theme=dark]" AIFT_REPORT_DARK
    "}"
    R"css(
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header .in,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{background:var(--card);border-bottom:1px solid var(--line);padding:26px 0 18px}
h1{font-size:27px;line-height:1.2;margin:2px 0 6px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:19px;margin:38px 0 12px}
h3{font-size:15px;margin:18px 0 8px}
p{margin:0 0 10px;max-width:78ch}
a{color:var(--accent)}
.brand{font-size:12px;letter-spacing:.09em;text-transform:uppercase;color:var(--soft);font-weight:600}
.sub{color:var(--soft);margin:0}
.notice{margin:14px 0 0;padding:9px 14px;border-radius:8px;background:var(--warn);color:var(--warn-ink);max-width:none}
.notice.synthetic{font-weight:600}
nav{margin-top:14px;display:flex;flex-wrap:wrap;gap:4px 18px;font-size:14px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(138px,1fr));gap:12px;margin-top:26px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.card dt{color:var(--soft);font-size:13px}
.card dd{margin:2px 0 0;font-size:20px;font-weight:650;letter-spacing:-.02em;white-space:nowrap;font-variant-numeric:tabular-nums}
.card dd small{display:block;font-size:13px;font-weight:400;color:var(--soft);letter-spacing:0;white-space:normal;line-height:1.35;margin-top:3px}
.panel{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;margin:0 0 14px}
figure{margin:0}
.top{display:flex;justify-content:space-between;align-items:center;gap:12px}
.skip{position:absolute;left:-999px;top:0;background:var(--card);padding:8px 14px;z-index:2}.skip:focus{left:8px}
main:focus{outline:none}
.tag{display:inline-block;font-size:11.5px;letter-spacing:.05em;font-weight:700;color:var(--warn-ink);background:var(--warn);border:1px solid currentColor;border-radius:5px;padding:1px 7px;vertical-align:middle;margin-left:8px}
button,select,input[type=search]{font:inherit;font-size:14px;color:var(--ink);background:var(--card);border:1px solid var(--soft);border-radius:7px;padding:5px 11px;min-height:34px;max-width:100%}
button{cursor:pointer}button[aria-pressed=true]{background:var(--tint)}
.filter{display:flex;flex-wrap:wrap;gap:8px 14px;align-items:center;margin:0 0 12px;font-size:14px}
.filter label{color:var(--soft)}.count{color:var(--soft)}
[hidden]{display:none!important}
fieldset{border:0;padding:0;margin:0 18px 10px 0;display:inline-flex;flex-wrap:wrap;gap:2px 14px;font-size:14px;min-width:0}
fieldset legend{float:left;color:var(--soft);padding:4px 4px 0 0}fieldset label{padding:4px 0;cursor:pointer}
input[type=radio]{accent-color:var(--accent);margin:0 5px 0 0;vertical-align:-1px}
@supports selector(:has(a)){.curves:has(#m-auc:checked) figure:not(.m-auc),.curves:has(#m-accuracy:checked) figure:not(.m-accuracy),.curves:has(#m-balanced:checked) figure:not(.m-balanced),.curves:has(#m-logloss:checked) figure:not(.m-logloss),.curves:has(#x-linear:checked) figure:not(.x-linear),.curves:has(#x-log2:checked) figure:not(.x-log2){display:none}}
.legend{list-style:none;margin:10px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:6px 22px;font-size:14px}
.legend li{display:flex;align-items:center;gap:8px;min-width:0;overflow-wrap:anywhere}.legend small{color:var(--soft);font-size:13px}
.key{width:44px;height:16px;flex:none}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
caption{max-width:min(1036px,calc(100vw - 86px));text-align:left;white-space:normal;color:var(--soft);padding:0 0 8px;font-size:13.5px}
th,td{padding:6px 12px 6px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{color:var(--soft);font-weight:600;font-size:13px}
th:first-child,td:first-child,th.text,td.text{text-align:left}
td.text{white-space:normal;overflow-wrap:anywhere}
tbody tr:last-child>*{border-bottom:0}
svg.curve{width:100%;max-width:900px;margin:0 auto;height:auto;display:block;font:15px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.grid path{stroke:var(--line);fill:none}.grid .axis,.grid .tick{stroke:var(--soft)}
.grid text{fill:var(--soft)}.grid .yt{text-anchor:end}.grid .xt{text-anchor:middle}.band{opacity:.13}
.line{fill:none;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}.hit{fill:transparent;stroke:none}
.ring{fill:var(--card)!important;stroke-width:2.4}
.thin .line{stroke-width:1.1;opacity:.55}.thin{opacity:.75}
.s0{color:var(--s0)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}.s5{color:var(--s5)}.s6{color:var(--s6)}.s7{color:var(--s7)}
svg [class^=s]{fill:currentColor;stroke:none}svg [class^=s] .line,svg [class^=s] .ring{stroke:currentColor}
svg [class^=s] .line{fill:none}svg [class^=s] .hit{fill:transparent}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:0 0 12px}
details.inner{border-radius:8px;margin:0 0 14px}
summary{cursor:pointer;padding:12px 18px;font-weight:600;list-style-position:inside;border-radius:10px}
summary span{font-weight:400;color:var(--soft);margin-left:8px}
summary:focus-visible,a:focus-visible,button:focus-visible,select:focus-visible,input:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.body{padding:4px 18px 18px}
.facts{display:grid;grid-template-columns:minmax(120px,max-content) 1fr;gap:3px 18px;margin:0;font-size:14px}
.facts dt{color:var(--soft);overflow-wrap:anywhere}.facts dd{margin:0;overflow-wrap:anywhere}
.picks{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr));gap:12px}
.pick{content-visibility:auto;contain-intrinsic-size:auto 240px;border:1px solid var(--line);border-radius:10px;padding:12px;display:grid;grid-template-columns:96px 1fr;gap:4px 14px;align-content:start;min-width:0}
.pick>.text{min-width:0}.pick.bare,.pick.sheet{grid-template-columns:1fr}.pick.sheet .whole{max-width:100%}
.whole{display:block;border-radius:6px;max-width:96px;height:auto;background:var(--line)}
.none{display:flex;align-items:center;justify-content:center;text-align:center;width:96px;min-height:72px;border:1px dashed var(--soft);border-radius:6px;color:var(--soft);font-size:12px;padding:4px}
.path{font-weight:600;font-size:14px;overflow-wrap:anywhere;line-height:1.35}
.rank{color:var(--soft);font-weight:400;font-variant-numeric:tabular-nums}
.meta{font-size:13.5px;color:var(--soft);margin:1px 0}
.meta b{color:var(--ink);font-weight:650}
.wrong{color:var(--wrong);font-weight:600}.right{color:var(--kept);font-weight:600}
.numbers{display:flex;flex-wrap:wrap;gap:0 14px;font-size:13px;color:var(--soft);font-variant-numeric:tabular-nums}
.numbers b{color:var(--ink)}
.why{font-size:13.5px;margin:3px 0 0;color:var(--soft);line-height:1.4}
.views-of{grid-column:1/-1;font-size:12.5px;color:var(--soft);margin-top:6px}
.views{grid-column:1/-1;list-style:none;display:flex;flex-wrap:wrap;gap:8px;margin:2px 0 0;padding:0}
.views li{text-align:center;font-size:12px;line-height:1.3;font-variant-numeric:tabular-nums;min-width:64px;padding:4px;border-radius:8px;border:2px solid transparent}
.views .kept{border-color:var(--kept)}.views .dropped{border:2px dashed var(--dropped)}
.views img{display:block;margin:0 auto 3px;border-radius:4px}
.views .dropped img{opacity:.55}
.views .kept em{color:var(--kept)}.views .dropped em{color:var(--dropped)}.views em{font-style:normal;display:block;font-weight:600}
code{font:13px ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:13px;padding-top:26px;padding-bottom:44px}
@media(max-width:640px){main,header .in,footer{padding-left:14px;padding-right:14px}.facts{grid-template-columns:1fr}.facts dd{margin-bottom:6px}
.panel{padding:12px}summary{padding:12px}.body{padding:4px 12px 14px}svg.curve{font-size:27px}svg.curve .value{display:none}.cards{grid-template-columns:repeat(2,minmax(0,1fr))}.card dd{white-space:normal}
thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}tbody,tr,td{display:block}
table{display:block}caption{display:block}
tr{border-bottom:1px solid var(--line);padding:6px 0}tbody tr:last-child{border-bottom:0}
td,td.text,td:first-child{border:0;padding:2px 0;display:flex;justify-content:space-between;gap:14px;text-align:right;white-space:normal}
td::before{content:attr(data-th);color:var(--soft);text-align:left}td:first-child{font-weight:600}}
@media print{body{background:#fff;font-size:11pt}.panel,.card,details{break-inside:avoid}details.round,details:has(.pick){break-inside:auto}.pick{break-inside:avoid;content-visibility:visible}details::details-content{content-visibility:visible;block-size:auto;display:block}nav,.filter,button,fieldset,.skip{display:none}}
)css";

#undef AIFT_REPORT_DARK

}  // namespace aift::io::report
