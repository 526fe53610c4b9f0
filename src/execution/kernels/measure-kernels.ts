import { systemClock, type Clock } from '../../core/index.ts';
import { encodeModel } from '../../ir/index.ts';
import { runOnce, type Environment, type Session } from '../../onnxruntime/index.ts';
import { tensorOf, type TensorData } from '../../tensor/index.ts';
import { kernelModel, trialOut, trialWidth, type KernelForm } from './kernel-forms.ts';
import { multipliesSignedExactly } from './signed-exactness.ts';

/** The speed of one form, in billions of operations (an addition or a multiplication) in a second. */
export interface KernelSpeed {
  readonly form: KernelForm;
  /** With 8 tokens, as in decode steps. */
  readonly decode: number;
  /** With 128 tokens, as in prefills. */
  readonly prefill: number;
}

export interface KernelReport {
  /** Whether products of unsigned and signed bytes are exact at the largest values. If not, inputs are rounded to 7 bits. */
  readonly exactSigned: boolean;
  /** In the order of `kernelForms`. */
  readonly speeds: readonly KernelSpeed[];
}

export const kernelForms: readonly KernelForm[] = ['float32', 'int8', '8-bit blocks', '4-bit blocks'];

/** Runs of each trial and length. The fastest counts, because other work on the machine only makes runs slower. */
const rounds = 5;

/** Tries every form of a linear layer on this machine, in turn. Takes a fraction of a second. */
export async function measureKernels(
  environment: Environment,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): Promise<KernelReport> {
  const exactSigned = await multipliesSignedExactly(environment);
  const trials: { readonly form: KernelForm; readonly session: Session }[] = [];
  try {
    for (const form of kernelForms) {
      trials.push({
        form,
        session: await environment.createSession(encodeModel(kernelModel(form)), { provider: 'cpu' }),
      });
    }
    const [decode, prefill] = [await fastest(trials, 8, clock), await fastest(trials, 128, clock)];
    const speeds = kernelForms.map((form, i) => ({ form, decode: decode[i] ?? 0, prefill: prefill[i] ?? 0 }));
    return { exactSigned, speeds };
  } finally {
    for (const { session } of trials) session.dispose();
  }
}

/** The input of a trial, f32 [tokens, trialWidth]. */
export function trialInput(tokens: number): TensorData {
  const values = Float32Array.from({ length: tokens * trialWidth }, (_, i) => Math.sin(i));
  return tensorOf('float32', [tokens, trialWidth], values);
}

/** Runs trials in turn. @returns the speed of each, in billions of operations in a second */
export async function fastest(
  trials: readonly { readonly session: Session }[],
  tokens: number,
  clock: Clock,
): Promise<number[]> {
  const x = trialInput(tokens);
  const least = trials.map(() => Infinity);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { session }] of trials.entries()) {
      const begun = clock.now();
      await runOnce(session, { x });
      // The first round is not counted: it prepares buffers, and compiles shaders.
      if (round > 0) least[i] = Math.min(least[i] ?? Infinity, clock.now() - begun);
    }
  }
  return least.map((ms) => Number(((2 * tokens * trialWidth * trialOut) / (ms * 1e6)).toPrecision(3)));
}
