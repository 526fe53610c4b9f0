/** Reads server-sent events from pieces of text. @see WHATWG HTML, 9.2.6 Interpreting an event stream */

/**
 * @typedef {object} ServerEvent
 * @property {string} name
 * @property {string | undefined} id
 * @property {string} data
 */

/** Keeps what of a piece is not a whole event yet. */
export class EventLines {
  #rest = '';

  /** @param {string} piece @returns {ServerEvent[]} the events that are whole now */
  push(piece) {
    const blocks = (this.#rest + piece).replaceAll('\r\n', '\n').split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(eventOf).filter((event) => event !== undefined);
  }
}

/** @param {string} block @returns {ServerEvent | undefined} undefined for a comment */
function eventOf(block) {
  let [name, data] = ['message', ''];
  /** @type {string | undefined} */
  let id;
  let hasData = false;
  for (const line of block.split('\n')) {
    const [field = '', ...rest] = line.split(':');
    const value = rest.join(':').replace(/^ /, '');
    if (field === 'event') name = value;
    else if (field === 'id') id = value;
    else if (field === 'data') [data, hasData] = [hasData ? `${data}\n${value}` : value, true];
  }
  return hasData ? { name, id, data } : undefined;
}
