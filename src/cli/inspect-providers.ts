import { knownProviders, type KnownProviders } from '../execution/index.ts';
import type { Inspection } from './inspect-path.ts';

/** Describes the execution providers, their devices, and why one cannot be used, as data and as text for a person. */
export async function inspectProviders(threads: number): Promise<Inspection> {
  const known = await knownProviders({ threads });
  return { answer: { kind: 'providers', ...known }, text: textOf(known) };
}

function textOf({ cpu, others, auto, library, threads, path }: KnownProviders): string {
  const rows = others.flatMap(({ provider, problem, isSoftware, speed, devices }) => [
    row(provider, problem === undefined ? 'can be used' : `cannot be used: ${problem}`),
    ...devices.map((device) => row('', device)),
    ...(problem === undefined && isSoftware ? [row('', 'computes on the CPU: for tests, never taken by auto')] : []),
    ...(speed === undefined ? [] : [row('', speedOf(speed))]),
  ]);
  return [
    row('cpu', `${cpu.processor}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ONNX Runtime ${library}`),
    row('', speedOf(cpu)),
    ...rows,
    row('auto', `takes ${auto.provider}: ${auto.reason}`),
    row('kept in', `${path} (may be deleted)`),
  ].join('\n');
}

function row(name: string, text: string): string {
  return `${name.padEnd(10)}${text}`;
}

function speedOf({ decode, prefill }: { readonly decode: number; readonly prefill: number }): string {
  return `billions of operations in a second: ${decode} in decode steps, ${prefill} in prefills`;
}
