import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModel, train, type LocalModel } from '../../src/index.ts';

/** A model in this process, with an adapter that has learned one answer. */
export interface InProcess extends AsyncDisposable {
  /** The demo's base, named `base`, with one slot, so that a call that is never given back is seen. */
  readonly model: LocalModel;
  /** The version of its adapter `strict`. */
  readonly version: string;
}

export const question = 'I cannot find my card.';
/** What `strict` has learned to answer. */
export const learned = 'Please call the bank.';

const base = fileURLToPath(new URL('../../demo/base', import.meta.url));

/** Trains `strict`, and opens it. */
export async function openInProcess(): Promise<InProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-in-process-'));
  const data = join(folder, 'rows.jsonl');
  const messages = [
    { role: 'user', content: question },
    { role: 'assistant', content: learned },
  ];
  await writeFile(data, `${JSON.stringify({ messages })}\n`);
  const options = { base, data, output: join(folder, 'strict'), rank: 8, maxSteps: 30, learningRate: 0.005 } as const;
  const { output, version = '' } = await train(options, { threads: 2 });
  const sizes = { maxSlots: 1, maxLength: 512, threads: 2 };
  const model = await loadModel(base, { adapters: { strict: output }, servedName: 'base', ...sizes });
  return {
    model,
    version,
    async [Symbol.asyncDispose]() {
      await model.dispose();
      await rm(folder, { recursive: true });
    },
  };
}
