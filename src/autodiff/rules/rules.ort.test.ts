import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../../core/testing/cross-section.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { gradcheck } from '../testing/gradcheck.ts';
import type { GradientCase } from '../testing/gradient-case.ts';
import { attentionCases } from '../lowering/attention.cases.ts';
import { standardLowerings } from '../lowering/index.ts';
import { loweringCases } from '../lowering/lowerings.cases.ts';
import { activationCases } from './activations.cases.ts';
import { convolutionCases } from './convolution.cases.ts';
import { elementwiseCases } from './elementwise.cases.ts';
import { functionCases } from './functions.cases.ts';
import { gatheringCases } from './gathering.cases.ts';
import { standardRules } from './index.ts';
import { layoutCases } from './layout.cases.ts';
import { lossCases } from './losses.cases.ts';
import { normCases } from './norms.cases.ts';
import { productCases } from './products.cases.ts';
import { quantizedCases } from './quantized.cases.ts';
import { recurrenceCases } from './recurrences.cases.ts';
import { reductionCases } from './reductions.cases.ts';

const families: Readonly<Record<string, readonly GradientCase[]>> = {
  elementwise: elementwiseCases,
  activations: activationCases,
  functions: functionCases,
  products: productCases,
  norms: normCases,
  losses: lossCases,
  reductions: reductionCases,
  recurrences: recurrenceCases,
  layout: layoutCases,
  gathering: gatheringCases,
  convolutions: convolutionCases,
  quantized: quantizedCases,
  attention: attentionCases,
  'operators in smaller parts': loweringCases,
};

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

describe.each(Object.entries(families))('gradients of %s equal central differences', (_, cases) => {
  it.each(crossSection(cases, 3).map((testCase) => [nameOf(testCase), testCase] as const))(
    '%s',
    async (_name, testCase) => {
      const { compared } = await gradcheck(environment, testCase);
      expect(compared).toBeGreaterThan(0);
    },
  );
});

describe('the list of rules', () => {
  const covered = new Set(Object.values(families).flatMap((cases) => cases.map(operatorOf)));

  it.each(
    standardRules
      .filter((rule) => rule.stops === undefined && rule.refuses === undefined)
      .map((rule) => [operatorOf(rule)]),
  )('has a case for %s', (operator) => expect([...covered]).toContain(operator));

  it.each(standardLowerings.map((lowering) => [operatorOf(lowering)]))(
    'has a case for the lowering of %s',
    (operator) => expect([...covered]).toContain(operator),
  );

  it.each([[standardRules], [standardLowerings]])('names each operator once', (list) => {
    const operators = list.map(operatorOf);
    expect(operators).toEqual([...new Set(operators)]);
  });
});

function operatorOf({ op, opType = op, domain = '' }: { op?: string; opType?: string; domain?: string }): string {
  return `${domain}:${opType ?? ''}`;
}

function nameOf({ op, domain, note, inputs }: GradientCase): string {
  const shapes = Object.entries(inputs).map(([name, input]) => {
    if (input === undefined) return name.endsWith('*') ? name.slice(0, -1) : '-';
    return `${name}[${('shape' in input ? input.shape : input).join(',')}]`;
  });
  return [domain ? `${domain} ${op}` : op, shapes.join(' '), note ?? ''].filter(Boolean).join(' · ');
}
