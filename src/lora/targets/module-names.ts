import type { Node, Value } from '../../ir/index.ts';
import { readSite } from './module-sites.ts';

/** Operators that pass a weight on without changing what it represents. */
const passingOn: ReadonlySet<string> = new Set(['Cast', 'DequantizeLinear', 'Identity', 'Transpose']);

/** The initializer from which a value is computed by such operators alone. */
export function initializerOf(value: Value | undefined): Value | undefined {
  let at = value;
  while (at?.producer !== undefined && passingOn.has(at.producer.opType)) at = at.producer.inputs[0];
  return at?.constant === undefined ? undefined : at;
}

/** The name of the initializer of a module's weight. */
export function weightName(node: Node): string | undefined {
  const result = readSite(node);
  return result !== undefined && 'site' in result ? initializerOf(result.site.weight)?.name : undefined;
}

/**
 * A path for a node without one: from the metadata of torch.onnx (`namespace`), from the name of its weight
 * (`model.layers.0.mlp.up_proj.weight`), or from the name of the node (`/model/layers.0/attn/q_proj/MatMul`).
 */
export function suggestPath(node: Node): string | undefined {
  const weight = weightName(node);
  return namespacePath(node) ?? (weight && weightPath(weight)) ?? nodePath(node) ?? weight ?? (node.name || undefined);
}

/** `: net.Net/head.fc: torch.nn.modules.linear.Linear/linear: aten.linear.default` → `head.fc` */
function namespacePath({ metadata }: Node): string | undefined {
  const steps = metadata.get('namespace')?.split('/') ?? [];
  const path = steps.at(-2)?.split(':')[0]?.trim();
  return path === '' ? undefined : path;
}

function weightPath(name: string): string | undefined {
  const ending = /^(?<path>[^:/]*?[A-Za-z][^:/]*?)(?:\.MatMul)?[./]weight(?:_[A-Za-z0-9]+)*$/;
  return ending.exec(name)?.groups?.['path'];
}

/** `/model/layers.0/attn/q_proj/MatMul_Q4` → `model.layers.0.attn.q_proj`; undefined for a name without folders. */
function nodePath({ name }: Node): string | undefined {
  const steps = name.split('/').filter((step) => step !== '');
  if (steps.length < 2) return undefined;
  const isOperator = /^(?:MatMul|Gemm|Conv|Gather)[A-Za-z0-9]*(?:_|$)/.test(steps.at(-1) ?? '');
  return (isOperator ? steps.slice(0, -1) : steps).join('.');
}
