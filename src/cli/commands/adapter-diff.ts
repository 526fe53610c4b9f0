import { z } from 'zod';
import {
  compareAdapters,
  readAdapter,
  type AdapterDifference,
  type ModuleDifference,
} from '../../adapter-files/index.ts';
import type { CommandDefinition } from '../command.ts';
import { path, readOptions } from '../read-options.ts';

const schema = z.object({ first: path, second: path, max: z.boolean().default(false) });

export const adapterDiffCommand: CommandDefinition = {
  name: 'adapter diff',
  summary: 'Compares what two adapters do, whatever their formats and ranks.',
  examples: [
    'espalier adapter diff adapters/strict strict.onnx_adapter',
    'espalier adapter diff runs/a/adapter runs/b/adapter --max --json',
  ],
  configure: (command) =>
    void command
      .argument('<first>', 'an adapter in any format')
      .argument('<second>', 'another')
      .option('--max', 'also the largest difference of any element; seconds for each large module'),
  run: async (options, { output }) => {
    const read = readOptions(schema, options);
    const difference = await compareAdapters(await readAdapter(read.first), await readAdapter(read.second), {
      largest: read.max,
    });
    output.answer(difference, () => describe(difference));
  },
};

function describe({ onlyInFirst, onlyInSecond, modules, saved, equal }: AdapterDifference): string {
  if (equal) return `the same: ${modules.length} modules`;
  const lines = [
    ...onlyInFirst.map((name) => `only in the first   ${name}`),
    ...onlyInSecond.map((name) => `only in the second  ${name}`),
    ...saved.map((name) => `replaced otherwise  ${name}`),
    ...modules.filter(({ distance }) => distance !== 0).map(line),
  ];
  const same = modules.filter(({ distance, magnitudes = 0 }) => distance === 0 && magnitudes === 0).length;
  return [...lines, `${same} of ${modules.length} modules that both have are the same`].join('\n');
}

function line({ path: name, ranks, scalings, norms, distance, largest, magnitudes }: ModuleDifference): string {
  const pair = ([one, other]: readonly [number, number]): string =>
    one === other ? String(one) : `${one} and ${other}`;
  const apart = distance === undefined ? 'of other sizes' : `${distance.toPrecision(3)} apart`;
  const sizes = `‖ΔW‖ ${norms.map((norm) => norm.toPrecision(4)).join(' and ')}`;
  const rows = magnitudes === undefined ? '' : `, sizes of rows up to ${magnitudes.toPrecision(3)} apart`;
  const element = largest === undefined ? '' : `, elements up to ${largest.toPrecision(3)}`;
  return `${name}  rank ${pair(ranks)}, scale ${pair(scalings)}, ${sizes}, ${apart}${element}${rows}`;
}
