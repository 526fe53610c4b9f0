/**
 * What the timeline shows, as a text that is another one when something of it is another. Pure.
 *
 * @param {object} shown
 * @param {readonly import('../api.js').AdapterEvent[]} shown.found  the events that fit the search, the latest first
 * @param {number} shown.most  how many of them are shown
 * @param {readonly Pick<import('../api.js').Adapter, 'name' | 'version'>[]} shown.adapters  whose names stand for their versions
 * @param {boolean} shown.isEmpty  whether there are no events at all
 * @returns {string}
 */
export function timelineSignature({ found, most, adapters, isEmpty }) {
  const events = found.slice(0, most);
  const versions = new Set(events.filter(({ name }) => name === null).map(({ version }) => version));
  const names = adapters.filter(({ version }) => versions.has(version)).map(({ name, version }) => [name, version]);
  return JSON.stringify([isEmpty, found.length > most, events.map(({ id }) => id), names]);
}
