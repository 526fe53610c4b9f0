import { Pace } from '../../core/index.ts';
import { OrtTensor, type IoBinding } from '../../onnxruntime/index.ts';
import type { AdapterStack } from './adapter-stack.ts';
import type { RankRows } from './rank-rows.ts';

/** Binds a window of the stacked adapters' rows to a graph's inputs, module by module, in place. */
export async function bindStack(
  binding: IoBinding,
  stack: Pick<AdapterStack, 'modules' | 'unit' | 'version'> | undefined,
  { start, end }: RankRows,
): Promise<void> {
  if (stack === undefined) return;
  const { modules, unit } = stack;
  const pace = new Pace();
  const rows = end - start;
  for (const { path, in: width, out, loraA, loraB, loraScale, loraGain, loraBias } of modules) {
    const blocks = rows / unit;
    for (const [name, memory, dtype, size, shape] of [
      ...(loraScale
        ? ([
            ['lora_A', loraA, 'int8', width, [blocks, width, unit]],
            ['lora_B', loraB, 'int8', out, [blocks, unit, out]],
            ['lora_scale', loraScale, 'float32', 1, [blocks, 1, unit]],
          ] as const)
        : ([
            ['lora_A', loraA, 'float32', width, [rows, width]],
            ['lora_B', loraB, 'float32', out, [rows, out]],
          ] as const)),
      ...(loraGain ? [['lora_gain', loraGain, 'float32', out, [rows, out]] as const] : []),
      ...(loraBias ? [['lora_bias', loraBias, 'float32', out, [rows, out]] as const] : []),
    ] as const) {
      const tensor = OrtTensor.over(memory, dtype, shape, start * size * (dtype === 'float32' ? 4 : 1));
      binding.bindInput(`${path}.${name}`, tensor, () => stack.version);
      tensor.dispose();
    }
    const turn = pace.step();
    if (turn) await turn;
  }
}
