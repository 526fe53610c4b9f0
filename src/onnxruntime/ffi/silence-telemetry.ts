import { isMainThread } from 'node:worker_threads';
import { loadNative } from '../../native/index.ts';

const variable = 'ORT_DISABLE_TELEMETRY';

/**
 * Lets ONNX Runtime send nothing and keep no identifier, before its library is loaded. What the user has set stays as it is.
 *
 * The library of npm's onnxruntime-node 1.30.0 for Linux starts a thread that reports to a host of its maker, keeps a database and an
 * identifier of the device under `~/.cache/Microsoft`, and writes a log into the temporary folder. Besides, a process could hang at its
 * end: unloading the library waits for that thread, with the lock of the dynamic loader held that the thread needs to look up the host.
 */
export function silenceTelemetry(environment: NodeJS.ProcessEnv = process.env, set = setForProcess): void {
  if (environment[variable] === undefined) set(variable, '1');
}

/** WHY not `process.env` alone: within a worker it is a copy, and the library reads the variables of the process. */
function setForProcess(name: string, value: string): void {
  process.env[name] = value;
  if (isMainThread || process.platform !== 'linux') return;
  loadNative('libc.so.6').func('setenv', 'int', ['str', 'str', 'int'])(name, value, 0);
}
