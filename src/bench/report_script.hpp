// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace aift::bench {

/// The script of the page: theme, choice of metric and task, and the figure, drawn from the data
/// that the page carries.
inline constexpr std::string_view kBenchScript = R"js((function(){
"use strict";
var root=document.documentElement,data=JSON.parse(document.getElementById("data").textContent),
theme=document.getElementById("theme"),figure=document.getElementById("figure"),
metric=document.getElementById("metric"),task=document.getElementById("task"),
baseline=data[0].baseline,names=data[0].selectors,keys=document.getElementById("keys"),boxes=[];
function dark(){var set=root.getAttribute("data-theme");
return set?set==="dark":matchMedia("(prefers-color-scheme: dark)").matches}
function tell(){theme.setAttribute("aria-pressed",dark()?"true":"false")}
theme.hidden=false;tell();
theme.addEventListener("click",function(){root.setAttribute("data-theme",dark()?"light":"dark");tell()});
function make(name,fields,text){var e=document.createElementNS("http://www.w3.org/2000/svg",name);
Object.keys(fields||{}).forEach(function(k){e.setAttribute(k,fields[k])});
if(text!==undefined)e.textContent=text;return e}
function dash(i){return["none","9 4","2 4"][Math.floor(i/8)%3]}
function linear(){return document.getElementById("x-linear").checked}
function steps(low,high,count){var raw=(high-low)/count,unit=Math.pow(10,Math.floor(Math.log10(raw))),
step=[1,2,5,10].map(function(f){return f*unit}).find(function(s){return s>=raw}),out=[];
for(var v=Math.ceil(low/step-1e-9)*step;v<=high+1e-9*step;v+=step)out.push(+v.toPrecision(12));return out}
function draw(){
var m=data[+metric.value],t=m.tasks[+task.value],W=900,H=430,L=62,R=14,T=12,B=46;
var shown=names.map(function(n,i){return i}).filter(function(i){return boxes[i].checked});
var low=Infinity,high=-Infinity;
function see(v){if(v!==null&&isFinite(v)){low=Math.min(low,v);high=Math.max(high,v)}}
shown.forEach(function(i){var r=t.results[i];r.mean.forEach(function(v,k){if(v===null)return;
var h=shown.length<=6&&r.half[k]!==null?r.half[k]:0;see(Math.max(0,v-h));see(Math.min(1,v+h))})});
if(t.all_labels.mean!==null)see(t.all_labels.mean);
if(!(high>low)){low=isFinite(low)?low-.05:0;high=isFinite(high)?high+.05:1}
var pad=(high-low)*.04;low-=pad;high+=pad;
var x=t.labels.map(function(n){return linear()?n:n>0?Math.log2(n):null});
var seen=x.filter(function(v){return v!==null}),x0=seen[0],x1=seen[seen.length-1];
function px(v){return L+(W-L-R)*(x1>x0?(v-x0)/(x1-x0):.5)}
function py(v){return T+(H-T-B)*(high-v)/(high-low)}
var svg=make("svg",{viewBox:"0 0 "+W+" "+H,"class":"curve",role:"img",
"aria-label":m.metric+" over the number of labels, task "+t.task+": mean of the seeds with 95 % intervals; the table below has the figures"});
var grid=make("g",{"class":"grid"});
steps(low,high,5).forEach(function(v){grid.appendChild(make("path",{d:"M"+L+" "+py(v)+"H"+(W-R)}));
grid.appendChild(make("text",{"class":"yt",x:L-8,y:py(v)+5},String(+v.toFixed(4))))});
var every=Math.ceil(seen.length/11);
t.labels.forEach(function(n,k){if(x[k]===null||k%every)return;
grid.appendChild(make("text",{"class":"xt",x:px(x[k]),y:H-B+22},String(n)))});
grid.appendChild(make("path",{"class":"axis",d:"M"+L+" "+(H-B)+"H"+(W-R)}));
grid.appendChild(make("text",{"class":"xt",x:(L+W-R)/2,y:H-6},"labels"+(linear()?"":" (logarithmic)")));
if(t.all_labels.mean!==null)grid.appendChild(make("path",{"class":"tick","stroke-dasharray":"5 5",
d:"M"+L+" "+py(t.all_labels.mean)+"H"+(W-R)}));
svg.appendChild(grid);
shown.forEach(function(i){var r=t.results[i],up="",down=[],line="",g=make("g",{"class":"s"+i%8,"data-selector":names[i]});
r.mean.forEach(function(v,k){if(v===null||x[k]===null)return;var X=px(x[k]).toFixed(1),h=r.half[k]||0;
line+=(line?"L":"M")+X+" "+py(v).toFixed(1);
up+=(up?"L":"M")+X+" "+py(Math.min(1,v+h)).toFixed(1);
down.unshift("L"+X+" "+py(Math.max(0,v-h)).toFixed(1))});
if(up&&shown.length<=6)g.appendChild(make("path",{"class":"band",d:up+down.join("")+"Z"}));
var path=make("path",{"class":"line","stroke-dasharray":dash(i),d:line});
path.appendChild(make("title",{},names[i]));g.appendChild(path);svg.appendChild(g)});
figure.textContent="";figure.appendChild(svg);
document.querySelectorAll("[data-metric]").forEach(function(e){
var its=e.getAttribute("data-task");
e.hidden=e.getAttribute("data-metric")!==metric.value||(its!==null&&its!==task.value)});
document.querySelectorAll("[data-row]").forEach(function(e){e.hidden=!boxes[+e.getAttribute("data-row")].checked})}
names.forEach(function(n,i){var li=document.createElement("li"),label=document.createElement("label"),
box=document.createElement("input"),svg=make("svg",{"class":"key",viewBox:"0 0 44 16","aria-hidden":"true"}),
g=make("g",{"class":"s"+i%8});
box.type="checkbox";box.checked=i<6||n===baseline;box.id="show-"+i;label.htmlFor=box.id;
g.appendChild(make("path",{"class":"line",d:"M2 8H42","stroke-dasharray":dash(i)}));svg.appendChild(g);
label.textContent=n;li.appendChild(box);li.appendChild(svg);li.appendChild(label);keys.appendChild(li);
box.addEventListener("change",draw);boxes.push(box)});
function set(test){boxes.forEach(function(b,i){b.checked=test(i)});draw()}
document.getElementById("show-all").addEventListener("click",function(){set(function(){return true})});
document.getElementById("show-base").addEventListener("click",function(){
set(function(i){return names[i]===baseline})});
[metric,task,document.getElementById("x-linear"),document.getElementById("x-log2")].forEach(function(e){
e.addEventListener("change",draw)});
document.querySelectorAll(".controls").forEach(function(e){e.hidden=false});
draw()})();
)js";

/// Base64 of the SHA-256 of kBenchScript; tests/bench/check_bench_report.py says which value belongs
/// here after a change.
inline constexpr std::string_view kBenchScriptHash = "S7+YGSWXzbg8+sKObZxzzrgAARLzfdl7Y7M5KnANba4=";

}  // namespace aift::bench
