import type { Shape } from '../dim.ts';
import type { InferRule, InferRules } from './infer-rule.ts';

/** The parts of the type in which both branches agree. */
const choose: InferRule = ({ node }) => {
  const [yes, no] = [node.graphAttribute('then_branch'), node.graphAttribute('else_branch')];
  return node.outputs.map((_, i) => {
    const [a, b] = [yes?.outputs[i], no?.outputs[i]];
    return { dtype: a?.dtype === b?.dtype ? a?.dtype : undefined, shape: agreement(a?.shape, b?.shape) };
  });
};

function agreement(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b?.length !== a.length) return undefined;
  return a.map((dim, i) => (dim === b[i] ? dim : undefined));
}

export const controlFlowRules: InferRules = { If: choose };
