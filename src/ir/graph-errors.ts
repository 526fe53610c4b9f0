import { EspalierError } from '../core/index.ts';

/** The part of a node that error messages use. */
interface Labelled {
  readonly label: string;
}

/** The part of a value that error messages use. */
interface Used<TNode extends Labelled> {
  readonly name: string;
  readonly uses: ReadonlySet<{ readonly node: TNode }>;
  readonly outputOf: ReadonlySet<{ readonly name: string }>;
}

/**
 * @param what     what the value belongs to, for the message
 * @param readers  nodes that may read the value, because they are removed too
 * @throws EspalierError IR_IN_USE
 */
export function assertUnused<TNode extends Labelled>(
  value: Used<TNode>,
  what: string,
  readers: ReadonlySet<TNode> = new Set(),
): void {
  for (const { node } of value.uses) if (!readers.has(node)) throw inUse(what, `node ${node.label}`);
  for (const graph of value.outputOf) throw inUse(what, `output ${value.name} of graph ${graph.name}`);
}

function inUse(what: string, user: string): EspalierError {
  return new EspalierError('IR_IN_USE', { what, user });
}

export function strangerAmong<TNode extends Labelled>(nodes: Iterable<TNode>, own: readonly TNode[]): EspalierError {
  const stranger = [...nodes].find((node) => !own.includes(node));
  const where = `node ${stranger?.label ?? ''}`;
  return new EspalierError('IR_INVALID', { where, reason: 'the node is not in this graph' });
}

export function notHere(value: { readonly name: string }, what: string): EspalierError {
  return invalidValue(value, `it is not ${what} of this graph`);
}

export function invalidValue(value: { readonly name: string }, reason: string): EspalierError {
  return new EspalierError('IR_INVALID', { where: `value ${value.name}`, reason });
}
