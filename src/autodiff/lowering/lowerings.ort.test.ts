import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeModel, runPasses, verifyModel } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { typedArray, type TensorData } from '../../tensor/index.ts';
import { differentiate } from '../differentiate.ts';
import { GradientRegistry } from '../gradient-registry.ts';
import { gatheringCases } from '../rules/gathering.cases.ts';
import { convolutionCases } from '../rules/convolution.cases.ts';
import { standardRules } from '../rules/index.ts';
import { layoutCases } from '../rules/layout.cases.ts';
import { buildCase } from '../testing/case-model.ts';
import type { GradientCase } from '../testing/gradient-case.ts';
import { attentionCases, kernelNaNCases, swallowedCases } from './attention.cases.ts';
import { standardLowerings } from './index.ts';
import { loweringPass } from './lowering-pass.ts';
import { loweringCases } from './lowerings.cases.ts';

const registry = new GradientRegistry(standardRules, standardLowerings);
const tolerance = 1e-5;

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

/** The outputs of a case that its loss depends on, by the fused kernel or in smaller parts. */
async function outputsOf(testCase: GradientCase, inParts: boolean): Promise<TensorData[]> {
  const { model, tape, outputs, wanted, feeds } = buildCase(testCase);
  const names = (testCase.lossOf ?? [0]).flatMap((index) => outputs[index] ?? []).map(({ name }) => name);
  for (const name of names) {
    const output = model.graph.value(name);
    if (output) model.graph.addOutput(output);
  }
  if (inParts) {
    const [first] = outputs;
    if (first === undefined) throw new Error('the operator has an output');
    const loss = tape.op('Identity', [first]);
    runPasses(model, [loweringPass({ loss, parameters: wanted }, registry)]);
    if (model.graph.nodes.some(({ name }) => name === 'tested')) throw new Error('the operator is still there');
    verifyModel(model);
  }
  using session = await environment.createSession(encodeModel(model));
  const known = new Set(session.inputs.map(({ name }) => name));
  const given = Object.entries(feeds).filter(([name]) => known.has(name));
  const results = await runOnce(session, Object.fromEntries(given));
  return names.flatMap((name) => results[name] ?? []);
}

const cases = [
  ...attentionCases,
  ...swallowedCases,
  ...loweringCases,
  ...convolutionCases,
  ...gatheringCases,
  ...layoutCases,
].filter((testCase) => {
  const { op: opType, domain = '' } = testCase;
  const isConstantPad = opType === 'Pad' && testCase.attributes === undefined;
  return registry.findLowering({ opType, domain }) !== undefined && !isConstantPad;
});

describe('in smaller parts', () => {
  it.each(cases.map((testCase) => [testCase.domain ?? '', testCase.op, testCase.note ?? '', testCase] as const))(
    '%s %s %s gives what its kernel gives',
    async (_domain, _op, _note, testCase) => {
      const [fused, inParts] = [await outputsOf(testCase, false), await outputsOf(testCase, true)];
      expect(fused.length).toBeGreaterThan(0);
      for (const [index, tensor] of fused.entries()) {
        expect(inParts[index]?.shape).toEqual(tensor.shape);
        expect(largestDifference(tensor, inParts[index])).toBeLessThan(tolerance);
      }
    },
  );
});

describe('a query that sees no key', () => {
  it.each(
    kernelNaNCases.map((testCase) => [testCase.domain ?? '', testCase.op, testCase.note ?? '', testCase] as const),
  )('%s %s %s gives 0 where its kernel makes NaN, and no gradient is NaN', async (_domain, _op, _note, testCase) => {
    const [[fused], [inParts]] = [await outputsOf(testCase, false), await outputsOf(testCase, true)];
    const [kernel, own] = [numbers(fused), numbers(inParts)];
    expect(kernel.some(Number.isNaN)).toBe(true);
    const expected = kernel.map((value) => (Number.isNaN(value) ? 0 : value));
    expect(Math.max(...expected.map((value, i) => Math.abs(value - (own[i] ?? NaN))))).toBeLessThan(tolerance);
    for (const gradient of await gradientsOf(testCase)) expect(numbers(gradient).every(Number.isFinite)).toBe(true);
  });
});

/** The gradients of the sum of the first output. */
async function gradientsOf(testCase: GradientCase): Promise<TensorData[]> {
  const { model, tape, outputs, wanted, feeds } = buildCase(testCase);
  const loss = tape.op('ReduceSum', outputs.slice(0, 1), { attributes: { keepdims: 0 } });
  const gradients = differentiate(model, { loss, parameters: wanted });
  for (const gradient of gradients.values()) model.graph.addOutput(gradient);
  using session = await environment.createSession(encodeModel(model));
  const known = new Set(session.inputs.map(({ name }) => name));
  return Object.values(
    await runOnce(session, Object.fromEntries(Object.entries(feeds).filter(([name]) => known.has(name)))),
  );
}

function largestDifference(a: TensorData, b: TensorData | undefined): number {
  const [left, right] = [numbers(a), numbers(b)];
  return Math.max(0, ...left.map((value, i) => Math.abs(value - (right[i] ?? NaN))));
}

function numbers(tensor: TensorData | undefined): number[] {
  if (tensor === undefined) return [];
  return Array.from<number | bigint, number>(typedArray(tensor), Number);
}
