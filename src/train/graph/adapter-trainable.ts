import { EspalierError, option } from '../../core/index.ts';
import {
  matchTargets,
  subtractInitial,
  type LoraConfig,
  type LoraModule,
  type ModuleWeights,
  type PlainAdapter,
} from '../../lora/index.ts';
import { savePeftAdapter } from '../../adapter-files/index.ts';
import { basePath, fingerprintBase, modelName, type BaseModel } from '../../models/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { adapterStart, sameModules, type AdapterStart } from './adapter-start.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { ParameterArena, ParameterEntry } from './parameter-arena.ts';
import type { Trainable } from './trainable.ts';
import type { WholeParameters } from './whole-parameters.ts';

/** The suffixes of the graph's inputs, and the name of the module's tensor for each. */
const parts = { '.lora_A': 'a', '.lora_B': 'b', '.lora_magnitude': 'magnitude' } as const;

/**
 * An adapter on the base: a new one, or one that is trained further.
 * @throws EspalierError LORA_TARGET_UNMATCHED, TRAIN_CONFIG_CONFLICT; the errors of `adapterStart`
 */
export async function adapterTrainable(base: BaseModel, config: TrainConfig): Promise<Trainable> {
  const start = await adapterStart(base, config);
  const { lora, whole, subtracted } = start;
  const modules = new Map([...start.modules].map(([path, module]) => [path, formOf(module)]));
  if (config.localSteps !== undefined && [...modules.values()].some(({ hasMagnitude }) => hasMagnitude)) {
    const [first, second] = [option('localSteps'), 'an adapter with DoRA'];
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', {
      first,
      second,
      reason: 'its update is not linear in what is trained',
    });
  }
  const baseFingerprint = await fingerprintBase(base);
  const { matched } = matchTargets(base.modules, lora);
  // WHY not kept: beside the parameters they would take as much again for the whole training.
  const first: { values?: AdapterStart['modules'] | undefined } = { values: start.modules };
  const initial = subtracted === true ? start.modules : undefined;
  return {
    lora: injections(start),
    whole: whole.names,
    dropout: lora.dropout,
    matched: matched.map((target) => ({ pattern: target.pattern, modules: target.modules.length })),
    initialize: async (arena) => {
      initialize(arena, first.values ?? (await adapterStart(base, config)).modules, whole);
      first.values = undefined;
      await whole.initialize(arena);
    },
    trains: (name) => config.freezeA !== true || whole.names.has(name) || !beginsAtRandom(name, modules),
    mustMove: (entry) => whole.names.has(entry.name) || movesFirst(entry, modules),
    // As in PEFT: also magnitudes, which are parameters like all others to PyTorch's optimizers.
    decays: () => true,
    save: async (dir, arena) => {
      const saved = whole.trained(arena);
      const now = trained(arena, modules);
      // The form in which it fits the unchanged base.
      const plain: PlainAdapter =
        initial === undefined ? { config: lora, modules: now } : await subtractInitial(lora, now, initial);
      const written = { ...plain.config, ...taskOf(base, whole), targetModules: spelledOut(base, lora) };
      const content = { config: written, modules: plain.modules, baseName: modelName(basePath(base)), baseFingerprint };
      await savePeftAdapter(dir, { ...content, ...(saved && { saved }) });
    },
  };
}

/** WHY apart: a closure over the beginning would keep it as long as what is trained. */
function injections(start: AdapterStart): LoraModule[] {
  return [...start.modules].map(([path, module]) => injected(start, path, module));
}

function injected({ lora, squaredNorms, subtracted }: AdapterStart, path: string, module: ModuleWeights): LoraModule {
  const { rank, scaling, a, b } = module;
  const norms = squaredNorms?.get(path);
  return {
    path,
    rank,
    scaling,
    dropout: lora.dropout,
    ...(norms && { dora: { squaredNorms: norms } }),
    ...(subtracted === true && { initial: { a, b } }),
  };
}

/** An adapter of one module without its numbers. */
interface ModuleForm extends Omit<ModuleWeights, 'a' | 'b' | 'magnitude'> {
  readonly hasMagnitude: boolean;
}

function formOf({ a: _a, b: _b, magnitude, ...form }: ModuleWeights): ModuleForm {
  return { ...form, hasMagnitude: magnitude !== undefined };
}

/** Whether the first step changes this matrix. One of the two matrices begins at zero; for an embedding it is A. */
function movesFirst({ name }: Pick<ParameterEntry, 'name'>, modules: ReadonlyMap<string, ModuleForm>): boolean {
  const suffix = name.slice(name.lastIndexOf('.'));
  const { kind } = modules.get(name.slice(0, -suffix.length)) ?? {};
  return suffix === (kind === 'embedding' ? '.lora_A' : '.lora_B');
}

/** Whether this is the one of a module's two matrices that begins at random; for an embedding it is B. */
function beginsAtRandom(name: string, modules: ReadonlyMap<string, ModuleForm>): boolean {
  return /\.lora_[AB]$/.test(name) && !movesFirst({ name }, modules);
}

/**
 * PEFT's name of the base's task. WHY null for a classifier with the base's head: with the name of the task PEFT would look for the
 * head in the adapter.
 */
function taskOf({ task, perToken }: BaseModel, { names }: WholeParameters): Pick<LoraConfig, 'taskType'> {
  if (task === undefined || task === 'causal-lm') return {};
  return {
    taskType: task === 'classification' && names.size > 0 ? (perToken === true ? 'TOKEN_CLS' : 'SEQ_CLS') : null,
  };
}

/** Replaces `all-linear` by the names of its modules, as PEFT writes it, because other readers of the folder know only names. */
function spelledOut(base: BaseModel, lora: LoraConfig): LoraConfig['targetModules'] {
  if (lora.targetModules !== 'all-linear') return lora.targetModules;
  const { modules } = matchTargets(base.modules, lora);
  const names = [...new Set(modules.map((path) => path.slice(path.lastIndexOf('.') + 1)))];
  return sameModules(base, { ...lora, targetModules: names }, modules) ? names : lora.targetModules;
}

function initialize(arena: ParameterArena, modules: ReadonlyMap<string, ModuleWeights>, whole: WholeParameters): void {
  for (const entry of arena.entries.filter(({ name }) => !whole.names.has(name))) {
    const end = entry.name.lastIndexOf('.');
    const part = Object.entries(parts).find(([suffix]) => entry.name.endsWith(suffix))?.[1];
    const tensor = part && modules.get(entry.name.slice(0, end))?.[part];
    if (tensor === undefined) throw new EspalierError('TRAIN_NO_PARAMETER', { name: entry.name });
    arena.view(entry).set(toFloat32(tensor));
  }
}

/** The modules with copies of the current contents of the arena. */
function trained(arena: ParameterArena, modules: ReadonlyMap<string, ModuleForm>): Map<string, ModuleWeights> {
  const entries = new Map(arena.entries.map((entry) => [entry.name, entry]));
  const tensor = (name: string): ModuleWeights['a'] => {
    const entry = entries.get(name);
    if (entry === undefined) throw new EspalierError('TRAIN_NO_PARAMETER', { name });
    return tensorOf('float32', entry.shape, arena.view(entry));
  };
  return new Map(
    [...modules].map(([path, { hasMagnitude, ...form }]) => {
      const [a, b] = [tensor(`${path}.lora_A`), tensor(`${path}.lora_B`)];
      const magnitude = hasMagnitude ? tensor(`${path}.lora_magnitude`) : undefined;
      return [path, { ...form, a, b, ...(magnitude && { magnitude }) }];
    }),
  );
}
