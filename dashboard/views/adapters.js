/** The adapters of the server: a table that draws only the rows that are seen, and beside it the chosen one. */
import { filterAdapters, sortAdapters } from '../decide/filter.js';
import { formatAge, formatCount, formatRate, shortVersion } from '../decide/format.js';
import { rateOf } from '../decide/rates.js';
import { windowOfRows } from '../decide/window-of-rows.js';
import { adapterAddress, empty, facts, h, labelled, setText, fill } from '../elements.js';
import { createAdapterPanel } from './adapter-panel.js';

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} tier
 * @property {string} state
 * @property {string | null} version
 * @property {string | null} breaker
 * @property {boolean} draining
 * @property {boolean} pinned
 * @property {number} failed
 * @property {number} leases
 * @property {string} created
 * @property {number | undefined} rate
 */

const rowHeight = 43;

/** @type {readonly (readonly [string, string])[]} */
const columns = [
  ['Name', 'name'],
  ['State', ''],
  ['Tier', ''],
  ['Version', 'late'],
  ['Age', 'number late'],
  ['In use', 'number'],
  ['Requests/s', 'number'],
  ['Errors', 'number'],
  ['Breaker', ''],
];

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createAdapters(page) {
  const { state } = page;
  const search = h('input', {
    type: 'search',
    placeholder: 'name, version, is:failing, is:active, is:pinned',
    oninput: () => update(),
    autocomplete: 'off',
  });
  const order = h(
    'select',
    { onchange: () => update() },
    ...[
      ['name', 'Name'],
      ['rate', 'Requests a second'],
      ['failed', 'Errors'],
      ['leases', 'In use'],
      ['age', 'Newest version'],
    ].map(([value = '', text]) => h('option', { value }, text)),
  );
  const count = h('p', { class: 'quiet small', role: 'status' });
  const figures = h('div', {});
  const [before, after] = [spacer(), spacer()];
  const body = h('tbody', {}, before.row, after.row);
  const table = h(
    'table',
    {},
    h('caption', {}, 'Adapters'),
    h('thead', {}, h('tr', {}, ...columns.map(([text, kind]) => h('th', { scope: 'col', class: kind }, text)))),
    body,
  );
  const scroller = h(
    'div',
    { class: 'table tall', tabindex: 0, role: 'region', 'aria-label': 'Table of adapters', onscroll: () => draw() },
    table,
  );
  const nothing = h('div', {});
  const side = h('aside', { 'aria-label': 'The chosen adapter' });
  const panel = createAdapterPanel(page, side);
  const split = h('div', { class: 'split' }, h('div', {}, scroller, nothing), side);
  const element = h(
    'div',
    {},
    figures,
    h('div', { class: 'row' }, labelled('Search', search, 'grow'), labelled('Order', order)),
    count,
    split,
  );
  /** @type {Row[]} */
  let rows = [];
  /** @type {ReturnType<typeof createRow>[]} */
  const drawn = [];
  let chosen = '';

  function draw() {
    const view = { count: rows.length, rowHeight, top: scroller.scrollTop, height: scroller.clientHeight };
    const { first, end, before: above, after: below } = windowOfRows(view);
    while (drawn.length < end - first) {
      const row = createRow();
      drawn.push(row);
      body.insertBefore(row.element, after.row);
    }
    for (const row of drawn.splice(end - first)) row.element.remove();
    drawn.forEach((row, at) => {
      const one = rows[first + at];
      if (one) row.show(one, first + at, one.name === chosen);
    });
    before.set(above);
    after.set(below);
  }

  function update() {
    const all = rowsOf(state);
    rows = sortAdapters(filterAdapters(all, search.value), order.value);
    table.setAttribute('aria-rowcount', String(rows.length + 1));
    setText(count, rows.length === all.length ? `${all.length} adapters` : `${rows.length} of ${all.length} adapters`);
    fill(figures, summary(state, all));
    scroller.hidden = rows.length === 0;
    fill(nothing, rows.length > 0 || !state.isLoaded ? null : all.length === 0 ? howToAdd() : nothingFound());
    draw();
    panel.update();
  }

  function nothingFound() {
    return empty(
      'Nothing is found',
      'Every word of the search must be in the name, or be the beginning of the version. is:failing, is:open, is:draining, is:pinned, is:active, is:resident and is:disk find adapters by their state.',
    );
  }

  return {
    element,
    update,
    show(rest) {
      chosen = rest;
      split.classList.toggle('open', chosen !== '');
      panel.show(chosen);
      draw();
    },
  };
}

/** WHY kept: a look is read several times, and has an entry for each of a thousand names. @type {WeakMap<import('../api.js').Stats, Map<string, import('../api.js').AdapterStats>>} */
const named = new WeakMap();

