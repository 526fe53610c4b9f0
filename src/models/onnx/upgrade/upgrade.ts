import type { EspalierError } from '../../../core/index.ts';
import type { Attribute, Node, Tape, Value } from '../../../ir/index.ts';

/** The description of a node that will be written. */
export interface NodeCall extends Pick<Node, 'opType' | 'domain' | 'inputs'> {
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** The outputs of the node in the file. */
  readonly outputs: readonly (Value | undefined)[];
  /** Computes the node's first output, as the file means it, from what the node of the newer version computes. */
  readonly after?: (output: Value) => Value;
}

export interface UpgradeContext {
  /** Records constants and nodes before the node that is upgraded, and in `after` those behind it. */
  readonly tape: Tape;
  /** The error that names the node, and says why it cannot be upgraded. */
  refused(reason: string): EspalierError;
}

/** Rewrites a call of one version of an operator as a call of the next version that differs. */
export type Upgrade = (call: NodeCall, context: UpgradeContext) => NodeCall;

/** Moves attributes with integers to inputs. An attribute that the call omits gives no input. */
export function intsToInputs(places: Readonly<Record<string, number>>): Upgrade {
  return (call, { tape }) => {
    const inputs = [...call.inputs];
    const attributes = new Map(call.attributes);
    for (const [name, index] of Object.entries(places)) {
      const given = attributes.get(name);
      if (given?.kind !== 'ints' && given?.kind !== 'int') continue;
      attributes.delete(name);
      while (inputs.length < index) inputs.push(undefined);
      inputs[index] = tape.int64s([given.value].flat().map(Number));
    }
    return { ...call, inputs, attributes };
  };
}

/** Moves attributes with one float to scalar inputs of the type of the first input. */
export function floatsToInputs(places: Readonly<Record<string, number>>): Upgrade {
  return (call, { tape }) => {
    const inputs = [...call.inputs];
    const attributes = new Map(call.attributes);
    for (const [name, index] of Object.entries(places)) {
      const given = attributes.get(name);
      if (given?.kind !== 'float') continue;
      attributes.delete(name);
      while (inputs.length < index) inputs.push(undefined);
      inputs[index] = tape.scalar(given.value, inputs[0]?.dtype);
    }
    return { ...call, inputs, attributes };
  };
}

/** Applies several upgrades of one version, one after another. */
export function inTurn(...upgrades: readonly Upgrade[]): Upgrade {
  return (call, context) => upgrades.reduce((now, upgrade) => upgrade(now, context), call);
}

/** Renames an operator whose meaning stayed. */
export function renamed(opType: string): Upgrade {
  return (call) => ({ ...call, opType });
}

/** Writes down what was the default of an older version. */
export function withDefault(name: string, attribute: Attribute): Upgrade {
  return (call) => ({ ...call, attributes: new Map([[name, attribute], ...call.attributes]) });
}
