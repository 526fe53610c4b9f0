/** Throughput and latency, since the page was opened. */
import { lineChart } from '../charts.js';
import { formatBytes, formatCount, formatDuration, formatRate, formatShare, timeOfDay } from '../decide/format.js';
import { rateLine, rateOf } from '../decide/rates.js';
import { empty, facts, fill, h } from '../elements.js';

/** @param {import('../main.js').Page} page @returns {import('../main.js').View} */
export function createLive({ state }) {
  const element = h('div', {});
  let shown = 0;
  return {
    element,
    update() {
      const { looks } = state;
      const last = looks.at(-1);
      if (last === undefined) {
        if (state.isLoaded) fill(element, empty('No figures', 'This server tells none.'));
        return;
      }
      if (last.time === shown) return;
      shown = last.time;
      fill(
        element,
        figures(looks, last.value),
        h('div', { class: 'two' }, ...charts(looks).map((chart) => h('div', { class: 'card' }, chart))),
      );
    },
  };
}

/** @typedef {import('../decide/rates.js').Look<import('../api.js').Stats>} Look */

/** @param {readonly Look[]} looks @param {import('../api.js').Stats} now */
function figures(looks, { engine, memory, recent }) {
  return facts(
    [
      ['Tokens/s', formatRate(rateOf(looks, generated))],
      ['Requests/s', formatRate(rateOf(looks, ended))],
      ['Running', engine ? `${engine.running} of ${engine.slots}` : '–'],
      ['Waiting', formatCount(engine?.waiting)],
      ['First token, p95', formatDuration(recent.first_token_ms?.p95)],
      ['Answer, p95', formatDuration(recent.answer_ms?.p95)],
      ['Keys and values', formatShare(engine?.cache_usage)],
      ['Adapters in memory', memory ? formatBytes(memory.used) : '–'],
    ],
    'figures',
  );
}

/** @param {import('../api.js').Stats} stats */
const generated = ({ engine }) => engine?.tokens.generated;
/** @param {import('../api.js').Stats} stats */
const ended = ({ engine }) => engine?.requests['finished'];

/** @param {readonly Look[]} looks */
function charts(looks) {
  const line = (/** @type {(stats: import('../api.js').Stats) => number | undefined} */ of) =>
    looks.flatMap(({ time, value }) => {
      const y = of(value);
      return y === undefined ? [] : [{ x: time, y }];
    });
  return [
    lineChart({
      title: 'Tokens a second',
      lines: [{ name: '', points: rateLine(looks, generated) }],
      format: formatRate,
      formatX: timeOfDay,
      least: 0,
    }),
    lineChart({
      title: 'Requests a second',
      lines: [{ name: '', points: rateLine(looks, ended) }],
      format: formatRate,
      formatX: timeOfDay,
      least: 0,
    }),
    lineChart({
      title: 'Time to the first token, last minute',
      lines: [
        { name: 'p50', points: line(({ recent }) => recent.first_token_ms?.p50) },
        { name: 'p95', points: line(({ recent }) => recent.first_token_ms?.p95) },
      ],
      format: formatDuration,
      formatX: timeOfDay,
      least: 0,
    }),
    lineChart({
      title: 'Running and waiting',
      lines: [
        { name: 'running', points: line(({ engine }) => engine?.running) },
        { name: 'waiting', points: line(({ engine }) => engine?.waiting) },
      ],
      format: formatCount,
      formatX: timeOfDay,
      least: 0,
    }),
  ];
}
