/** One adapter: what it is, its moves, and what can be done with it. */
import { adapterPath } from '../api.js';
import { formatAge, formatBytes, formatCount, shortVersion } from '../decide/format.js';
import { messageOf } from '../decide/problem.js';
import { ask, facts, fill, h, tag, timeElement } from '../elements.js';

/**
 * @param {import('../main.js').Page} page
 * @param {HTMLElement} element
 */
export function createAdapterPanel({ api, state, act }, element) {
  let name = '';
  /** @type {import('../api.js').Adapter | undefined} */
  let shown;
  let signature = '';

  async function load() {
    const asked = name;
    if (asked === '') return;
    try {
      const found = await api.get(adapterPath(asked));
      if (asked === name) shown = found;
    } catch (error) {
      if (asked === name) showError(error);
      return;
    }
    draw();
  }

  /** @param {unknown} error */
  function showError(error) {
    shown = undefined;
    signature = '';
    fill(
      element,
      h('div', { class: 'card' }, h('h2', {}, name), h('p', { class: 'bad' }, messageOf(error)), closeLink()),
    );
  }

  function closeLink() {
    return h('a', { href: '#/adapters' }, 'Close');
  }

  /** @param {string} path @param {object} body @param {{ title: string, text: string, action: string, done: string }} question */
  async function change(path, body, { done, ...question }) {
    const reason = await ask(question);
    if (reason === undefined) return;
    await act(() => api.send('POST', adapterPath(name, path), { ...body, ...(reason === '' ? {} : { reason }) }), done);
    await load();
  }

  function draw() {
    if (shown === undefined || shown.name !== name) return;
    const of = state.looks.at(-1)?.value.adapters.find((one) => one.name === name);
    const next = JSON.stringify([shown, of, Math.floor(Date.now() / 60_000)]);
    // WHY: what has the focus must not be made anew for nothing.
    if (next === signature) return;
    signature = next;
    const focused = element.contains(document.activeElement) ? document.activeElement?.textContent : undefined;
    fill(element, card(shown, of));
    if (focused)
      /** @type {HTMLElement[]} */ ([...element.querySelectorAll('button, a')])
        .find((one) => one.textContent === focused)
        ?.focus();
  }

  /** @param {import('../api.js').Adapter} adapter @param {import('../api.js').AdapterStats | undefined} of */
  function card(adapter, of) {
    const now = Date.now();
    const { version, draining, pinned, history = [] } = adapter;
    const earlier = history.find((move) => move.version !== version);
    return h(
      'div',
      { class: 'card' },
      h('h2', {}, adapter.name),
      adapter.problem ? h('p', { class: 'bad' }, adapter.problem) : null,
      facts([
        ['State', tag(draining ? 'draining' : adapter.state, adapter.state === 'failed' ? 'bad' : 'on')],
        ['Version', h('code', { title: version ?? '' }, shortVersion(version))],
        ['Rank', formatCount(adapter.rank)],
        ['Memory', adapter.resident ? formatBytes(adapter.bytes) : 'not in memory'],
        ['In use', `${formatCount(adapter.leases)} requests`],
        ['Answered', of ? `${formatCount(of.finished)}, ${formatCount(of.failed)} failed` : '–'],
        ['Pinned', pinned ? `by ${pinned.by}` : 'no'],
        ['If it fails', adapter.fallback ? answers(adapter.fallback.answers) : 'an error'],
      ]),
      h(
        'div',
        { class: 'buttons' },
        button('Roll back', earlier === undefined, () =>
          change(
            '/rollback',
            {},
            {
              title: `Roll ${name} back?`,
              text: `New requests get the version before, ${shortVersion(earlier?.version)}. Requests that run keep theirs to the end.`,
              action: 'Roll back',
              done: `${name} is rolled back.`,
            },
          ),
        ),
        draining
          ? button('Resume', false, () =>
              change(
                '/resume',
                {},
                {
                  title: `Take requests for ${name} again?`,
                  text: 'New requests are answered again.',
                  action: 'Resume',
                  done: `${name} takes requests.`,
                },
              ),
            )
          : button('Drain', false, () =>
              change(
                '/drain',
                {},
                {
                  title: `Drain ${name}?`,
                  text: 'New requests are refused. Those that run end as they would.',
                  action: 'Drain',
                  done: `${name} takes no new requests.`,
                },
              ),
            ),
        pinned
          ? button('Unpin', false, () =>
              change(
                '/unpin',
                {},
                {
                  title: `Unpin ${name}?`,
                  text: 'The name may move to other versions again.',
                  action: 'Unpin',
                  done: `${name} is not pinned any more.`,
                },
              ),
            )
          : button('Pin', version === null, () =>
              change(
                '/pin',
                { weights: true },
                {
                  title: `Pin ${name}?`,
                  text: 'The name keeps its version, and the weights stay in memory, until it is unpinned.',
                  action: 'Pin',
                  done: `${name} is pinned.`,
                },
              ),
            ),
        h('a', { href: `#/playground/${encodeURIComponent(name)}`, class: 'small' }, 'Try it'),
      ),
      h('h3', {}, 'Moves'),
      history.length === 0 ? h('p', { class: 'quiet' }, 'None since the server started.') : moves(history, now),
      h('p', {}, closeLink()),
    );
  }

  return {
    /** @param {string} next */
    show(next) {
      if (next === name) return;
      name = next;
      shown = undefined;
      signature = '';
      fill(element);
      void load();
    },
    update() {
      const listed = state.adapters.find((one) => one.name === name);
      if (listed === undefined || shown === undefined) return;
      const isMoved = listed.version !== shown.version;
      shown = { ...shown, ...listed };
      if (isMoved) void load();
      else draw();
    },
  };
}

/** @param {string} text @param {boolean} isDisabled @param {() => Promise<void>} change */
function button(text, isDisabled, change) {
  return h('button', { type: 'button', disabled: isDisabled, onclick: () => void change() }, text);
}

/** @param {string} fallback */
function answers(fallback) {
  return { previous: 'the version before answers', base: 'the base answers', error: 'an error' }[fallback] ?? fallback;
}

/** @param {NonNullable<import('../api.js').Adapter['history']>} history @param {number} now */
function moves(history, now) {
  return h(
    'ol',
    { class: 'events narrow' },
    ...history
      .slice(0, 20)
      .map(({ version, time, by, reason }) =>
        h(
          'li',
          {},
          h(
            'p',
            {},
            h('code', { title: version }, shortVersion(version)),
            ' ',
            h('span', { class: 'quiet small' }, timeElement(time, `${formatAge(time, now)} ago`), ` by ${by}`),
          ),
          reason ? h('p', { class: 'small' }, reason) : null,
        ),
      ),
  );
}
