import { EspalierError } from '../core/index.ts';
import { ort, receive } from './ffi/ort.ts';
import type { Pointer } from '../native/index.ts';

export interface SessionOptions {
  /** Folder in which the model's external weights lie. Default: the model has none. */
  readonly externalDataFolder?: string;
  /** How far ONNX Runtime rewrites the graph. Default: all. */
  readonly optimization?: Optimization;
  /** Names of ONNX Runtime's own rewrites to leave out. */
  readonly disabledOptimizers?: readonly string[];
  /** Plans one block for all intermediate results of a shape seen before. Default: on. */
  readonly memoryPattern?: boolean;
  /** Keeps freed memory for the next run, instead of giving it back. Default: on. */
  readonly arena?: boolean;
  /** Writes a trace of each operator's time to a file whose path begins so, when `endProfiling()` is called. */
  readonly profilePrefix?: string;
  /** Any of ONNX Runtime's session configuration entries, such as `session.disable_prepacking`. */
  readonly config?: Readonly<Record<string, string>>;
}

export type Optimization = 'all' | 'extended' | 'basic' | 'none';

/** GraphOptimizationLevel. */
const optimizationLevels: Readonly<Record<Optimization, number>> = { none: 0, basic: 1, extended: 2, all: 99 };

/** Makes an OrtSessionOptions; the caller releases it. */
export function createSessionOptions(options: SessionOptions): Pointer {
  const { api } = ort();
  const level = optimizationLevels[options.optimization ?? 'all'];
  if (level === undefined) {
    const expected = Object.keys(optimizationLevels).join(', ');
    throw new EspalierError('OPTION_INVALID', { name: 'optimization', expected, actual: String(options.optimization) });
  }
  const native = receive((out) => api.CreateSessionOptions(out));
  try {
    api.DisablePerSessionThreads(native);
    api.SetSessionGraphOptimizationLevel(native, level);
    if (options.memoryPattern === false) api.DisableMemPattern(native);
    if (options.arena === false) api.DisableCpuMemArena(native);
    if (options.profilePrefix !== undefined) api.EnableProfiling(native, options.profilePrefix);
    for (const [key, value] of Object.entries(configOf(options))) api.AddSessionConfigEntry(native, key, value);
    return native;
  } catch (error) {
    api.ReleaseSessionOptions(native);
    throw error;
  }
}

function configOf(options: SessionOptions): Record<string, string> {
  const config = { ...options.config };
  if (options.externalDataFolder !== undefined) {
    config['session.model_external_initializers_file_folder_path'] = options.externalDataFolder;
  }
  if (options.disabledOptimizers !== undefined && options.disabledOptimizers.length > 0) {
    config['optimization.disable_specified_optimizers'] = options.disabledOptimizers.join(';');
  }
  return config;
}
