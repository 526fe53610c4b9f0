export { Environment, type EnvironmentOptions, type LogLevel, openEnvironment } from './environment.ts';
export { type BoundOutput, IoBinding } from './io-binding.ts';
export { OrtTensor } from './ort-tensor.ts';
export type { RunOptions } from './run-binding.ts';
export { runOnce, type RunOnceOptions } from './run-once.ts';
export type { Optimization, SessionOptions } from './session-options.ts';
export { Session } from './session.ts';
export { StringTensor } from './string-tensor.ts';
export type { ValueInfo } from './value-info.ts';
