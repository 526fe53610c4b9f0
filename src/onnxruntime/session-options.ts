import { EspalierError } from '../core/index.ts';
import { ort, receive } from './ffi/ort.ts';
import { textArray } from './ffi/text-array.ts';
import { NativeMemory, pointer, type Pointer } from '../native/index.ts';
import type { OrtTensor } from './ort-tensor.ts';
import { appendProvider, type ExecutionProvider, type ProviderOptions } from './provider.ts';
import type { ThreadPool } from './spinning-pools.ts';

export interface SessionOptions {
  /** Where the session runs. Default: as the environment says. */
  readonly provider?: ExecutionProvider;
  /** Options of the provider, by ONNX Runtime's names, besides those of the environment. */
  readonly providerOptions?: ProviderOptions;
  /**
   * Asks for threads of its own, which wait for the next operator of a run in a busy loop before they sleep. They are given to a few
   * sessions on the CPU at once; all others share those of the environment, which sleep. Default: off.
   */
  readonly spins?: boolean;
  /** Records which nodes run on the CPU, for `session.nodesOnCpu()`. Default: off. */
  readonly recordsAssignment?: boolean;
  /** Folder of the model's external weights. Default: the model has none. */
  readonly externalDataFolder?: string;
  /** The data of external weights that lie in no file, by their names in the model. The session keeps them alive. */
  readonly initializers?: ReadonlyMap<string, OrtTensor>;
  /** The memory in which weights lie that are in a file too, by their names in the model: used as it is, never copied. The session keeps it. */
  readonly placed?: ReadonlyMap<string, OrtTensor>;
  /** Bytes of all weights, which are counted as held on the device of a session that is not on the CPU. Default: 0. */
  readonly weightBytes?: number;
  /** The level of ONNX Runtime's graph optimizations. Default: all. */
  readonly optimization?: Optimization;
  /** Names of ONNX Runtime's graph optimizations to disable. */
  readonly disabledOptimizers?: readonly string[];
  /** Allocates all intermediate results of input shapes that have occurred before in one block. Default: on. */
  readonly memoryPattern?: boolean;
  /**
   * Lets a result take the memory of an earlier one of the same shape, which is then kept between the two, however long that is. Default:
   * on. Without it, memory is free for any other result as soon as the last reader of the one in it has run.
   */
  readonly memoryReuse?: boolean;
  /** Keeps freed memory for the next run instead of returning it to the system. Default: on. */
  readonly arena?: boolean;
  /** Path prefix of a file to which `endProfiling()` writes a trace with the time of each operator. */
  readonly profilePrefix?: string;
  /** Further session configuration entries of ONNX Runtime, such as `session.disable_prepacking`. */
  readonly config?: Readonly<Record<string, string>>;
}

export type Optimization = 'all' | 'extended' | 'basic' | 'none';

/** ORT_PARALLEL of ExecutionMode. */
const parallel = 1;

/** GraphOptimizationLevel. */
const optimizationLevels: Readonly<Record<Optimization, number>> = { none: 0, basic: 1, extended: 2, all: 99 };

/**
 * Creates an OrtSessionOptions, which the caller must release.
 * @param pool  the session's own threads. Default: it shares those of the environment
 */
export function createSessionOptions(options: SessionOptions, pool?: ThreadPool): Pointer {
  const { api } = ort();
  const level = optimizationLevels[options.optimization ?? 'all'];
  if (level === undefined) {
    const expected = Object.keys(optimizationLevels).join(', ');
    throw new EspalierError('OPTION_INVALID', { name: 'optimization', expected, actual: String(options.optimization) });
  }
  const native = receive((out) => api.CreateSessionOptions(out));
  try {
    if (pool === undefined) api.DisablePerSessionThreads(native);
    else giveThreads(native, pool);
    api.SetSessionGraphOptimizationLevel(native, level);
    appendProvider(native, options.provider ?? 'cpu', options.providerOptions);
    if (options.memoryPattern === false) api.DisableMemPattern(native);
    // WHY: only the plan for this mode reuses no memory. With one thread between operators, they still run in sequence.
    if (options.memoryReuse === false) api.SetSessionExecutionMode(native, parallel);
    if (options.arena === false) api.DisableCpuMemArena(native);
    if (options.profilePrefix !== undefined) api.EnableProfiling(native, options.profilePrefix);
    for (const [key, value] of Object.entries(configOf(options))) api.AddSessionConfigEntry(native, key, value);
    if (options.initializers !== undefined && options.initializers.size > 0)
      giveInitializers(native, options.initializers);
    for (const [name, tensor] of options.placed ?? []) api.AddInitializer(native, name, tensor[pointer]);
    return native;
  } catch (error) {
    api.ReleaseSessionOptions(native);
    throw error;
  }
}

/** WHY stopped: between runs the threads sleep at once, so that an idle process uses no processor time. */
function giveThreads(native: Pointer, { threads, spinUs, denormalsAsZero }: ThreadPool): void {
  const { api } = ort();
  api.SetIntraOpNumThreads(native, threads);
  // WHY one: as in the environment.
  api.SetInterOpNumThreads(native, 1);
  const config = {
    'session.intra_op.allow_spinning': '1',
    'session.intra_op.spin_duration_us': String(spinUs),
    'session.force_spinning_stop': '1',
    'session.set_denormal_as_zero': denormalsAsZero ? '1' : '0',
  };
  for (const [key, value] of Object.entries(config)) api.AddSessionConfigEntry(native, key, value);
}

function giveInitializers(native: Pointer, initializers: ReadonlyMap<string, OrtTensor>): void {
  using names = textArray([...initializers.keys()]);
  using values = NativeMemory.allocate(8 * initializers.size);
  values.bigInt64().set(Array.from(initializers.values(), (tensor) => BigInt.asIntN(64, tensor[pointer])));
  ort().api.AddExternalInitializers(native, names.start, values[pointer], initializers.size);
}

function configOf(options: SessionOptions): Record<string, string> {
  const config = { ...options.config };
  if (options.externalDataFolder !== undefined) {
    config['session.model_external_initializers_file_folder_path'] = options.externalDataFolder;
  }
  if (options.recordsAssignment === true) config['session.record_ep_graph_assignment_info'] = '1';
  if (options.disabledOptimizers !== undefined && options.disabledOptimizers.length > 0) {
    config['optimization.disable_specified_optimizers'] = options.disabledOptimizers.join(';');
  }
  return config;
}
