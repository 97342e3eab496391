// Every text that can be seen, against what lies behind it (WCAG 2.2, 1.4.3): 4.5 to 1, and 3 to 1
// for text that is large. Returns what falls short.
const parse = (text) => {
  const [r, g, b, a = 1] = (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  return text.startsWith("color(srgb") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
};
const over = (top, below) => {
  const alpha = top[3];
  return [0, 1, 2].map((i) => top[i] * alpha + below[i] * (1 - alpha)).concat(1);
};
const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return layers.reverse().reduce((below, top) => over(top, below), dark ? [18, 18, 18, 1] : [255, 255, 255, 1]);
};
const opacity = (element) => {
  let all = 1;
  for (let at = element; at; at = at.parentElement) all *= Number(getComputedStyle(at).opacity);
  return all;
};
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const faint = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || element.closest("svg, noscript, option, .hidden, .skip")) continue;
  const style = getComputedStyle(element);
  if (!element.getClientRects().length || style.visibility === "hidden") continue;
  const ground = behind(element);
  const color = parse(style.color);
  const ink = over([...color.slice(0, 3), color[3] * opacity(element)], ground);
  const [high, low] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  seen += 1;
  if (ratio < (large ? 3 : 4.5))
    faint.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 40)} <${element.tagName} ${element.className}>`);
}
return seen ? [...new Set(faint)].slice(0, 10) : ["no text at all"];
