// Our rules in a cascade layer, and important: no rule of a page reaches them. See docs/adr/0053.
import postcss from 'postcss';

const plain = new Set(['layer', 'media', 'supports', 'container']); // at-rules with nothing but style rules in them

/** A style sheet of ours, so that no rule of a page reaches it. */
export function harden(css) {
  const root = postcss.parse(`@layer kelisim{${css}}`);
  root.walkDecls((declaration) => {
    declaration.important = true;
    declaration.raws.important = '!important'; // a property of our own is not made shorter later
  });
  return root.toString();
}

/** What of a built style sheet a page's rules could reach, or what cannot be important at all, as in keyframes. */
export function soft(css) {
  const found = [];
  const root = postcss.parse(css);
  root.each((node) => {
    if (node.type !== 'atrule' || node.name !== 'layer' || node.params !== 'kelisim') found.push(String(node));
  });
  root.walkDecls((declaration) => {
    if (!declaration.important) found.push(String(declaration));
  });
  root.walkAtRules((rule) => {
    if (!plain.has(rule.name)) found.push(`@${rule.name} ${rule.params}`);
  });
  return found;
}
