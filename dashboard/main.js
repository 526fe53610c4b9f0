/** The page: asks the server, keeps what it knows, and shows one view at a time. */
import { Api, Refusal } from './api.js';
import { EventBatch } from './decide/event-batch.js';
import { messageOf } from './decide/problem.js';
import { addLook } from './decide/rates.js';
import { fill, h, labelled } from './elements.js';
import { createAdapters } from './views/adapters.js';
import { createAudit } from './views/audit.js';
import { createFleet } from './views/fleet.js';
import { createJobs } from './views/jobs.js';
import { createLive } from './views/live.js';
import { createPlayground } from './views/playground.js';
import { createRollouts } from './views/rollouts.js';
import { createTimeline } from './views/timeline.js';

/**
 * What the page knows. Views read it, and are told when it changes.
 * @typedef {object} State
 * @property {import('./api.js').Adapter[]} adapters
 * @property {import('./decide/rates.js').Look<import('./api.js').Stats>[]} looks
 * @property {import('./api.js').AdapterEvent[]} events  the latest first
 * @property {import('./api.js').Rollout[] | undefined} rollouts  undefined: the server has none
 * @property {boolean} isLoaded
 *
 * @typedef {object} Page
 * @property {Api} api
 * @property {State} state
 * @property {(work: () => Promise<unknown>, done: string) => Promise<boolean>} act  does something and says how it went
 * @property {() => Promise<void>} refresh
 * @property {(path: string) => Promise<boolean>} has  whether this server has a route
 *
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {() => void} update  called when the state has changed
 * @property {(rest: string) => void} [show]  called with the rest of the address
 * @property {() => void} [leave]
 */

const maxEvents = 1000;
const everyMs = 2000;
const retryMs = 5000;

const api = new Api();
/** @type {State} */
const state = { adapters: [], looks: [], events: [], rollouts: undefined, isLoaded: false };
/** @type {View | undefined} */
let view;
let shownName = '';

/** @type {Record<string, { title: string, create: (page: Page) => View }>} */
const views = {
  adapters: { title: 'Adapters', create: createAdapters },
  timeline: { title: 'Timeline', create: createTimeline },
  rollouts: { title: 'Roll-outs', create: createRollouts },
  live: { title: 'Live', create: createLive },
  playground: { title: 'Playground', create: createPlayground },
  fleet: { title: 'Fleet', create: createFleet },
  jobs: { title: 'Training', create: createJobs },
  audit: { title: 'Audit record', create: createAudit },
};

/** @template {HTMLElement} [Kind=HTMLElement] @param {string} id @returns {Kind} */
const byId = (id) => /** @type {Kind} */ (document.getElementById(id));

/** @param {string} text */
function say(text) {
  const message = h('p', {}, text);
  byId('messages').append(message);
  setTimeout(() => message.remove(), 6000);
}

/** What the problem that is shown came of. WHY: that the server answers does not mend that a key may not act. @type {'looking' | 'acting'} */
let problemOf = 'looking';

/** @param {unknown} error @param {'looking' | 'acting'} of */
function showProblem(error, of) {
  problemOf = of;
  const refusal = error instanceof Refusal ? error : undefined;
  const text = messageOf(error);
  if (byId('problem').dataset['text'] === text) return;
  byId('problem').dataset['text'] = text;
  const button = refusal?.wantsKey ? h('button', { type: 'button', onclick: () => askKey() }, 'Enter a key') : null;
  fill(byId('problem'), h('span', {}, text), button);
}

function clearProblem() {
  problemOf = 'looking';
  delete byId('problem').dataset['text'];
  fill(byId('problem'));
}

/** @param {'live' | 'polling' | 'lost'} kind */
function showConnection(kind) {
  const texts = { live: 'live', polling: 'every few seconds', lost: 'not connected' };
  const element = byId('connection');
  element.className = `connection ${kind}`;
  if (element.textContent !== texts[kind]) element.textContent = texts[kind];
}

/** @type {Page} */
const page = {
  api,
  state,
  async act(work, done) {
    try {
      await work();
      clearProblem();
      say(done);
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.wantsKey) showProblem(error, 'acting');
      else say(messageOf(error));
      return false;
    } finally {
      await refresh();
    }
  },
  refresh,
  has,
};

/** @type {Promise<ReadonlySet<string>> | undefined} */
let routes;

/**
 * WHY by the document of the routes: a request for one that is not there would be an error in the browser's log.
 * @param {string} path
 * @throws {Refusal}
 */
async function has(path) {
  routes ??= api.get('openapi.json').then(({ paths }) => new Set(Object.keys(paths)));
  try {
    return (await routes).has(path);
  } catch (error) {
    routes = undefined;
    throw error;
  }
}

/** @type {Promise<void> | undefined} */
let asking;

/** Asks for everything that is shown. Calls that overlap share one asking. */
function refresh() {
  asking ??= load().finally(() => (asking = undefined));
  return asking;
}

async function load() {
  try {
    const [adapters, stats, rollouts] = await Promise.all([
      optional('/v1/adapters'),
      optional('/v1/stats'),
      optional('/v1/rollouts'),
    ]);
    state.adapters = adapters?.data ?? [];
    state.rollouts = rollouts?.data;
    if (stats) state.looks = addLook(state.looks, { time: Date.parse(stats.time), value: stats });
    state.isLoaded = true;
    if (problemOf === 'looking') clearProblem();
  } catch (error) {
    showProblem(error, 'looking');
    if (error instanceof Refusal && error.status === 0) showConnection('lost');
  }
  view?.update();
}

