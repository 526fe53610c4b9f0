import { ort, receive } from './ffi/ort.ts';
import { NativeHandle, pointer, type Pointer } from '../native/index.ts';
import type { DeviceLane } from './device-lane.ts';
import type { IoBinding } from './io-binding.ts';
import { runFailure, type ExecutionProvider } from './provider.ts';

export interface RunOptions {
  /** Ends the run inside ONNX Runtime; the run's promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const severityFatal = 4;

/**
 * Runs a session on a thread of libuv's pool. The binding, and thus its session, its tensors and their memory, is held until the run has
 * ended, even if it is disposed meanwhile.
 */
export async function runBinding(session: RunSession, binding: IoBinding, options: RunOptions): Promise<void> {
  options.signal?.throwIfAborted();
  binding.beginRun();
  try {
    if (session.lane) await session.lane.run(() => runOnDevice(session, binding, options));
    else await run(session[pointer], binding[pointer], options);
  } finally {
    binding.endRun();
  }
}

/** What a run needs of its session. */
export interface RunSession {
  readonly provider: ExecutionProvider;
  readonly lane: DeviceLane | undefined;
  readonly [pointer]: Pointer;
}

async function runOnDevice(session: RunSession, binding: IoBinding, options: RunOptions): Promise<void> {
  options.signal?.throwIfAborted();
  try {
    binding.copyInputs();
    await run(session[pointer], binding[pointer], options);
  } catch (error) {
    throw runFailure(session.provider, error);
  }
}

async function run(session: Pointer, binding: Pointer, { signal }: RunOptions): Promise<void> {
  if (signal === undefined) await ort().api.async.RunWithBinding(session, 0n, binding);
  else await runUntilAborted(session, binding, signal);
}

async function runUntilAborted(session: Pointer, binding: Pointer, signal: AbortSignal): Promise<void> {
  const { api } = ort();
  const options = receive((out) => api.CreateRunOptions(out));
  const handle = new NativeHandle('runOptions', () => api.ReleaseRunOptions(options));
  const terminate = () => api.RunOptionsSetTerminate(options);
  signal.addEventListener('abort', terminate, { once: true });
  try {
    // WHY: ONNX Runtime would log an aborted run as an error, and the failure is reported by the status anyway.
    api.RunOptionsSetRunLogSeverityLevel(options, severityFatal);
    await api.async.RunWithBinding(session, options, binding);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', terminate);
    handle.dispose();
  }
  signal.throwIfAborted();
}
