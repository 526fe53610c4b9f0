import { EspalierError } from '../../../core/index.ts';
import type { Model, Tape } from '../../../ir/index.ts';
import type { NodeCall, UpgradeContext } from './upgrade.ts';
import { upgrades } from './upgrades.ts';

/** Gradients, losses and adapters use operators of this version: since then no operator that is used here has changed its meaning. */
const wantedOpset = 18;
const oldestOpset = 9;

/**
 * The operator set of a copy of a model: its own, or the version to which its nodes are upgraded.
 * @throws EspalierError ONNX_MODEL_UNSUPPORTED
 */
export function usableOpset(model: Model, path: string): number {
  const opset = model.opsets.get('') ?? 1;
  if (opset < oldestOpset) {
    const problems = `it is written in operator set ${opset}, and the oldest that can be brought up is ${oldestOpset}; export it again with operator set ${wantedOpset} or a newer one`;
    throw new EspalierError('ONNX_MODEL_UNSUPPORTED', { path, problems });
  }
  return Math.max(opset, wantedOpset);
}

/** Where a node stands. */
interface Place {
  readonly opset: number;
  readonly tape: Tape;
  /** The name of the node and its file, for messages. */
  readonly label: string;
  readonly path: string;
}

/**
 * Upgrades a node of an older operator set, version by version.
 * @throws EspalierError ONNX_MODEL_UNSUPPORTED naming the node
 */
export function upgradedNode(call: NodeCall, { opset, tape, label, path }: Place): NodeCall {
  if (call.domain !== '') return call;
  const refused = (reason: string): EspalierError => {
    const problems = `node ${label} (${call.opType} of operator set ${opset}) ${reason}, or with operator set ${wantedOpset} or a newer one`;
    return new EspalierError('ONNX_MODEL_UNSUPPORTED', { path, problems });
  };
  const context: UpgradeContext = { tape, refused };
  let upgraded = call;
  for (let version = opset + 1; version <= wantedOpset; version++) {
    const step = upgrades[upgraded.opType]?.find((each) => each.version === version);
    if (step) upgraded = step.upgrade(upgraded, context);
  }
  return upgraded;
}
