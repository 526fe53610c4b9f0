import { Pace } from '../../core/index.ts';
import { OrtTensor, type IoBinding } from '../../onnxruntime/index.ts';
import type { ModuleStack } from './adapter-stack.ts';
import type { RankRows } from './rank-rows.ts';

/** Binds a window of the stacked adapters' rows to a graph's inputs, module by module, in place. */
export async function bindStack(
  binding: IoBinding,
  modules: readonly ModuleStack[],
  { start, end }: RankRows,
): Promise<void> {
  const pace = new Pace();
  for (const { path, in: width, out, loraA, loraB, loraGain, loraBias } of modules) {
    for (const [name, memory, size] of [
      ['lora_A', loraA, width],
      ['lora_B', loraB, out],
      ...(loraGain ? [['lora_gain', loraGain, out] as const] : []),
      ...(loraBias ? [['lora_bias', loraBias, out] as const] : []),
    ] as const) {
      const tensor = OrtTensor.over(memory, 'float32', [end - start, size], start * size * 4);
      binding.bindInput(`${path}.${name}`, tensor);
      tensor.dispose();
    }
    const turn = pace.step();
    if (turn) await turn;
  }
}