/** undefined for a route that this server does not have. @param {string} path @returns {Promise<any>} */
async function optional(path) {
  return (await has(path)) ? api.get(path.slice(1)) : undefined;
}

/** Changes that come together are asked for once. */
let isRefreshDue = false;
function refreshSoon() {
  if (isRefreshDue) return;
  isRefreshDue = true;
  setTimeout(() => {
    isRefreshDue = false;
    void refresh();
  }, 250);
}

/** @param {readonly import('./api.js').AdapterEvent[]} events  the oldest first */
function addEvents(events) {
  const known = new Set(state.events.map(({ id }) => id));
  const fresh = events.filter(({ id }) => !known.has(id)).reverse();
  if (fresh.length === 0) return;
  state.events = [...fresh, ...state.events].slice(0, maxEvents);
  refreshSoon();
}

let following = new AbortController();
/** @type {string | undefined} */
let place;

/** Follows the events, and asks for them now and then while that is not possible. */
async function followEvents() {
  following.abort();
  const mine = (following = new AbortController());
  /** @type {EventBatch<import('./api.js').AdapterEvent>} */
  const batch = new EventBatch(
    // WHY not when it is over: the next one, perhaps with another key, begins anew.
    (events) => mine.signal.aborted || addEvents(events),
    (run) => setTimeout(run, 50),
  );
  while (!mine.signal.aborted) {
    try {
      await api.follow({
        after: place,
        signal: mine.signal,
        onOpen: () => showConnection('live'),
        onEvent: (event) => batch.add(event),
        onGap() {
          batch.flush();
          state.events = [];
        },
        onPlace: (id) => (place = id),
      });
    } catch {
      batch.flush();
      if (!mine.signal.aborted) await pollEvents();
    }
    if (!mine.signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

async function pollEvents() {
  try {
    const found = await api.get(place === undefined ? 'v1/events' : `v1/events?after=${encodeURIComponent(place)}`);
    if (found.gap) state.events = [];
    place = found.last_id;
    addEvents(found.data);
    showConnection('polling');
  } catch {
    showConnection('lost');
  }
}

function askKey() {
  const field = h('input', { type: 'password', name: 'key', autocomplete: 'off', spellcheck: 'false' });
  const close = () => {
    dialog.close();
    dialog.remove();
  };
  const use = (/** @type {string} */ key) => {
    api.setKey(key);
    close();
    clearProblem();
    byId('key-button').textContent = key === '' ? 'Key' : 'Key ✓';
    place = undefined;
    routes = undefined;
    state.events = [];
    void followEvents();
    void refresh();
    void showJobs();
  };
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'key-title' },
    h(
      'form',
      {
        onsubmit: (event) => {
          event.preventDefault();
          use(field.value.trim());
        },
      },
      h('h2', { id: 'key-title' }, 'Key of this server'),
      h(
        'p',
        { class: 'quiet' },
        'A key for reading shows everything; to change something, and to ask a model, it takes one for that. It is kept for this tab only, and goes to this server only.',
      ),
      labelled('Key', field),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onclick: close }, 'Cancel'),
        api.hasKey && h('button', { type: 'button', onclick: () => use('') }, 'Forget the key'),
        h('button', { type: 'submit', class: 'main' }, 'Use the key'),
      ),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const themes = ['system', 'light', 'dark'];

function nextTheme() {
  const root = document.documentElement;
  const now = themes.indexOf(root.dataset['theme'] ?? 'system');
  const next = themes[(now + 1) % themes.length] ?? 'system';
  if (next === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = next;
  try {
    localStorage.setItem('espalier-theme', next);
  } catch {
    // The theme then lasts as long as the page.
  }
  showTheme();
}

function showTheme() {
  const theme = document.documentElement.dataset['theme'] ?? 'system';
  const button = byId('theme-button');
  button.textContent = { system: '◐', light: '☀', dark: '☾' }[theme] ?? '◐';
  button.setAttribute('aria-label', `Theme: ${theme === 'system' ? 'as the system' : theme}`);
}

function showView() {
  const [name = '', ...rest] = location.hash.replace(/^#\//, '').split('/');
  const key = Object.hasOwn(views, name) ? name : 'adapters';
  const chosen = views[key];
  if (chosen === undefined) return;
  if (key !== shownName) {
    view?.leave?.();
    view = chosen.create(page);
    fill(byId('view'), view.element);
    byId('title').textContent = chosen.title;
    document.title = `${chosen.title} · Espalier`;
    for (const link of document.querySelectorAll('#views a')) {
      if (link.getAttribute('href') === `#/${key}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    if (shownName !== '') {
      byId('main').focus({ preventScroll: true });
      clearProblem();
    }
    shownName = key;
  }
  view?.show?.(decodeURIComponent(rest.join('/')));
  view?.update();
}

/** Shows the view of trainings where the server has them. */
async function showJobs() {
  try {
    const isThere = await has('/v1/fine_tuning/jobs');
    const link = document.querySelector('#views a[href="#/jobs"]');
    if (link instanceof HTMLElement) link.hidden = !isThere;
  } catch {
    // Without a key it is not known. It is asked for again with one.
  }
}

byId('key-button').addEventListener('click', askKey);
byId('key-button').textContent = api.hasKey ? 'Key ✓' : 'Key';
byId('theme-button').addEventListener('click', nextTheme);
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});
addEventListener('hashchange', showView);
showTheme();
showView();
void refresh();
void followEvents();
void showJobs();
setInterval(() => document.visibilityState === 'visible' && void refresh(), everyMs);
