import type { Command } from 'commander';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { formatBytes } from '../../atomic-files/index.ts';
import { OpenCheckpoint, resolveCheckpoints, type CheckpointPart } from '../../checkpoint/index.ts';
import { trainingStateOf, type TrainingState } from '../../train/index.ts';
import { exitCodes, type CommandDefinition } from '../command.ts';
import { path, readOptions } from '../read-options.ts';

const schema = z.object({ dir: path });

const declare = (command: Command): void =>
  void command.argument('<dir>', 'a checkpoint, a folder of checkpoints, or the output of a training');

/** What is known of a checkpoint without reading its arrays. */
interface Inspected {
  readonly path: string;
  readonly state: TrainingState;
  readonly parts: readonly { readonly file: string; readonly type: string; readonly bytes: number; sha256: string }[];
}

interface Problem {
  readonly path: string;
  readonly problem: { readonly code: string; readonly message: string };
}

export const checkpointInspectCommand: CommandDefinition = {
  name: 'checkpoint inspect',
  summary: 'Shows what checkpoints of a training hold, without reading their arrays.',
  examples: [
    'espalier checkpoint inspect adapters/strict',
    'espalier checkpoint inspect adapters/strict.checkpoints/step-000000100 --json',
  ],
  configure: declare,
  run: async (options, { output }) => {
    const { dir } = readOptions(schema, options);
    const checkpoints = await eachOf(dir, inspect);
    output.answer({ checkpoints }, () => checkpoints.map((each) => describe(each)).join('\n\n'));
    return codeOf(checkpoints);
  },
};

export const checkpointVerifyCommand: CommandDefinition = {
  name: 'checkpoint verify',
  summary: 'Reads checkpoints of a training whole, and compares every byte with its hash.',
  examples: [
    'espalier checkpoint verify adapters/strict',
    'espalier checkpoint verify adapters/strict.checkpoints --json',
  ],
  configure: declare,
  run: async (options, { output, signal }) => {
    const { dir } = readOptions(schema, options);
    const checkpoints = await eachOf(dir, async (place) => {
      const checkpoint = await OpenCheckpoint.open(place);
      const { step } = trainingStateOf(checkpoint);
      await checkpoint.verify({ signal });
      const bytes = checkpoint.index.parts.reduce((sum, part) => sum + part.bytes, 0);
      return { path: place, step, bytes };
    });
    const answer = checkpoints.map((each) => ({ sound: !('problem' in each), ...each }));
    output.answer({ checkpoints: answer }, () =>
      checkpoints
        .map((each) => ('problem' in each ? describe(each) : `sound      ${each.path}, ${formatBytes(each.bytes)}`))
        .join('\n'),
    );
    return codeOf(checkpoints);
  },
};

/** WHY problems are values: one damaged checkpoint must not hide the others. */
async function eachOf<Found>(dir: string, look: (path: string) => Promise<Found>): Promise<(Found | Problem)[]> {
  const found: (Found | Problem)[] = [];
  for (const place of await resolveCheckpoints(dir)) {
    try {
      found.push(await look(place));
    } catch (error) {
      if (!EspalierError.isInstance(error)) throw error;
      const { code, commandLineMessage: message } = error;
      found.push({ path: place, problem: { code, message } });
    }
  }
  return found;
}

async function inspect(place: string): Promise<Inspected> {
  const checkpoint = await OpenCheckpoint.open(place);
  return { path: place, state: trainingStateOf(checkpoint), parts: checkpoint.index.parts.map(written) };
}

function written({ file, type, bytes, sha256 }: CheckpointPart): Inspected['parts'][number] {
  return { file, type, bytes, sha256: Buffer.from(sha256).toString('hex') };
}

function describe(found: Inspected | Problem): string {
  if ('problem' in found) return `not sound  ${found.problem.message}\n           ${found.problem.code}`;
  const { state, parts } = found;
  const { step, steps, position, optimizer, best, fingerprint, parameters, finished } = state;
  return [
    found.path,
    `step       ${step} of ${steps}${finished ? ', the last one' : ''}; next: epoch ${position.epoch}, batch ${position.batch}`,
    `optimizer  ${optimizer.name} in ${optimizer.dtype}, ${optimizer.steps} steps`,
    `parameters ${parameters.length}`,
    ...(best === undefined ? [] : [`best       loss ${best.loss.toFixed(4)} after step ${best.step}`]),
    ...parts.map(({ file, type, bytes }) => `file       ${file}: ${type}, ${formatBytes(bytes)}`),
    ...Object.entries(fingerprint).map(([name, value]) => `made with  ${name}: ${value}`),
  ].join('\n');
}

function codeOf(found: readonly object[]): number {
  return found.some((each) => 'problem' in each) ? exitCodes.failure : exitCodes.success;
}
