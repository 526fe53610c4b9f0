/** The training jobs of the server, with their curves. */
import { lineChart } from '../charts.js';
import { formatAge, formatCount } from '../decide/format.js';
import { messageOf } from '../decide/problem.js';
import { ask, empty, facts, fill, h, tag, timeElement } from '../elements.js';

/**
 * @typedef {object} Job  as OpenAI describes one
 * @property {string} id
 * @property {string} model
 * @property {string | null} fine_tuned_model
 * @property {string} status
 * @property {number} created_at
 * @property {number | null} trained_tokens
 * @property {number} [steps]
 * @property {{ message?: string } | null} [error]
 *
 * @typedef {object} JobEvent
 * @property {string} id
 * @property {string} type
 * @property {string} message
 * @property {number} created_at
 * @property {Record<string, number>} [data]
 */

const everyMs = 3000;
/** Events that are read of one job, the latest. */
const maxEvents = 500;
const going = new Set(['validating_files', 'queued', 'running', 'paused']);

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createJobs({ api, act }) {
  const element = h('div', {});
  let shown = '';
  /** @type {Map<string, JobEvent[]>} */
  const events = new Map();

  async function load() {
    try {
      const { data } = await api.get('v1/fine_tuning/jobs?limit=20');
      for (const job of data) if (going.has(job.status) || !events.has(job.id)) await loadEvents(job.id);
      draw(data);
    } catch (error) {
      shown = '';
      fill(element, empty('Training jobs cannot be shown', messageOf(error)));
    }
  }

  /** @param {string} id */
  async function loadEvents(id) {
    /** @type {JobEvent[]} */
    const all = [];
    for (let place = ''; all.length < maxEvents;) {
      const page = await api.get(`v1/fine_tuning/jobs/${encodeURIComponent(id)}/events?limit=100${place}`);
      all.push(...page.data);
      if (!page.has_more || page.data.length === 0) break;
      place = `&after=${encodeURIComponent(page.data.at(-1).id)}`;
    }
    events.set(id, all.reverse());
  }

  /** @param {readonly Job[]} jobs */
  function draw(jobs) {
    const next = JSON.stringify([jobs, [...events]]);
    if (next === shown) return;
    shown = next;
    if (jobs.length === 0) {
      fill(
        element,
        empty(
          'No training jobs',
          'Send a file of examples and begin a job with any client of OpenAI’s API, at this server’s address. It appears here with its curves, and its adapter is served when it is done.',
        ),
      );
      return;
    }
    fill(element, ...jobs.map((job) => card(job, events.get(job.id) ?? [])));
  }

  /** @param {Job} job @param {readonly JobEvent[]} told */
  function card(job, told) {
    const metrics = told.filter(({ type }) => type === 'metrics');
    const isGoing = going.has(job.status);
    return h(
      'section',
      { class: 'card', 'aria-label': `Job ${job.id}` },
      h(
        'h2',
        {},
        job.fine_tuned_model ?? job.id,
        ' ',
        tag(job.status, job.status === 'failed' ? 'bad' : isGoing || job.status === 'succeeded' ? 'on' : ''),
      ),
      job.error?.message ? h('p', { class: 'bad' }, job.error.message) : null,
      facts(
        [
          ['Base', job.model],
          [
            'Begun',
            timeElement(
              new Date(job.created_at * 1000).toISOString(),
              `${formatAge(new Date(job.created_at * 1000).toISOString(), Date.now())} ago`,
            ),
          ],
          ['Tokens', formatCount(job.trained_tokens)],
          ['Step', `${formatCount(metrics.at(-1)?.data?.['step'])}${job.steps ? ` of ${formatCount(job.steps)}` : ''}`],
        ],
        'figures',
      ),
      h(
        'div',
        { class: 'two' },
        metrics.length === 0 ? null : lossChart(metrics),
        h(
          'div',
          {},
          h('h3', {}, 'Events'),
          h(
            'ol',
            { class: 'events narrow' },
            ...told
              .filter(({ type }) => type !== 'metrics')
              .slice(-6)
              .reverse()
              .map(({ message }) => h('li', {}, message)),
          ),
        ),
      ),
      h(
        'div',
        { class: 'buttons' },
        job.status === 'running' && button(job, 'pause', 'Pause'),
        job.status === 'paused' && button(job, 'resume', 'Resume'),
        isGoing && button(job, 'cancel', 'Cancel'),
      ),
    );
  }

  /** @param {Job} job @param {string} action @param {string} text */
  function button(job, action, text) {
    const decide = async () => {
      const reason = await ask({
        title: `${text} ${job.id}?`,
        text:
          action === 'cancel' ? 'The job ends. What it has learned so far is not served.' : 'The job keeps its place.',
        action: text,
        takesReason: false,
      });
      if (reason === undefined) return;
      await act(
        () => api.send('POST', `v1/fine_tuning/jobs/${encodeURIComponent(job.id)}/${action}`),
        `${job.id}: ${action} is done.`,
      );
      await load();
    };
    return h('button', { type: 'button', onclick: () => void decide() }, text);
  }

  void load();
  const timer = setInterval(() => void load(), everyMs);
  return { element, update: () => undefined, leave: () => clearInterval(timer) };
}

/** @param {readonly JobEvent[]} metrics */
function lossChart(metrics) {
  const line = (/** @type {string} */ name, /** @type {string} */ field) => ({
    name,
    points: metrics.flatMap(({ data = {} }) => {
      const [x, y] = [data['step'], data[field]];
      return x === undefined || y === undefined || y === null ? [] : [{ x, y }];
    }),
  });
  return lineChart({
    title: 'Loss by step',
    lines: [line('training', 'train_loss'), line('validation', 'valid_loss')].filter(({ points }) => points.length > 0),
    format: (value) => value.toFixed(2),
    formatX: (x) => `step ${Math.round(x)}`,
    least: 0,
  });
}
