"use strict";
// What text.py packed: 17 bytes for each byte of the text.
const data = JSON.parse(document.getElementById("data").textContent);
const records = Uint8Array.from(atob(data.bytes), (c) => c.charCodeAt(0));
const SIZE = 17, TOP = 5, BEGINS = 128;
const starts = [];
for (let at = 0; at < records.length; at += SIZE) if (records[at + 5] & BEGINS) starts.push(at);
starts.push(records.length);
const text = document.getElementById("text"), tip = document.getElementById("tip");
[...text.children].forEach((span, i) => { span.at = i; });

const MARKS = { 9: "tab", 10: "newline", 13: "return", 32: "space" };
function name(byte) {
  if (byte in MARKS) return MARKS[byte];
  return byte > 32 && byte < 127 ? String.fromCharCode(byte) : "\\x" + byte.toString(16).toUpperCase().padStart(2, "0");
}

function element(tag, words, ...children) {
  const made = document.createElement(tag);
  made.textContent = words;
  made.append(...children);
  return made;
}

function told(at) {
  const u16 = (i) => records[at + i] + 256 * records[at + i + 1];
  const bits = u16(1) / 100, lines = [];
  const chance = 100 * 2 ** -bits;
  lines.push(`${bits.toFixed(2)} bits: it had ${chance < 1 ? chance.toPrecision(1) : chance.toFixed(0)} %`);
  if (data.mixed) {
    lines.push(`network alone: ${(u16(3) / 100).toFixed(2)} bits`);
    lines.push(`most for it spoke: ${data.names[records[at + 5] & (BEGINS - 1)]}, then ${data.names[records[at + 6]]}`);
  }
  const expected = [];
  for (let i = 0; i < TOP; i++) {
    const percent = Math.round(records[at + 7 + TOP + i] / 2.55);
    expected.push(`${name(records[at + 7 + i])}\u00a0${percent || "<1"}\u00a0%`);
  }
  lines.push(`network expected: ${expected.join(", ")}`);
  return element("div", "", element("b", name(records[at])), ...lines.map((line) => element("div", line)));
}

function show(event) {
  const span = event.target.closest("#text i");
  tip.hidden = !span;
  if (!span) return;
  tip.replaceChildren();
  for (let at = starts[span.at]; at < starts[span.at + 1]; at += SIZE) tip.append(told(at));
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const below = event.clientY + 18;
  const top = below + tip.offsetHeight < innerHeight ? below : event.clientY - tip.offsetHeight - 12;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, top)}px`;
}

document.addEventListener("mouseover", show);
document.addEventListener("click", show);
