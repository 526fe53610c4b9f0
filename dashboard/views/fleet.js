/** What Git says beside what lives, and who changed what lives. */
import { shortVersion } from '../decide/format.js';
import { messageOf } from '../decide/problem.js';
import { adapterLink, ask, empty, facts, fill, h, tag, timeElement } from '../elements.js';

/**
 * @typedef {object} FleetState
 * @property {string} commit
 * @property {string | null} author
 * @property {string | null} subject
 *
 * @typedef {object} FleetRow
 * @property {string} name
 * @property {string} kind
 * @property {string | null} note
 * @property {{ version: string } | null} declared
 * @property {{ version: string | null, changed: { by: string, reason: string | null, time: string } | null } | null} live
 *
 * @typedef {object} Fleet
 * @property {string} sync
 * @property {string | null} source
 * @property {FleetState & { applied_at: string } | null} applied
 * @property {FleetState & { since: string, error: { message: string } } | null} refused
 * @property {{ since: string, error: { message: string } } | null} unreachable
 * @property {{ by: string, reason: string | null, time: string } | null} paused
 * @property {number | null} age_seconds
 * @property {number | null} looking_seconds  how long the look takes that goes on
 * @property {FleetRow[]} rows
 */

/** A look that takes longer is told of. */
const lateSeconds = 3;

const good = new Set(['synced', 'in_sync', 'progressing']);

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createFleet(page) {
  const head = h('div', {});
  const buttons = h('div', { class: 'buttons' });
  const body = h('tbody', {});
  const titles = ['Name', 'State', 'In Git', 'Live', 'Last changed by', 'When', 'Note'];
  const columns = h('tr', {}, ...titles.map((text) => h('th', { scope: 'col' }, text)));
  const table = h(
    'div',
    { class: 'table', tabindex: 0, role: 'region', 'aria-label': 'Fleet' },
    h('table', {}, h('caption', {}, 'Git beside what lives'), h('thead', {}, columns), body),
  );
  const element = h('div', {}, head, buttons, table);
  let [asked, shown] = [0, ''];

  async function load() {
    const mine = ++asked;
    try {
      const isThere = await page.has('/v1/fleet');
      /** @type {Fleet | undefined} */
      const fleet = isThere ? await page.api.get('v1/fleet') : undefined;
      if (mine === asked) show(fleet);
    } catch (error) {
      if (mine === asked) showNothing('The fleet cannot be shown', messageOf(error));
    }
  }

  /** @param {Fleet | undefined} fleet */
  function show(fleet) {
    if (fleet === undefined || (fleet.source === null && fleet.applied === null)) {
      return showNothing(
        'This server follows no fleet',
        'A fleet is what a server should serve, in a file that is kept in Git. What others change is put back.',
        'espalier serve BASE --store STORE --fleet ssh://git@HOST/fleet.git',
      );
    }
    // WHY: a table that is made anew takes the focus and the selection of who reads it.
    const text = JSON.stringify(fleet);
    if (text === shown) return;
    shown = text;
    table.hidden = fleet.rows.length === 0;
    fill(head, facts(pairsOf(fleet)));
    fill(buttons, fleet.source === null ? null : button(fleet));
    fill(body, ...fleet.rows.map(row));
  }

  /** @param {string} title @param {string} text @param {string} [command] */
  function showNothing(title, text, command) {
    shown = '';
    table.hidden = true;
    fill(buttons);
    fill(head, empty(title, text, command));
  }

  /** @param {Fleet} fleet */
  function button({ paused }) {
    const [path, label, text] =
      paused === null
        ? ['pause', 'Pause', 'Nothing is applied, and nothing that others change is put back, until it is resumed.']
        : ['resume', 'Resume', 'The newest commit is applied, and what differs from it is put back.'];
    const act = async () => {
      const reason = await ask({ title: `${label} the fleet?`, text: text ?? '', action: label ?? '' });
      if (reason === undefined) return;
      const sent = reason === '' ? {} : { reason };
      await page.act(() => page.api.send('POST', `v1/fleet/${path}`, sent), `The fleet: ${path}d`);
      await load();
    };
    return h('button', { type: 'button', onclick: () => void act() }, label);
  }

  return { element, update: () => void load() };
}

/** @param {Fleet} fleet @returns {[string, import('../elements.js').Child][]} */
function pairsOf({ sync, source, applied, refused, unreachable, paused, age_seconds: age, looking_seconds: looking }) {
  return [
    ['State', tag(sync, good.has(sync) ? 'on' : 'bad')],
    ['Source', source ?? 'applied by hand'],
    ['Applied', applied === null ? 'nothing yet' : `${stateText(applied)}, at ${localTime(applied.applied_at)}`],
    ...(age === null || source === null ? [] : [pair('Age', `${age} s`)]),
    ...(refused === null ? [] : [pair('Refused', `${stateText(refused)}: ${refused.error.message}`)]),
    ...(unreachable === null
      ? []
      : [pair('Not reached', `since ${localTime(unreachable.since)}: ${unreachable.error.message}`)]),
    ...(looking === null || looking < lateSeconds ? [] : [pair('Looking', `for ${looking} s, without an end so far`)]),
    ...(paused === null
      ? []
      : [pair('Paused', `by ${paused.by} at ${localTime(paused.time)}${paused.reason ? `: ${paused.reason}` : ''}`)]),
  ];
}

/** @param {string} name @param {string} value @returns {[string, import('../elements.js').Child]} */
function pair(name, value) {
  return [name, value];
}

/** @param {FleetState} state */
function stateText({ commit, author, subject }) {
  const short = commit.replace(/^(sha256-)?([\da-f]{12})[\da-f]*$/, '$1$2');
  return [short, subject, author].filter(Boolean).join(', ');
}

/** @param {string} time */
function localTime(time) {
  return new Date(time).toLocaleString([], { hour12: false, dateStyle: 'medium', timeStyle: 'medium' });
}

/** @param {FleetRow} row */
function row({ name, kind, note, declared, live }) {
  const changed = live?.changed ?? null;
  const when = changed === null ? '' : timeElement(changed.time, localTime(changed.time));
  return h(
    'tr',
    {},
    h('td', { class: 'name' }, adapterLink(name)),
    h('td', {}, tag(kind.replaceAll('_', ' '), good.has(kind) ? 'on' : 'bad')),
    h('td', { class: 'mono' }, shortVersion(declared?.version)),
    h('td', { class: 'mono' }, shortVersion(live?.version)),
    h('td', {}, changed === null ? '' : [changed.by, changed.reason].filter(Boolean).join(': ')),
    h('td', {}, when),
    h('td', { class: 'wrap small' }, note ?? ''),
  );
}
