import { loadSafetensors, tensorOf, toFloat32, type TensorOf } from '../../tensor/index.ts';
import { goldenDir } from './fixtures.ts';

export interface GoldenModule {
  readonly rank: number;
  readonly scaling: number;
  readonly a: TensorOf<'float32'>;
  readonly b: TensorOf<'float32'>;
}

/** A golden case's adapter, before or after training, read without the code under test: rank 4, alpha 8. */
export async function loadGoldenAdapter(
  name: 'llama' | 'llama-d16',
  state: 'adapter' | 'trained',
): Promise<Map<string, GoldenModule>> {
  const { tensors } = await loadSafetensors(goldenDir(name, `${state}/adapter_model.safetensors`));
  const modules = new Map<string, GoldenModule>();
  const float32 = (key: string): TensorOf<'float32'> => {
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new Error(`the golden adapter has no ${key}`);
    return tensorOf('float32', tensor.shape, toFloat32(tensor));
  };
  for (const key of tensors.keys()) {
    const path = /^base_model\.model\.(.*)\.lora_A\.weight$/.exec(key)?.[1];
    if (path === undefined) continue;
    modules.set(path, { rank: 4, scaling: 2, a: float32(key), b: float32(key.replace('lora_A', 'lora_B')) });
  }
  return modules;
}
