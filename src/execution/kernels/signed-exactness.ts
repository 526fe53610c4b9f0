import { createModel, encodeModel, Tape } from '../../ir/index.ts';
import { runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, typedArray } from '../../tensor/index.ts';

/** As many products as a kernel adds at once, and more. */
const width = 256;
/** Enough columns for the widest kernel. */
const columns = 64;
/** One row is computed by another kernel than several. */
const rowCounts = [1, 9] as const;

/**
 * Whether this machine multiplies unsigned bytes by signed ones exactly, at the largest values. Without VNNI, ONNX Runtime adds pairs of
 * products in 16 bits, which overflow at 255 · 127. Takes a few milliseconds.
 *
 * WHY tried and not looked up: what matters is the kernel that the library has chosen, and the library does not tell it.
 *
 * @param options.largest  the largest unsigned byte
 */
export async function multipliesSignedExactly(
  environment: Environment,
  { largest = 255 }: { readonly largest?: number } = {},
): Promise<boolean> {
  const model = createModel({ graphName: 'signed' });
  const x = model.graph.addInput('x', 'uint8', ['rows', width]);
  const tape = new Tape(model);
  const weight = tape.constant(tensorOf('int8', [width, columns], new Int8Array(width * columns).fill(127)));
  const one = tape.scalar(1);
  const y = tape.op('MatMulIntegerToFloat', [x, weight, one, one], { domain: 'com.microsoft', outputName: 'y' });
  model.graph.addOutput(y);
  // WHY on the CPU: no other provider has this operator.
  using session = await environment.createSession(encodeModel(model), { provider: 'cpu' });
  for (const rows of rowCounts) {
    const levels = tensorOf('uint8', [rows, width], new Uint8Array(rows * width).fill(largest));
    const { y: result } = await runOnce(session, { x: levels });
    if (result === undefined) return false;
    if (!Array.from(typedArray(result), Number).every((value) => value === largest * 127 * width)) return false;
  }
  return true;
}
