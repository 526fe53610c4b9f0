import { chartSvg, escapeHtml, page, type Series } from '../charts/index.ts';
import type { LoadResult, LoadRun } from './result.ts';
import { firstTokenMs, type LoadSummary, type Times } from './summary.ts';

/** One page with the figures and curves of a load. It needs no network and no script. */
export function loadPage(result: LoadResult): string {
  const title = `Load on ${result.server}`;
  const body = `<p>${escapeHtml(describe(result))}</p>
${table(result.runs)}
${charts(result.runs).join('\n')}
<h2>Models</h2>
${result.runs.map(modelTable).join('\n')}`;
  return page({ title, body });
}

function describe({ started, machine, trace, api }: LoadResult): string {
  const models = trace.models.length === 1 ? `model ${trace.models[0]}` : `${trace.models.length} models`;
  return `${started}, ${machine.cores} cores (${machine.cpu}). ${models}, popularity exponent ${trace.zipf}, through ${api}. Times count from the moment at which a request was to be sent.`;
}

const columns: readonly (readonly [name: string, of: (summary: LoadSummary) => string])[] = [
  ['sent', ({ sent }) => String(sent)],
  ['answered', ({ ok }) => String(ok)],
  ['refused', ({ refused }) => String(refused)],
  ['failed', ({ failed }) => String(failed)],
  ['requests/s', ({ requestsPerSecond }) => requestsPerSecond.toFixed(2)],
  ['tokens/s', ({ tokensPerSecond }) => tokensPerSecond.toFixed(1)],
  ['first token p50', ({ firstTokenMs: times }) => ms(times, 'p50')],
  ['p99', ({ firstTokenMs: times }) => ms(times, 'p99')],
  ['per token p50', ({ perTokenMs }) => ms(perTokenMs, 'p50')],
  ['gap p99', ({ gapMs }) => ms(gapMs, 'p99')],
  ['whole p50', ({ latencyMs }) => ms(latencyMs, 'p50')],
  ['p99', ({ latencyMs }) => ms(latencyMs, 'p99')],
  ['refusal p99', ({ refusalMs }) => ms(refusalMs, 'p99')],
];

function table(runs: readonly LoadRun[]): string {
  const head = ['rate', ...columns.map(([name]) => name)].map((name) => `<th scope="col">${name}</th>`).join('');
  const rows = runs.map(({ rate, summary }) => {
    const cells = columns.map(([, of]) => `<td>${escapeHtml(of(summary))}</td>`).join('');
    return `<tr><th scope="row">${rate}/s</th>${cells}</tr>`;
  });
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function modelTable({ rate, summary }: LoadRun): string {
  const rows = summary.models.slice(0, 50).map(({ model, sent, ok, firstTokenMs: times }) => {
    return `<tr><td>${escapeHtml(model)}</td><td>${sent}</td><td>${ok}</td><td>${ms(times, 'p50')}</td><td>${ms(times, 'p99')}</td></tr>`;
  });
  const more = summary.models.length > 50 ? `<p>and ${summary.models.length - 50} more</p>` : '';
  return `<table><caption>at ${rate} requests a second</caption><thead><tr><th scope="col">model</th><th scope="col">sent</th><th scope="col">answered</th><th scope="col">first token p50</th><th scope="col">p99</th></tr></thead><tbody>${rows.join('')}</tbody></table>${more}`;
}

function ms(times: Times | undefined, share: keyof Times): string {
  return times === undefined ? '–' : `${Math.round(times[share])} ms`;
}

function charts(runs: readonly LoadRun[]): string[] {
  const named = (of: (run: LoadRun) => Series['points'], form: Series['form']): Series[] =>
    runs.map((run) => ({ name: `${run.rate}/s`, points: of(run), form }));
  const seconds = 'seconds since the beginning, by intended start';
  return [
    ...(runs.length > 1 ? [sweepChart(runs)] : []),
    chartSvg({
      title: 'Time to the first token over time',
      x: seconds,
      y: 'ms',
      series: named(
        (run) =>
          answersOf(run).flatMap((one) => firstTokenMs(one).map((value) => [one.intendedMs / 1000, value] as const)),
        'dots',
      ),
    }),
    chartSvg({
      title: 'Share of answers whose first token came within',
      x: 'ms',
      y: '%',
      series: named((run) => distribution(answersOf(run).flatMap(firstTokenMs)), 'line'),
    }),
    chartSvg({
      title: 'Share of answers that were complete within',
      x: 'ms',
      y: '%',
      series: named((run) => distribution(answersOf(run).map(({ endMs, intendedMs }) => endMs - intendedMs)), 'line'),
    }),
  ];
}

/** What the curves show, as the table does: answers that are whole. */
function answersOf({ records }: LoadRun): LoadRun['records'] {
  return records.filter(({ outcome }) => outcome === 'ok');
}

function sweepChart(runs: readonly LoadRun[]): string {
  const by = (share: 'p50' | 'p99'): Series => ({
    name: share,
    form: 'line',
    points: runs.flatMap(({ summary: { requestsPerSecond, firstTokenMs: times } }) =>
      times === undefined ? [] : [[requestsPerSecond, times[share]] as const],
    ),
  });
  return chartSvg({
    title: 'Time to the first token against answers a second',
    x: 'answers a second',
    y: 'ms',
    series: [by('p50'), by('p99')],
  });
}

/** The percentage of values at or below each value. */
function distribution(values: readonly number[]): [number, number][] {
  const sorted = Float64Array.from(values).sort();
  return Array.from(sorted, (value, i) => [value, (100 * (i + 1)) / sorted.length]);
}
