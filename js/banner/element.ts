/** Elements without innerHTML: every text is a text node. */

type Child = Node | string | false | undefined;

/** An element with a class, attributes and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...(children.filter((child) => child) as Node[]));
  return made;
}

/** A button that does something. */
export function button(label: string, attributes: Readonly<Record<string, string>>, act: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, label);
  made.onclick = act;
  return made;
}

/** A paragraph, or nothing when there is no text. */
export function paragraph(text: string | undefined, attributes?: Readonly<Record<string, string>>): HTMLElement | undefined {
  return text ? element('p', attributes, text) : undefined;
}
