import { createModel, encodeModel, Tape, type Value } from '../../ir/index.ts';
import { definedOnly } from '../../core/index.ts';
import { adamWDefaults } from '../optimizer/adamw.ts';
import type { OptimizerName, OptimizerSettings } from '../optimizer/create-optimizer.ts';
import { lionDefaults } from '../optimizer/lion.ts';
import type { StepSettings } from '../optimizer/optimizer.ts';
import { sgdDefaults } from '../optimizer/sgd.ts';
import { reduced, squareSum } from './reductions.ts';

export interface UpdateForm {
  readonly optimizer: OptimizerName;
  readonly settings: OptimizerSettings;
  /** Elements of the flat arrays. */
  readonly length: number;
  /** Whether elements have rates and decays of their own, which are the flat inputs `rates` and `decays`. */
  readonly isEach: boolean;
}

/**
 * The names of the numbers that a step gives to the graph, each f32 [1]. The first two are factors of `rates` and `decays` where elements
 * have their own, and else of everything.
 */
export const stepNumbers = ['rate', 'decay', 'gradientScale', 'secondCorrection'] as const;
export type StepNumbers = Readonly<Record<(typeof stepNumbers)[number], number>>;

/** What a step starts from: its parameters w and its scaled gradients g, flat, and its numbers. */
interface Start {
  readonly tape: Tape;
  readonly w: Value;
  readonly g: Value;
  readonly rate: Value;
  readonly decay: Value;
  readonly correction: () => Value;
  /** The input of a moment. */
  readonly moment: (name: string) => Value;
}

/** What it ends with. */
interface End {
  readonly w: Value;
  readonly moments: Readonly<Record<string, Value>>;
}

/**
 * An update of every parameter at once, as a graph of elementwise operators over flat arrays f32 [length]. It follows the optimizers of
 * `train/optimizer`, which compute in f64 between two roundings to f32; means are written x + (1 − β)(y − x), because β and 1 − β rounded
 * to f32 do not add up to 1.
 *
 *   inputs: parameters, gradients, the moments, the numbers of `stepNumbers` that it reads, `rates` and `decays` if each element has its own
 *   outputs: `parameters.next`, a `.next` of each moment, `largest` and `square_sum` f32 [] of the new parameters
 */
export function updateGraph(form: UpdateForm): Uint8Array {
  const { length, isEach } = form;
  const model = createModel({ graphName: 'update' });
  const { graph } = model;
  const tape = new Tape(model);
  const flat = (name: string): Value => graph.addInput(name, 'float32', [length]);
  const number = (name: (typeof stepNumbers)[number]): Value => graph.addInput(name, 'float32', [1]);
  const w = flat('parameters');
  const g = tape.op('Mul', [flat('gradients'), number('gradientScale')]);
  const [rate, decay] = [number('rate'), number('decay')];
  const end = rules[form.optimizer](form.settings)({
    tape,
    w,
    g,
    rate: isEach ? tape.op('Mul', [flat('rates'), rate]) : rate,
    decay: isEach ? tape.op('Mul', [flat('decays'), decay]) : decay,
    correction: () => number('secondCorrection'),
    moment: flat,
  });
  const output = (value: Value, name: string): void => {
    graph.rename(value, name);
    graph.addOutput(value);
  };
  output(end.w, 'parameters.next');
  for (const [name, value] of Object.entries(end.moments)) output(value, `${name}.next`);
  output(reduced(tape, 'ReduceMax', tape.op('Abs', [end.w]), length), 'largest');
  output(squareSum(tape, end.w, length), 'square_sum');
  return encodeModel(model);
}

/** The sum of the squares of gradients f32 [length], as `square_sum` f32 []. */
export function normGraph(length: number): Uint8Array {
  const model = createModel({ graphName: 'norm' });
  const gradients = model.graph.addInput('gradients', 'float32', [length]);
  const sum = squareSum(new Tape(model), gradients, length);
  model.graph.rename(sum, 'square_sum');
  model.graph.addOutput(sum);
  return encodeModel(model);
}

/** The sum of gradients `left` and `right`, all f32 [length]. */
export function sumGraph(length: number): Uint8Array {
  const model = createModel({ graphName: 'sum' });
  const [left, right] = ['left', 'right'].map((name) => model.graph.addInput(name, 'float32', [length]));
  model.graph.addOutput(new Tape(model).op('Add', [left, right], { outputName: 'sum' }));
  return encodeModel(model);
}

