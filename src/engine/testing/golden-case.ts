import { fileURLToPath } from 'node:url';

import { loadPeftAdapter } from '../../adapter-files/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { openBaseModel, type BaseModel } from '../../models/index.ts';
import { loadSafetensors, typedArray } from '../../tensor/index.ts';

/** What a reference implementation generates greedily, by the adapter that is on. */
export interface GoldenCase {
  readonly base: BaseModel;
  readonly prompt: readonly number[];
  readonly greedy: Readonly<Record<'base' | 'adapter' | 'trained', readonly number[]>>;
  readonly adapter: Adapter;
  readonly trained: Adapter;
}

/** Tokens of the prompt in the greedy rows; the answer follows. */
const promptLength = 5;

function goldenDir(name: string): string {
  return fileURLToPath(new URL(`../../../test/golden/${name}`, import.meta.url));
}

/** A tiny base with random weights. */
export function openTestBase(name: string, graph = 'model'): Promise<BaseModel> {
  return openBaseModel(`${goldenDir(name)}/${graph}`);
}

/** @param graph  the folder of the base within the case: the checkpoint, or a graph that an exporter wrote */
export async function openGoldenCase(name: string, graph = 'model'): Promise<GoldenCase> {
  const dir = goldenDir(name);
  const base = await openTestBase(name, graph);
  const { tensors } = await loadSafetensors(`${dir}/expected.safetensors`);
  const row = (tensor: string): number[] => {
    const data = tensors.get(tensor);
    if (data === undefined) throw new RangeError(`No ${tensor} in the golden case ${name}`);
    return Array.from(typedArray(data), Number);
  };
  const answer = (tensor: string): number[] => row(tensor).slice(promptLength);
  return {
    base,
    prompt: row('greedy_base').slice(0, promptLength),
    greedy: { base: answer('greedy_base'), adapter: answer('greedy_adapter'), trained: answer('greedy_trained') },
    adapter: await loadPeftAdapter(`${dir}/adapter`, base.modules),
    trained: await loadPeftAdapter(`${dir}/trained`, base.modules),
  };
}
