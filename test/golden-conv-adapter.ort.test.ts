import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differentiate, gradientPasses } from '../src/autodiff/index.ts';
import { createModel, moduleKey, runPasses, Tape, type Model, type Value } from '../src/ir/index.ts';
import { injectLora, listModules, type Adapter } from '../src/lora/index.ts';
import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import {
  goldenLimit,
  reported,
  openGoldenEnvironment,
  openGoldenSession,
} from '../src/models/testing/golden-provider.ts';
import { runOnce, type Environment } from '../src/onnxruntime/index.ts';
import { loadSafetensors, toFloat32, type TensorData } from '../src/tensor/index.ts';

const folder = fileURLToPath(new URL('golden/adapters/conv/', import.meta.url));

let environment: Environment;
let tensors: ReadonlyMap<string, TensorData>;
beforeAll(async () => {
  environment = openGoldenEnvironment();
  ({ tensors } = await loadSafetensors(`${folder}expected.safetensors`));
});
afterAll(() => environment.dispose());

function tensor(name: string): TensorData {
  const found = tensors.get(name);
  if (found === undefined) throw new TypeError(`the case has no ${name}`);
  return found;
}

interface Net {
  readonly model: Model;
  readonly tape: Tape;
  readonly logits: Value;
}

/** The network of the golden case: two convolutions over planes, one of them in groups, one along a line, and a linear layer. */
function net(): Net {
  const model = createModel();
  const tape = new Tape(model);
  const weight = (name: string): Value => tape.constant(tensor(`base.${name}`), name);
  const module = (path: string): Tape => tape.scoped(path, { [moduleKey]: path });
  const conv = (path: string, x: Value, attributes: Record<string, number | number[]>, bias = true): Value =>
    module(path).op('Conv', [x, weight(`${path}.weight`), ...(bias ? [weight(`${path}.bias`)] : [])], { attributes });
  const x = model.graph.addInput('x', 'float32', ['batch', 3, 6, 5]);
  const stem = tape.op('Relu', [conv('stem', x, { strides: [2, 1], pads: [1, 0, 1, 0] })]);
  const mid = tape.op('Relu', [conv('mid', stem, { pads: [1, 1, 1, 1], group: 2 })]);
  const flat = tape.op('Reshape', [mid, tape.int64s([0, 8, -1])]);
  const line = tape.op('Relu', [conv('line', flat, { pads: [1, 1] }, false)]);
  const mean = tape.op('ReduceMean', [line, tape.int64s([2])], { attributes: { keepdims: 0 } });
  const head = [mean, weight('head.weight'), weight('head.bias')];
  const logits = module('head').op('Gemm', head, { attributes: { transB: 1 } });
  model.graph.addOutput(tape.op('Identity', [logits], { outputName: 'logits' }));
  return { model, tape, logits };
}

function feedsOf({ modules }: Adapter): Record<string, TensorData> {
  return Object.fromEntries(
    [...modules].flatMap(([path, { a, b }]) => [
      [`${path}.lora_A`, a],
      [`${path}.lora_B`, b],
    ]),
  );
}

function error(actual: TensorData | undefined, wanted: TensorData): number {
  const [values, expected] = [actual ? toFloat32(actual) : new Float32Array(), toFloat32(wanted)];
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - (values[i] ?? NaN))));
  return values.length === expected.length ? worst / Math.max(...expected.map(Math.abs)) : NaN;
}

describe('an adapter of PEFT on convolutions', () => {
  it('gives the logits and the gradients of PEFT', async () => {
    const { model, tape } = net();
    const adapter = await loadPeftAdapter(`${folder}adapter`, listModules(model));
    const modules = [...adapter.modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
    const { inputs } = injectLora(model, { modules });
    const logits = model.graph.outputs[0]?.producer?.inputs[0];
    const labels = model.graph.addInput('labels', 'int64', ['batch']);
    const loss = tape.op('SoftmaxCrossEntropyLoss', [logits, labels], { attributes: { reduction: 'sum' } });
    const parameters = inputs.flatMap((name) => model.graph.value(name) ?? []);
    const gradients = differentiate(model, { loss, parameters });
    const names = parameters.flatMap((parameter) => {
      const gradient = gradients.get(parameter);
      return gradient ? [model.graph.addOutput(gradient).name] : [];
    });
    runPasses(model, gradientPasses);
    using session = await openGoldenSession(model, { environment, baseDir: folder });
    const feeds = { x: tensor('x'), labels: tensor('labels'), ...feedsOf(adapter) };
    const results = await runOnce(session, feeds, ['logits', ...names]);
    expect(reported(error(results['logits'], tensor('logits')), 'adapters/conv: logits')).toBeLessThan(
      goldenLimit(1e-5),
    );
    const wanted = [...tensors.keys()].filter((key) => key.startsWith('grad.'));
    expect(inputs.map((input) => `grad.base_model.model.${input}.weight`).sort()).toEqual(wanted.sort());
    const errors = inputs.map((input, i) =>
      error(results[names[i] ?? ''], tensor(`grad.base_model.model.${input}.weight`)),
    );
    expect(reported(Math.max(...errors), 'adapters/conv: gradients')).toBeLessThan(goldenLimit(1e-4));
  });
});