/**
 * The numbers of one step, in f64.
 * @param steps  of the optimizer, this one included
 * @param group  the rate and the weight decay of all elements; undefined if each has its own
 */
export function numbersOf(
  { optimizer, settings }: Pick<UpdateForm, 'optimizer' | 'settings'>,
  steps: number,
  { learningRate, gradientScale }: StepSettings,
  group: { readonly rate: number; readonly weightDecay: number } = { rate: 1, weightDecay: 1 },
): StepNumbers {
  const rate = learningRate * group.rate;
  if (optimizer === 'sgd') return { rate, decay: group.weightDecay, gradientScale, secondCorrection: 1 };
  const decay = rate * group.weightDecay;
  if (optimizer === 'lion') return { rate, decay, gradientScale, secondCorrection: 1 };
  const { beta1, beta2 } = { ...adamWDefaults, ...definedOnly(settings) };
  const secondCorrection = 1 / Math.sqrt(1 - beta2 ** steps);
  return { rate: rate / (1 - beta1 ** steps), decay, gradientScale, secondCorrection };
}

/** What stands in `decays` for an element of a group: SGD adds the decay to the gradient, and the others take it times the rate. */
export function decayOf(
  optimizer: OptimizerName,
  { rate, weightDecay }: { readonly rate: number; readonly weightDecay: number },
): number {
  return optimizer === 'sgd' ? weightDecay : rate * weightDecay;
}

const rules: Readonly<Record<OptimizerName, (settings: OptimizerSettings) => (start: Start) => End>> = {
  adamw: (settings) => (start) => {
    const { beta1, beta2, epsilon } = { ...adamWDefaults, ...definedOnly(settings) };
    const { tape, g, rate, correction } = start;
    const m = towards(tape, start.moment('firstMoment'), g, 1 - beta1);
    const v = towards(tape, start.moment('secondMoment'), tape.op('Mul', [g, g]), 1 - beta2);
    const deviation = tape.op('Mul', [tape.op('Sqrt', [v]), correction()]);
    const direction = tape.op('Div', [m, tape.op('Add', [deviation, tape.scalar(epsilon)])]);
    return { w: moved(start, tape.op('Mul', [direction, rate])), moments: { firstMoment: m, secondMoment: v } };
  },
  lion: (settings) => (start) => {
    const { beta1, beta2 } = { ...lionDefaults, ...definedOnly(settings) };
    const { tape, g, rate } = start;
    const before = start.moment('momentum');
    const sign = signOf(tape, towards(tape, before, g, 1 - beta1));
    return {
      w: moved(start, tape.op('Mul', [sign, rate])),
      moments: { momentum: towards(tape, before, g, 1 - beta2) },
    };
  },
  sgd: (settings) => (start) => {
    const { momentum, nesterov } = { ...sgdDefaults, ...definedOnly(settings) };
    const { tape, w, rate, decay } = start;
    const g = tape.op('Add', [start.g, tape.op('Mul', [w, decay])]);
    const step = (direction: Value): Value => tape.op('Sub', [w, tape.op('Mul', [direction, rate])]);
    if (momentum === 0) return { w: step(g), moments: {} };
    const factor = tape.scalar(momentum);
    const direction = tape.op('Add', [tape.op('Mul', [start.moment('direction'), factor]), g]);
    const ahead = nesterov ? tape.op('Add', [g, tape.op('Mul', [direction, factor])]) : direction;
    return { w: step(ahead), moments: { direction } };
  },
};

/** from + part·(to − from) */
function towards(tape: Tape, from: Value, to: Value, part: number): Value {
  return tape.op('Add', [from, tape.op('Mul', [tape.op('Sub', [to, from]), tape.scalar(part)])]);
}

/** w − (decay·w + step). WHY not (1 − decay)·w − step: 1 − decay in f32 has lost most digits of a small decay. */
function moved({ tape, w, decay }: Start, step: Value): Value {
  return tape.op('Sub', [w, tape.op('Add', [tape.op('Mul', [w, decay]), step])]);
}

/** WHY not Sign: WebGPU has no kernel for it, and all numbers would go over the CPU. */
function signOf(tape: Tape, value: Value): Value {
  const zero = tape.scalar(0);
  const is = (opType: string): Value => tape.op('Cast', [tape.op(opType, [value, zero])], { attributes: { to: 1 } });
  return tape.op('Sub', [is('Greater'), is('Less')]);
}
