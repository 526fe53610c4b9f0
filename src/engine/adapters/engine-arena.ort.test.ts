import { arenaModules, describeAdapterArena } from '../../routing/testing/describe-adapter-arena.ts';
import { AdapterStack } from './adapter-stack.ts';
import { EngineArena } from './engine-arena.ts';

describeAdapterArena('an engine', () => {
  const modules = new Map(arenaModules.map((module) => [module.path, module]));
  const stack = new AdapterStack(arenaModules, { rows: 8 });
  const arena = new EngineArena({ stack, modules, maxRank: 4, gains: undefined, keptRows: 8 });
  return {
    arena,
    async read(lease) {
      const claim = arena.claim([{ lease }]);
      await claim.activate();
      const [module, applied] = [stack.modules[0], claim.applied[0]];
      if (module === undefined || applied === undefined) throw new RangeError('Nothing is applied');
      const { start, end } = applied.rows;
      const a = module.loraA.float32(start * module.in * 4, (end - start) * module.in);
      const b = module.loraB.float32(start * module.out * 4, (end - start) * module.out);
      const numbers = [...a, ...b];
      claim.release();
      return numbers;
    },
    dispose: () => arena.dispose(),
  };
});
