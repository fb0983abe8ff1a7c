// What is measured in a page. Each function returns a list of sentences, one a fault.
globalThis.measures = (() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const name = each => [each.tagName.toLowerCase(), ...each.classList].join(".");

  // WCAG 2.2, A and AA, and what else axe advises. `target-size` is off unless it is asked for.
  const axeFaults = async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];
    const rules = {"target-size": {enabled: true}};
    const {violations} = await axe.run(document, {runOnly: {type: "tag", values: tags}, rules, resultTypes: ["violations"]});
    const say = (id, node) => `${id}: ${node.target} ${node.failureSummary.split("\n").pop()}`;
    return violations.flatMap(({id, nodes}) => nodes.map(node => say(id, node)));
  };

  // What is wider than the window; what scrolls by itself can be.
  const wide = () => {
    const {clientWidth: room, scrollWidth: width} = document.documentElement;
    const beyond = all("body *").filter(each => each.getBoundingClientRect().right > room + 0.5);
    return width > room ? [`scrolls sideways, ${width} of ${room} px: ${beyond.reverse().slice(0, 3).map(name)}`] : [];
  };

  // WCAG 1.4.12. A sheet that is made by a script is not subject to the CSP.
  const space = () => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`p { margin-bottom: 2em !important }
      * { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }`);
    document.adoptedStyleSheets = [sheet];
  };

  // Text that its own box cuts off, without dots that say so; boxes of a pixel or two are for screen readers.
  const cut = () => all("body *").filter(each => {
    const {overflowX, textOverflow} = getComputedStyle(each);
    const isCut = each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1;
    const hides = ["hidden", "clip"].includes(overflowX) && textOverflow !== "ellipsis";
    return hides && isCut && each.clientWidth > 2 && each.innerText?.trim();
  }).map(each => `text is cut off: ${name(each)}`);

  const parse = color => (color.match(/[\d.]+/g) || []).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((part, i) => part * a + under[i] * (1 - a));
  const ground = each => {
    const layers = [];
    for (; each; each = each.parentElement) layers.unshift(parse(getComputedStyle(each).backgroundColor));
    return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const light = color => {
    const linear = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = color.map(part => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, two) => {
    const [low, high] = [light(one), light(two)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  // Boxes to tick that the browser draws are its own affair.
  const controls = () => all("input:not([type=hidden]), select, textarea, button, a.button").filter(each => {
    const isNative = each.matches("[type=checkbox], [type=radio]") && getComputedStyle(each).appearance !== "none";
    const {width, right} = each.getBoundingClientRect();
    return !isNative && width > 2 && right > 0 && each.checkVisibility({visibilityProperty: true});
  });
  const call = each => `${name(each)} "${each.name || each.innerText}"`;
  const thinnest = each => {
    const style = getComputedStyle(each), sides = ["Top", "Right", "Bottom", "Left"];
    return Math.min(...sides.map(side => style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`])));
  };

  // WCAG 1.4.11: a control's border or background stands out from what is around it by 3:1. A button that has neither
  // is read as text.
  const edges = () => controls().flatMap(each => {
    const style = getComputedStyle(each), under = ground(each.parentElement);
    const edge = thinnest(each) > 0 ? contrast(over(parse(style.borderTopColor), under), under) : 1;
    const best = Math.max(edge, contrast(over(parse(style.backgroundColor), under), under));
    const isText = best === 1 && each.matches("button, a");
    return best >= 3 || isText ? [] : [`edge of ${best.toFixed(2)}:1: ${call(each)}`];
  });

  // With colours of the reader's own, a border alone shows that something is a control, unless it is part of a menu.
  const borders = () => controls().filter(each => thinnest(each) < 1 && !each.closest("details"))
    .map(each => `no border in forced colours: ${call(each)}`);
  const bars = () => {
    const {color, backgroundColor} = getComputedStyle(document.body);
    const isOwn = each => ![color, backgroundColor, "none"].includes(getComputedStyle(each).fill);
    return all("svg.chart rect, svg.chart path").filter(isOwn).slice(0, 1)
      .map(each => `keeps its colour in forced colours: ${name(each.parentElement)}`);
  };

  return {axe: axeFaults, wide, space, cut, edges, borders, bars};
})();
