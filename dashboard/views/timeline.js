/** What happened to adapters: plugs, swaps and failures, as they come. */
import { formatDuration, shortVersion, timeOfDay } from '../decide/format.js';
import { timelineSignature } from '../decide/timeline-signature.js';
import { adapterLink, empty, fill, h, labelled, tag, timeElement } from '../elements.js';

/** What each kind of event is called, and the group it belongs to. @type {Record<string, readonly [string, string]>} */
const kinds = {
  load: ['plugged in', 'plugs'],
  replace: ['swapped', 'plugs'],
  unload: ['unplugged', 'plugs'],
  retire: ['retired', 'plugs'],
  publish: ['published', 'plugs'],
  rollback: ['rolled back', 'plugs'],
  verify: ['checked', 'store'],
  quarantine: ['quarantined', 'store'],
  store: ['store', 'store'],
  fail: ['failed', 'problems'],
  breaker: ['breaker', 'problems'],
  lease: ['long lease', 'problems'],
  resident: ['into memory', 'memory'],
  release: ['out of memory', 'memory'],
  rollout: ['roll-out', 'rollouts'],
  noise: ['noise floor', 'rollouts'],
  pin: ['pinned', 'operators'],
  unpin: ['unpinned', 'operators'],
  drain: ['drained', 'operators'],
  resume: ['resumed', 'operators'],
  fallback: ['fall-back', 'operators'],
};

const groups = [
  ['', 'Everything'],
  ['plugs', 'Plugs and swaps'],
  ['problems', 'Problems'],
  ['rollouts', 'Roll-outs'],
  ['operators', 'Operators'],
  ['memory', 'Memory'],
  ['store', 'The store'],
];

const shownAtOnce = 100;

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createTimeline({ state }) {
  const search = h('input', { type: 'search', oninput: () => update(), autocomplete: 'off' });
  const group = h(
    'select',
    { onchange: () => update() },
    ...groups.map(([value = '', text]) => h('option', { value }, text)),
  );
  const list = h('div', {});
  const element = h(
    'div',
    {},
    h('div', { class: 'row' }, labelled('Name', search, 'grow'), labelled('Show', group)),
    list,
  );
  let most = shownAtOnce;
  let signature = '';

  function update() {
    const found = state.events.filter(
      ({ event, name, result }) =>
        (search.value === '' || (name ?? '').includes(search.value)) &&
        (group.value === '' || kinds[event]?.[1] === group.value || (group.value === 'problems' && result !== 'done')),
    );
    const { adapters, events } = state;
    const next = timelineSignature({ found, most, adapters, isEmpty: events.length === 0 });
    if (next === signature) return;
    signature = next;
    if (found.length === 0) {
      fill(list, nothing(state.events.length === 0));
      return;
    }
    const more = h('button', { type: 'button', onclick: () => ((most += shownAtOnce), update()) }, 'Show more');
    fill(
      list,
      h(
        'div',
        { class: 'card' },
        h('ol', { class: 'events' }, ...found.slice(0, most).map((event) => item(event, state.adapters))),
      ),
      found.length > most ? more : null,
    );
  }

  return { element, update };
}

/** @param {boolean} isEmpty */
function nothing(isEmpty) {
  return isEmpty
    ? empty(
        'Nothing has happened yet',
        'Every plug, swap, roll-out and failure appears here as it happens. The latest 2,000 are kept while the server runs; a store keeps all of them in its audit record.',
      )
    : empty('Nothing like that', 'Of the events that are kept, none has this name and this kind.');
}

/** Whom an event is about: its name, or the names of its version. @param {import('../api.js').AdapterEvent} event @param {readonly import('../api.js').Adapter[]} adapters */
function subjectOf({ name, version }, adapters) {
  const named = name === null ? adapters.filter((one) => one.version === version).map((one) => one.name) : [name];
  const [first] = named;
  if (first === undefined) return h('span', { class: 'quiet' }, 'no name any more');
  if (named.length > 1) return h('span', {}, `${named.length} adapters`);
  return adapterLink(first);
}

/** @param {import('../api.js').AdapterEvent} told @param {readonly import('../api.js').Adapter[]} adapters */
function item(told, adapters) {
  const { event, time, by, result, version, previous, reason, error, duration_ms: ms, details } = told;
  const isBad = result !== 'done' || event === 'quarantine' || details['to'] === 'open';
  const words = [
    previous && version ? `${shortVersion(previous)} → ${shortVersion(version)}` : version ? shortVersion(version) : '',
    details['to'] ? `${details['from']} → ${details['to']}` : '',
    details['phase'] ? `${details['phase']}, step ${Number(details['step']) + 1}` : '',
    ms === null ? '' : formatDuration(ms),
  ].filter(Boolean);
  return h(
    'li',
    {},
    timeElement(time, timeOfDay(time)),
    h('span', {}, tag(kinds[event]?.[0] ?? event, isBad ? 'bad' : event === 'load' || event === 'replace' ? 'on' : '')),
    h(
      'div',
      {},
      h('p', {}, subjectOf(told, adapters), ' ', h('span', { class: 'quiet mono' }, words.join(' · '))),
      error ? h('p', { class: 'bad small' }, error.message) : null,
      h('p', { class: 'quiet small' }, `by ${by}${reason ? `: ${reason}` : ''}`),
    ),
  );
}