/** @param {import('../api.js').Stats} stats */
function byName(stats) {
  const known = named.get(stats) ?? new Map(stats.adapters.map((one) => [one.name, one]));
  named.set(stats, known);
  return known;
}

/** @param {import('../main.js').State} state @returns {Row[]} */
function rowsOf({ adapters, looks }) {
  const last = looks.at(-1);
  const stats = last && byName(last.value);
  const known = looks.slice(-8).map((look) => ({ time: look.time, value: byName(look.value) }));
  return adapters.map(({ name, state, version, resident, draining, pinned, leases, created }) => {
    const of = stats?.get(name);
    return {
      name,
      state,
      version,
      tier: of?.tier ?? (resident ? 'resident' : 'disk'),
      breaker: of?.breaker ?? null,
      draining,
      pinned: pinned !== null,
      failed: of?.failed ?? 0,
      leases,
      created,
      rate: rateOf(known, (look) => {
        const one = look.get(name);
        return one && one.finished + one.cancelled + one.failed;
      }),
    };
  });
}

/** @param {import('../main.js').State} state @param {readonly Row[]} rows */
function summary({ looks }, rows) {
  if (rows.length === 0) return null;
  const now = looks.at(-1)?.value;
  const of = (/** @type {(row: Row) => boolean} */ is) => formatCount(rows.filter(is).length);
  const rate = rateOf(looks, ({ engine }) => engine?.requests['finished']);
  return facts(
    [
      ['Adapters', formatCount(rows.length)],
      ['Active', of(({ tier }) => tier === 'active')],
      ['In memory', of(({ tier }) => tier !== 'disk')],
      ['Failing', of(({ state, breaker }) => state === 'failed' || breaker === 'open')],
      ['Requests/s', formatRate(rate)],
      ['Running', now?.engine ? `${now.engine.running} of ${now.engine.slots}` : '–'],
    ],
    'figures',
  );
}

function createRow() {
  const link = h('a', {});
  const cells = columns.map(([, kind]) => h('td', { class: kind }));
  const tags = ['state', 'tier', 'breaker'].map(() => h('span', { class: 'tag' }));
  cells[0]?.append(link);
  cells[1]?.append(tags[0] ?? '');
  cells[2]?.append(tags[1] ?? '');
  cells[0]?.classList.add('name');
  cells[3]?.classList.add('mono');
  cells[8]?.append(tags[2] ?? '');
  const element = h('tr', {}, ...cells);
  /** @param {number} at @param {string} text */
  const put = (at, text) => cells[at] && setText(cells[at], text);
  return {
    element,
    /** @param {Row} row @param {number} index @param {boolean} isChosen */
    show(row, index, isChosen) {
      const now = Date.now();
      element.setAttribute('aria-rowindex', String(index + 2));
      element.classList.toggle('chosen', isChosen);
      setText(link, row.name);
      link.setAttribute('href', adapterAddress(row.name));
      link.title = row.name;
      showTag(tags[0], row.draining ? 'draining' : row.state, row.state === 'failed' ? 'bad' : '');
      showTag(tags[1], row.tier, row.tier === 'active' ? 'on' : '');
      put(3, shortVersion(row.version));
      put(4, formatAge(row.created, now));
      put(5, formatCount(row.leases));
      put(6, formatRate(row.rate));
      put(7, formatCount(row.failed));
      cells[7]?.classList.toggle('bad', row.failed > 0);
      showTag(tags[2], row.breaker ?? '–', row.breaker === 'open' ? 'bad' : '');
    },
  };
}

/** @param {HTMLElement | undefined} element @param {string} text @param {string} kind */
function showTag(element, text, kind) {
  if (element === undefined) return;
  setText(element, text);
  element.className = `tag ${kind}`;
}

function spacer() {
  const cell = h('td', { colspan: columns.length });
  const row = h('tr', { class: 'spacer', 'aria-hidden': 'true' }, cell);
  return {
    row,
    /** @param {number} height */
    set(height) {
      row.hidden = height === 0;
      cell.style.height = `${height}px`;
    },
  };
}

function howToAdd() {
  return empty(
    'No adapters yet',
    'An adapter is a folder with adapter_config.json and adapter_model.safetensors, as PEFT writes it. Put it into the store of this server, or send it; it appears here as soon as it is checked.',
    [
      '# a server with a store takes what is dropped into it:',
      'espalier serve BASE --store STORE',
      'cp -r my-adapter STORE/incoming/',
      '',
      '# or send it:',
      'espalier adapter upload my-adapter PATH --server ' + location.origin,
    ].join('\n'),
  );
}
