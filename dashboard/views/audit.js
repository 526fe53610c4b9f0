/** The audit record of the store, the latest first. */
import { shortVersion } from '../decide/format.js';
import { messageOf } from '../decide/problem.js';
import { adapterLink, empty, fill, h, labelled, tag, timeElement } from '../elements.js';

/**
 * @typedef {object} AuditEntry
 * @property {number} seq
 * @property {string} time
 * @property {string} actor
 * @property {string} event
 * @property {string} result
 * @property {string} [name]
 * @property {string} [digest]
 * @property {string} [reason]
 * @property {string} [code]
 * @property {string} [message]
 */

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createAudit(page) {
  const { api } = page;
  const name = h('input', { type: 'search', autocomplete: 'off' });
  const body = h('tbody', {});
  const table = h(
    'div',
    { class: 'table', tabindex: 0, role: 'region', 'aria-label': 'Audit record' },
    h(
      'table',
      {},
      h('caption', {}, 'Audit record'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...['No.', 'Time', 'By', 'What', 'Name', 'Version', 'Why'].map((text) => h('th', { scope: 'col' }, text)),
        ),
      ),
      body,
    ),
  );
  const more = h('button', { type: 'button', onclick: () => void load() }, 'Show older records');
  const note = h('div', {});
  const element = h(
    'div',
    {},
    h(
      'form',
      {
        class: 'row',
        onsubmit: (event) => {
          event.preventDefault();
          restart();
        },
      },
      labelled('Only of the name', name, 'grow'),
      h('div', { class: 'buttons' }, h('button', { type: 'submit' }, 'Look')),
    ),
    table,
    note,
    h('p', {}, more),
  );
  /** @type {number | null} */
  let before = null;
  let asked = 0;

  function restart() {
    before = null;
    fill(body);
    void load();
  }

  async function load() {
    const mine = ++asked;
    try {
      const isKept = await page.has('/v1/audit');
      if (mine !== asked) return;
      if (!isKept) return showMissing();
      const query = new URLSearchParams({ limit: '100' });
      if (before !== null) query.set('before', String(before));
      if (name.value.trim() !== '') query.set('name', name.value.trim());
      const found = await api.get(`v1/audit?${query}`);
      if (mine !== asked) return;
      body.append(...found.data.map(row));
      before = found.next_before;
      more.hidden = !found.has_more;
      table.hidden = body.childElementCount === 0;
      fill(
        note,
        table.hidden
          ? empty(
              'No records',
              found.has_more
                ? 'None among the latest. Older ones may be there.'
                : 'Nothing like that is in the record.',
            )
          : null,
      );
    } catch (error) {
      if (mine === asked) showError(error);
    }
  }

  function showMissing() {
    [table.hidden, more.hidden] = [true, true];
    fill(
      note,
      empty(
        'This server keeps no audit record',
        'A store keeps one: every change of an adapter, who made it and why, each line with the hash of the line before.',
        'espalier serve BASE --store STORE\n\n# whether it is whole:\nespalier audit STORE',
      ),
    );
  }

  /** @param {unknown} error */
  function showError(error) {
    [table.hidden, more.hidden] = [true, true];
    fill(note, empty('The record cannot be shown', messageOf(error)));
  }

  restart();
  return { element, update: () => undefined };
}

/** @param {AuditEntry} entry */
function row({ seq, time, actor, event, result, name, digest, reason, message, code }) {
  return h(
    'tr',
    {},
    h('td', { class: 'number quiet' }, seq),
    h(
      'td',
      {},
      timeElement(time, new Date(time).toLocaleString([], { hour12: false, dateStyle: 'medium', timeStyle: 'medium' })),
    ),
    h('td', {}, actor),
    h('td', {}, tag(event, result === 'done' ? '' : 'bad')),
    h('td', { class: 'name' }, name ? adapterLink(name) : '–'),
    h('td', { class: 'mono' }, shortVersion(digest)),
    h('td', { class: 'wrap small' }, [reason, message ?? code].filter(Boolean).join(' — ')),
  );
}
