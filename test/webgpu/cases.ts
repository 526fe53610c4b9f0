import { goldenCases } from '../../src/models/testing/golden-cases.ts';
import { chosenCases } from '../../src/models/testing/golden-provider.ts';

export { onWebGpu } from '../../src/models/testing/golden-provider.ts';

/** What `test/webgpu/run.mjs` asks for: the smallest case, those of before there were families, or each one. */
export const form = process.env['WEBGPU_TESTS'] ?? 'usual';

const decoders = ['llama', 'llama-d16', 'qwen2', 'qwen3', 'gemma3', 'gpt2'] as const;

/** A table of f16 and attention with a soft cap; powers that broadcast. */
const special = ['quantized/gguf-f16', 'families/llama-dynamic'] as const;

const usual = [...decoders, ...special];

export const isShort = form === 'short';

/** The golden cases of decoders that run here. `WEBGPU_CASES`, a regular expression, takes fewer of them. */
export const cases = chosenCases(isShort ? usual.slice(0, 1) : form === 'all' ? goldenCases : usual);

/** Prints a measured error, so that a long run leaves its figures. */
export function report(name: string, what: string, error: number): void {
  if (form === 'all') process.stdout.write(`${name}: ${what} ${error.toExponential(1)}\n`);
}
