/** Makes elements. Text is always text: nothing here reads HTML. */

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, string | number | boolean | undefined | ((event: Event) => void)>} Attributes
 */

/**
 * An element with attributes, listeners (`onclick`) and children. `true` and `false` set or leave out an attribute.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} kind
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(kind, attributes = {}, ...children) {
  const element = document.createElement(kind);
  setAttributes(element, attributes);
  append(element, children);
  return element;
}

const svgSpace = 'http://www.w3.org/2000/svg';

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} kind
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function s(kind, attributes = {}, ...children) {
  const element = document.createElementNS(svgSpace, kind);
  setAttributes(element, attributes);
  append(element, children);
  return element;
}

/** @param {Element} element @param {Attributes} attributes */
function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
}

/** @param {Element} element @param {readonly Child[]} children */
function append(element, children) {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false)
      element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts children in the place of those that are there. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** Sets a text, and touches nothing if it is that already. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A labelled field. @param {string} label @param {HTMLElement} field @param {string} [kind] */
export function labelled(label, field, kind) {
  return h('label', { class: kind }, label, field);
}

/** @param {string} text @param {'on' | 'bad' | ''} [kind] */
export function tag(text, kind = '') {
  return h('span', { class: `tag ${kind}` }, text);
}

/** A list of facts. @param {readonly (readonly [string, Child])[]} pairs @param {string} [kind] */
export function facts(pairs, kind = 'pairs') {
  const all = pairs.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);
  return kind === 'figures'
    ? h('dl', { class: kind }, ...pairs.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))))
    : h('dl', { class: kind }, ...all);
}

/** What is shown where there is nothing: why, and how to begin. @param {string} title @param {string} text @param {string} [command] */
export function empty(title, text, command) {
  return h(
    'div',
    { class: 'empty' },
    h('h2', {}, title),
    h('p', { class: 'quiet' }, text),
    command === undefined ? null : h('pre', { tabindex: 0 }, h('code', {}, command)),
  );
}

/** @param {string | null | undefined} time in ISO 8601 @param {string} text */
export function timeElement(time, text) {
  return time ? h('time', { datetime: time, title: new Date(time).toLocaleString() }, text) : h('span', {}, text);
}

/** The address of an adapter on this page. @param {string} name */
export function adapterAddress(name) {
  return `#/adapters/${encodeURIComponent(name)}`;
}

/** @param {string} name */
export function adapterLink(name) {
  return h('a', { href: adapterAddress(name) }, name);
}

/**
 * Asks before something is done.
 * @param {{ title: string, text: string, action: string, takesReason?: boolean }} question
 * @returns {Promise<string | undefined>} the reason that was given, which may be empty; undefined: not to be done
 */
export function ask({ title, text, action, takesReason = true }) {
  return new Promise((resolve) => {
    const reason = h('input', { name: 'reason', maxlength: 500, autocomplete: 'off' });
    const close = (/** @type {string | undefined} */ answer) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'question' },
      h(
        'form',
        {
          onsubmit: (event) => {
            event.preventDefault();
            close(reason.value.trim());
          },
        },
        h('h2', { id: 'question' }, title),
        h('p', {}, text),
        takesReason && labelled('Reason, for the audit record (optional)', reason),
        h(
          'div',
          { class: 'buttons' },
          h('button', { type: 'button', onclick: () => close(undefined) }, 'Cancel'),
          h('button', { type: 'submit', class: 'main' }, action),
        ),
      ),
    );
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      close(undefined);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
