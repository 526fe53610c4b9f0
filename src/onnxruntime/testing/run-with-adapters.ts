import type { TensorData } from '../../tensor/index.ts';
import { assertFits, findValue } from '../binding-checks.ts';
import { copyTensor } from '../bound-outputs.ts';
import { ort, receive } from '../ffi/ort.ts';
import { handle, NativeHandle, NativeMemory, pointer, type Pointer } from '../../native/index.ts';
import type { LoraAdapter } from './lora-adapter.ts';
import { OrtTensor } from '../ort-tensor.ts';
import type { RunOptions } from '../run-binding.ts';
import type { Session } from '../session.ts';

export interface AdapterRunOptions extends RunOptions {
  /** Their parameters become inputs of the run. No two adapters may have a parameter of the same name. */
  readonly adapters: readonly LoraAdapter[];
  /** Default: all outputs. */
  readonly outputs?: readonly string[];
}

/**
 * Runs a session once on host data with active adapters of ONNX Runtime, and copies inputs and outputs.
 *
 * WHY without a binding: the library ignores active adapters in a run with a binding.
 *
 * @throws EspalierError BINDING_NAME_UNKNOWN, BINDING_MISMATCH, ORT_FAILED, DISPOSED; the signal's reason when aborted
 */
export async function runWithAdapters(
  session: Session,
  feeds: Readonly<Record<string, TensorData>>,
  { adapters, signal, ...options }: AdapterRunOptions,
): Promise<Record<string, TensorData>> {
  signal?.throwIfAborted();
  const names = options.outputs ?? session.outputs.map(({ name }) => name);
  for (const name of names) findValue('output', name, session.outputs);
  using held = hold([session[handle], ...adapters.map((adapter) => adapter[handle])]);
  using inputs = tensorsOf(session, feeds);
  using run = createRunOptions(adapters);
  const terminate = (): void => held.api.RunOptionsSetTerminate(run.options);
  signal?.addEventListener('abort', terminate, { once: true });
  try {
    return await runNow(session[pointer], { run: run.options, inputs, outputs: names });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', terminate);
  }
}

interface Call {
  readonly run: Pointer;
  readonly inputs: Inputs;
  readonly outputs: readonly string[];
}

async function runNow(session: Pointer, { run, inputs, outputs }: Call): Promise<Record<string, TensorData>> {
  const { api } = ort();
  using inputNames = textsOf([...inputs.tensors.keys()]);
  using outputNames = textsOf(outputs);
  using values = pointersOf([...inputs.tensors.values()].map((tensor) => tensor[pointer]));
  using results = pointersOf(outputs.map(() => 0n));
  const [from, count] = [values[pointer], inputs.tensors.size];
  try {
    await api.async.Run(
      session,
      run,
      inputNames.array[pointer],
      from,
      count,
      outputNames.array[pointer],
      outputs.length,
      results[pointer],
    );
    const made = results.bigInt64(0, outputs.length);
    return Object.fromEntries(outputs.map((name, i) => [name, copyTensor(name, BigInt.asUintN(64, made[i] ?? 0n))]));
  } finally {
    for (const value of results.bigInt64(0, outputs.length)) {
      if (value !== 0n) api.ReleaseValue(BigInt.asUintN(64, value));
    }
  }
}

/** Holds these native objects until the run has ended, even if they are disposed meanwhile. */
function hold(handles: readonly NativeHandle[]): Disposable & { readonly api: ReturnType<typeof ort>['api'] } {
  for (const each of handles) each.assertOpen();
  for (const each of handles) each.hold();
  return {
    api: ort().api,
    [Symbol.dispose]: () => {
      for (const each of handles) each.letGo();
    },
  };
}

interface Inputs extends Disposable {
  readonly tensors: ReadonlyMap<string, OrtTensor>;
}

function tensorsOf(session: Session, feeds: Readonly<Record<string, TensorData>>): Inputs {
  const tensors = new Map<string, OrtTensor>();
  const dispose = (): void => {
    for (const tensor of tensors.values()) tensor.dispose();
  };
  try {
    for (const [name, { dtype, shape, bytes }] of Object.entries(feeds)) {
      using memory = NativeMemory.allocate(bytes.byteLength);
      memory.bytes().set(bytes);
      const tensor = OrtTensor.over(memory, dtype, shape);
      tensors.set(name, tensor);
      assertFits(findValue('input', name, session.inputs), tensor);
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { tensors, [Symbol.dispose]: dispose };
}

const severityFatal = 4;

function createRunOptions(adapters: readonly LoraAdapter[]): Disposable & { readonly options: Pointer } {
  const { api } = ort();
  const options = receive((out) => api.CreateRunOptions(out));
  const owner = new NativeHandle('runOptions', () => api.ReleaseRunOptions(options));
  try {
    // WHY: ONNX Runtime would log a failed run as an error, and the failure is reported by the status anyway.
    api.RunOptionsSetRunLogSeverityLevel(options, severityFatal);
    for (const adapter of adapters) api.RunOptionsAddActiveLoraAdapter(options, adapter[pointer]);
  } catch (error) {
    owner.dispose();
    throw error;
  }
  return { options, [Symbol.dispose]: () => owner.dispose() };
}

/** char *[]: zero-terminated strings in memory that does not move while another thread reads it. */
function textsOf(texts: readonly string[]): Disposable & { readonly array: NativeMemory } {
  const encoded = texts.map((text) => Buffer.from(`${text}\0`));
  const content = NativeMemory.allocate(encoded.reduce((sum, { length }) => sum + length, 0));
  const starts: bigint[] = [];
  let at = 0;
  for (const text of encoded) {
    content.bytes().set(text, at);
    starts.push(content[pointer] + BigInt(at));
    at += text.length;
  }
  const array = pointersOf(starts);
  return {
    array,
    [Symbol.dispose]: () => {
      array.dispose();
      content.dispose();
    },
  };
}

function pointersOf(pointers: readonly Pointer[]): NativeMemory {
  const memory = NativeMemory.allocate(pointers.length * 8);
  memory.bigInt64(0, pointers.length).set(pointers.map((each) => BigInt.asIntN(64, each)));
  return memory;
}
