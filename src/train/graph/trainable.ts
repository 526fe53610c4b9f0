import type { LoraModule } from '../../lora/index.ts';
import type { ParameterArena, ParameterEntry } from './parameter-arena.ts';

/** The parameters that a training trains: an adapter, or every weight. */
export interface Trainable {
  /** The modules that get an adapter; undefined if every weight is trained. */
  readonly lora: readonly LoraModule[] | undefined;
  /** Weights of the base that are trained besides the adapter, by their names in the checkpoint. */
  readonly whole: ReadonlySet<string>;
  readonly dropout: number;
  /** The modules that each target matched, for display; empty if every weight is trained. */
  readonly matched: readonly MatchedTarget[];
  /** Whether a parameter is trained; the others are inputs of the graph that keep their initial values. */
  trains(name: string): boolean;
  /** Fills the parameters with their initial values. */
  initialize(arena: ParameterArena): Promise<void>;
  /** Whether a parameter must have changed after the first steps. */
  mustMove(entry: ParameterEntry): boolean;
  /** Whether weight decay applies to it. */
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
