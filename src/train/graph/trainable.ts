import type { LoraModule } from '../../lora/index.ts';
import type { ParameterArena, ParameterEntry } from './parameter-arena.ts';

/** What a training trains: an adapter, or every weight. */
export interface Trainable {
  /** The modules that get an adapter; undefined where every weight is trained. */
  readonly lora: readonly LoraModule[] | undefined;
  /** Weights of the base that are trained whole beside the adapter, by their names in the checkpoint. */
  readonly whole: ReadonlySet<string>;
  readonly dropout: number;
  /** What the targets matched, for a person; empty where every weight is trained. */
  readonly matched: readonly MatchedTarget[];
  /** Fills the parameters with where they begin. */
  initialize(arena: ParameterArena): Promise<void>;
  /** Whether a parameter has to have moved after the first steps. */
  mustMove(entry: ParameterEntry): boolean;
  /** Whether weight decay is for it. */
  decays(entry: ParameterEntry): boolean;
  /**
   * Writes the result.
   * @param dir  does not exist yet; its parent does
   */
  save(dir: string, arena: ParameterArena): Promise<void>;
}

/** A target as it was written, and how many modules it matched. */
export interface MatchedTarget {
  readonly pattern: string;
  readonly modules: number;
}
