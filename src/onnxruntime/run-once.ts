import type { TensorData } from '../tensor/index.ts';
import { findValue } from './binding-checks.ts';
import { NativeMemory } from '../native/index.ts';
import { OrtTensor } from './ort-tensor.ts';
import type { RunOptions } from './run-binding.ts';
import type { Session } from './session.ts';

export interface RunOnceOptions extends RunOptions {
  /** Default: all outputs. */
  readonly outputs?: readonly string[];
}

/**
 * Runs a session once on host data, and copies inputs and outputs. For tests and single runs; a loop should bind its own memory.
 *
 * @throws EspalierError the errors of `bindInput` and `Session.run`
 */
export async function runOnce(
  session: Session,
  feeds: Readonly<Record<string, TensorData>>,
  options: RunOnceOptions | readonly string[] = {},
): Promise<Record<string, TensorData>> {
  const settings: RunOnceOptions = isNames(options) ? { outputs: options } : options;
  const names = settings.outputs ?? session.outputs.map(({ name }) => name);
  for (const name of names) findValue('output', name, session.outputs);
  using binding = session.createBinding();
  for (const [name, data] of Object.entries(feeds)) {
    using memory = NativeMemory.allocate(data.bytes.byteLength);
    memory.bytes().set(data.bytes);
    using tensor = OrtTensor.over(memory, data.dtype, data.shape);
    binding.bindInput(name, tensor);
  }
  for (const name of names) binding.bindOutputToHost(name);
  await session.run(binding, { signal: settings.signal });
  return Object.fromEntries(binding.outputs().map(({ name, tensor }) => [name, tensor]));
}

function isNames(options: RunOnceOptions | readonly string[]): options is readonly string[] {
  return Array.isArray(options);
}
