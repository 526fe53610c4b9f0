import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { z } from 'zod';
import { freePort, launchEnvironments } from '../../collectives/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { CommandDefinition } from '../command.ts';
import { describeEnding, exitCodeOf, runProcesses } from '../launch/launched.ts';
import { positiveInteger, readOptions, wholeNumber } from '../read-options.ts';

export const launchCommand: CommandDefinition = {
  name: 'launch',
  summary: 'Trains with several processes, on this machine or on several.',
  examples: [
    'espalier launch --processes 2 -- train --base models/tiny --data rows.jsonl --output adapters/strict',
    'espalier launch --processes 4 -- train --config run.yaml --save-steps 100 --resume',
    'espalier launch --processes 4 --nodes 2 --node-rank 0 --master 10.0.0.1:29500 -- train --config run.yaml',
  ],
  configure: declareOptions,
  async run(options, { output, signal }) {
    const { processes, nodes, nodeRank, master, words } = readOptions(launchOptions, options);
    const [command] = words;
    if (command !== 'train') throw conflict('train behind --, such as `-- train --base …`', command ?? 'nothing');
    if (nodes > 1 && (master === undefined || nodeRank === undefined)) {
      throw conflict('--master and --node-rank with --nodes', 'less');
    }
    if (nodeRank !== undefined && nodeRank >= nodes) {
      throw conflict('a number below --nodes as --node-rank', String(nodeRank));
    }
    const environments = launchEnvironments({
      processes,
      nodes,
      nodeRank: nodeRank ?? 0,
      master: master ?? { host: '127.0.0.1', port: await freePort() },
      key: nodes > 1 || hasKey() ? undefined : randomBytes(32).toString('hex'),
    });
    const isForPrograms = words.includes('--json-events') || words.includes('--json');
    const endings = await runProcesses({
      words: words.includes('--end-with-input') ? words : [...words, '--end-with-input'],
      environments,
      signal,
      onLine: ({ rank, stream, text }) => {
        // WHY: what a program reads must be the lines that rank 0 wrote for it, and no others.
        if (isForPrograms && stream === 'stdout') return rank === 0 ? output.stream(`${text}\n`) : undefined;
        if (stream === 'stdout') output.stream(`[${rank}] ${text}\n`);
        else output.note(`[${rank}] ${text}`);
      },
      onFailure: (ending) => output.note(`${describeEnding(ending)}; the others are given time to end.`),
    });
    return exitCodeOf(endings);
  },
};

function declareOptions(command: Command): void {
  command
    .argument('<words...>', 'behind --: train, and its options')
    .option('--processes <n>', 'processes on this machine, which share its cores')
    .option('--nodes <n>', 'machines with as many processes each (default: 1); needs ESPALIER_GROUP_KEY on all')
    .option('--node-rank <n>', 'the number of this machine, from 0')
    .option('--master <host:port>', 'where rank 0 listens: an address of machine 0, and a free port');
}

const masterAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, { error: 'host:port, such as 10.0.0.1:29500' })
  .transform((text) => {
    const at = text.lastIndexOf(':');
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
  })
  .refine(({ port }) => port > 0 && port < 65536, { error: 'host:port, such as 10.0.0.1:29500' });

const launchOptions = z.object({
  processes: positiveInteger,
  nodes: positiveInteger.default(1),
  nodeRank: wholeNumber.optional(),
  master: masterAddress.optional(),
  words: z.array(z.string()),
});

function hasKey(): boolean {
  return process.env['ESPALIER_GROUP_KEY'] !== undefined || process.env['ESPALIER_GROUP_KEY_FILE'] !== undefined;
}

function conflict(expected: string, actual: string): EspalierError {
  return new EspalierError('CLI_CONFLICT', { expected, actual });
}
