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
  const rows = end - start;
  for (const { path, in: width, out, loraA, loraB, loraScale, loraGain, loraBias } of modules) {
    for (const [name, memory, dtype, size] of [
      ['lora_A', loraA, loraScale ? 'uint8' : 'float32', width],
      ['lora_B', loraB, loraScale ? 'int8' : 'float32', out],
      ...(loraScale ? [['lora_scale', loraScale, 'float32', 1] as const] : []),
      ...(loraGain ? [['lora_gain', loraGain, 'float32', out] as const] : []),
      ...(loraBias ? [['lora_bias', loraBias, 'float32', out] as const] : []),
    ] as const) {
      const shape = name === 'lora_scale' ? [rows] : [rows, size];
      const tensor = OrtTensor.over(memory, dtype, shape, start * size * (dtype === 'float32' ? 4 : 1));
      binding.bindInput(`${path}.${name}`, tensor);
      tensor.dispose();
    }
    const turn = pace.step();
    if (turn) await turn;
  }
}
