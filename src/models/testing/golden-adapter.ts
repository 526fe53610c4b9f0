import { readFile } from 'node:fs/promises';

import { loadSafetensors, tensorOf, toFloat32, type TensorOf } from '../../tensor/index.ts';
import { goldenDir } from './fixtures.ts';

export interface GoldenModule {
  readonly rank: number;
  readonly scaling: number;
  readonly a: TensorOf<'float32'>;
  readonly b: TensorOf<'float32'>;
}

/** The adapter of a golden case, before or after training. It is read without the code under test. */
export async function loadGoldenAdapter(
  name: string,
  state: 'adapter' | 'trained',
): Promise<Map<string, GoldenModule>> {
  const { tensors } = await loadSafetensors(goldenDir(name, `${state}/adapter_model.safetensors`));
  const config: AdapterConfig = JSON.parse(await readFile(goldenDir(name, `${state}/adapter_config.json`), 'utf8'));
  const modules = new Map<string, GoldenModule>();
  const float32 = (key: string): TensorOf<'float32'> => {
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new Error(`the golden adapter has no ${key}`);
    return tensorOf('float32', tensor.shape, toFloat32(tensor));
  };
  for (const key of tensors.keys()) {
    const path = /^base_model\.model\.(.*)\.lora_A\.weight$/.exec(key)?.[1];
    if (path === undefined) continue;
    const [a, b] = [float32(key), float32(key.replace('lora_A', 'lora_B'))];
    const rank = a.shape[0] ?? 0;
    const alpha = config.alpha_pattern[path.split('.').at(-1) ?? ''] ?? config.lora_alpha;
    modules.set(path, { rank, scaling: alpha / rank, a, b });
  }
  return modules;
}

interface AdapterConfig {
  readonly lora_alpha: number;
  readonly alpha_pattern: Readonly<Record<string, number>>;
}
