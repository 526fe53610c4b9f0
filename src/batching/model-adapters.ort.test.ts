import { arenaModules, describeAdapterArena } from '../routing/testing/describe-adapter-arena.ts';
import { elementCount } from '../tensor/index.ts';
import { TensorArena } from './model-adapters.ts';

describeAdapterArena('a served model', () => {
  const injected = arenaModules.map((module) => ({ module, a: `${module.path}.A`, b: `${module.path}.B` }));
  const arena = new TensorArena(injected, []);
  return {
    arena,
    async read(lease) {
      using hold = await lease.hold();
      return ['one.A', 'one.B'].flatMap((name) => {
        const tensor = hold.weights.tensors.get(name);
        if (tensor === undefined) throw new RangeError(`No tensor ${name}`);
        return [...tensor.memory.float32(tensor.byteOffset, elementCount(tensor.shape))];
      });
    },
    dispose: () => Promise.resolve(arena.dispose()),
  };
});
