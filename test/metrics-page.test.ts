import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type MetricDefinition, serverTable, trainingTable } from '../src/telemetry/index.ts';
import { sourceFiles } from './source-files.ts';

const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8');

/** The cells of each row of the page's tables that begins with a name. */
const rows = new Map(
  page.split('\n').flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    const name = /^`([\w:]+)`$/.exec(cells[1] ?? '')?.[1];
    return name === undefined ? [] : [[name, cells.slice(2, -1)] as const];
  }),
);

const documented = Object.entries<MetricDefinition>({ ...serverTable, ...trainingTable });

describe('the page of metrics', () => {
  it('has each series that a server or a training has, with its kind, its labels and its meaning, and no other', () => {
    const expected = documented.map(([name, { kind, labels = [], help }]) => {
      return [name, [kind, labels.map((label) => `\`${label}\``).join(', '), help]] as const;
    });
    expect([...rows].toSorted()).toEqual(expected.toSorted());
  });

  it('has a table row for every series that the code names', () => {
    const text = sourceFiles()
      .filter(({ path }) => path.startsWith('telemetry/') && !path.includes('testing') && !path.endsWith('.test.ts'))
      .map((file) => file.text)
      .join('\n');
    const named = new Set(
      [...text.matchAll(/['`]?((?:espalier_|vllm:|process_|nodejs_)\w+)/g)].map(([, name]) => name ?? ''),
    );
    expect([...named].filter((name) => !rows.has(name))).toEqual([]);
  });
});
