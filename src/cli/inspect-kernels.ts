import { knownKernels, type KnownKernels } from '../execution/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import type { Inspection } from './inspect-path.ts';

/** Describes how fast this machine multiplies by weights in each form, as data and as text for a person. */
export async function inspectKernels(environment: Environment): Promise<Inspection> {
  const known = await knownKernels(environment);
  return { answer: { kind: 'kernels', ...known }, text: textOf(known) };
}

function textOf({ processor, library, threads, path, exactSigned, speeds }: KnownKernels): string {
  const rows = speeds.map(({ form, decode, prefill }) => {
    return [form.padEnd(14), `${decode} in decode steps`.padEnd(26), `${prefill} in prefills`].join('');
  });
  return [
    `processor     ${processor}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ONNX Runtime ${library}`,
    `int8          ${exactSigned ? 'inputs keep 8 bits' : 'inputs are rounded to 7 bits, so that sums of 16 bits do not overflow'}`,
    'Billions of operations in a second:',
    ...rows,
    `kept in       ${path} (may be deleted)`,
  ].join('\n');
}
