// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace aift::io::report {

/// The script of the report: theme, filter and order of the gallery, everything unfolded in print.
/// It only shows and hides what is there: the page is complete without it.
inline constexpr std::string_view kScript = R"js((function(){
"use strict";
var root=document.documentElement,theme=document.getElementById("theme");
function dark(){var set=root.getAttribute("data-theme");
return set?set==="dark":matchMedia("(prefers-color-scheme: dark)").matches}
function tell(){theme.setAttribute("aria-pressed",dark()?"true":"false")}
theme.hidden=false;tell();
theme.addEventListener("click",function(){root.setAttribute("data-theme",dark()?"light":"dark");tell()});
document.querySelectorAll(".filter").forEach(function(bar){
var gallery=document.getElementById(bar.getAttribute("data-for")),
rounds=Array.from(gallery.querySelectorAll(".round")),status=bar.querySelector(".count"),by={};
bar.querySelectorAll("[data-by]").forEach(function(e){by[e.getAttribute("data-by")]=e});
bar.hidden=false;
function get(pick,name){return pick.getAttribute("data-"+name)||""}
function order(a,b){var s=by.sort.value,x=get(a,s),y=get(b,s),d=0;
if(s==="score")d=(y===""?-Infinity:+y)-(x===""?-Infinity:+x);
else if(s!=="rank")d=x.localeCompare(y,undefined,{numeric:true});
return d||(+get(a,"rank"))-(+get(b,"rank"))}
function update(){var shown=0,all=0,group=by.group.value.trim().toLowerCase(),
filtered=by.label.value||by.agree.value||group||by.round.value;
rounds.forEach(function(round){var here=0,list=round.querySelector(".picks"),
right=!by.round.value||round.getAttribute("data-round")===by.round.value;
if(list){var picks=Array.from(list.children);picks.sort(order);
picks.forEach(function(pick){
var fits=right&&(!by.label.value||get(pick,"label")===by.label.value)&&
(!by.agree.value||get(pick,"agree")===by.agree.value)&&
(!group||get(pick,"group").toLowerCase().indexOf(group)>=0);
pick.hidden=!fits;all++;if(fits){shown++;here++}list.appendChild(pick)})}
round.hidden=filtered?here===0:false;if(filtered&&here)round.open=true});
status.textContent=shown+" of "+all+" picks"}
bar.addEventListener("input",update);
bar.querySelector("[data-open]").addEventListener("click",function(){
var closed=rounds.some(function(r){return !r.open&&!r.hidden});
rounds.forEach(function(r){r.open=closed});
this.textContent=closed?"Close all rounds":"Open all rounds"});
update()});
var opened=[];
addEventListener("beforeprint",function(){opened=Array.from(document.querySelectorAll("details:not([open])"));
opened.forEach(function(d){d.open=true})});
addEventListener("afterprint",function(){opened.forEach(function(d){d.open=false});opened=[]});
})();
)js";

/// Base64 of the SHA-256 of kScript: the only script that the policy of the page allows. After a
/// change of the script tests/app/check_report.py says which value belongs here.
inline constexpr std::string_view kScriptHash = "j7QuuH2UF7dV4mtVIgrEMK3m2k1K8pPpyWpyNTjMH3o=";

}  // namespace aift::io::report
