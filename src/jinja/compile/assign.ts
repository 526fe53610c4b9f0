import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import type { Target } from '../syntax/nodes.ts';
import { listOf } from '../values/sequence.ts';
import { Namespace, type Value } from '../values/value.ts';
import type { Scope } from './scope.ts';

/**
 * Gives a value to a name, to an attribute of a namespace, or to several of them at once.
 * @throws EspalierError TEMPLATE_FAILED where the value has another number of items, or there is no namespace of that name
 */
export function assign(run: Run, scope: Scope, target: Target, value: Value): void {
  switch (target.kind) {
    case 'name':
      return scope.set(target.name, value);
    case 'attribute': {
      const namespace = scope.get(target.namespace);
      if (!(namespace instanceof Namespace)) return fail('cannot assign attribute on non-namespace object');
      namespace.attributes.set(target.name, value);
      return;
    }
    case 'tuple': {
      const items = listOf(run, value);
      const wanted = target.items.length;
      if (items.length < wanted) fail(`not enough values to unpack (expected ${wanted}, got ${items.length})`);
      if (items.length > wanted) fail(`too many values to unpack (expected ${wanted})`);
      for (const [index, one] of target.items.entries()) assign(run, scope, one, items[index] ?? null);
    }
  }
}
