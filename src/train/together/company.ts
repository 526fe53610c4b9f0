import { Turns } from '../../core/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { graphSettingsOf } from '../graph/loss-graph.ts';
import type { BoundParameters, LossResult, PassPlace, PassRunner, Passes } from '../graph/passes.ts';
import type { ParameterSpec } from '../graph/parameter-arena.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import { sharedObjective } from './assert-together.ts';
import { RefusedCompany, type Companion } from './companion.ts';
import { createJointGraph, type JointGraph } from './joint-graph.ts';
import { JointSession, type LaneMemory, type LanePass } from './joint-session.ts';
import { Meeting } from './meeting.ts';
import { planMicroBatches } from './plan-passes.ts';

export interface CompanyOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  readonly members: number;
  /** Tokens of a pass of several trainings at most. */
  readonly maxTokens: number;
}

type Kind = 'evaluation' | 'training';

interface Request extends LanePass {
  readonly kind: Kind;
}

/** Trainings on one base that take their passes together. It owns the loaded graphs. */
export class Company implements Disposable {
  readonly #options: CompanyOptions;
  readonly #meeting: Meeting<Request, LossResult>;
  readonly #turns = new Turns();
  readonly #inputs = new Map<number, TrainingInputs>();
  readonly #memories: Record<Kind, Map<number, LaneMemory>> = { evaluation: new Map(), training: new Map() };
  readonly #sessions: Partial<Record<Kind, OpenSession>> = {};
  /** Trainings that have neither read their inputs nor been refused. */
  readonly #undecided: Set<number>;
  #isRefused = false;
  /** For each training what it trains. */
  readonly #gate: Promise<readonly (readonly ParameterSpec[])[]>;
  #open: () => void = () => undefined;
  /** The training graph of all, until it is loaded. */
  #first: JointGraph | undefined;

  constructor(options: CompanyOptions) {
    this.#options = options;
    this.#undecided = new Set(Array.from({ length: options.members }, (_, lane) => lane));
    this.#meeting = new Meeting({
      members: options.members,
      hold: (requests) => this.#hold(requests),
      choose: evaluationsFirst,
    });
    const decided = new Promise<void>((resolve) => (this.#open = resolve));
    this.#gate = decided.then(() => this.#begin());
    // WHY: nobody waits at the gate if every training was refused.
    void this.#gate.catch(() => undefined);
  }

  member(lane: number): Companion & { refuse(): void } {
    return {
      base: this.#options.base,
      enter: async (inputs) => {
        this.#inputs.set(lane, inputs);
        this.#decide(lane);
        const parameters = (await this.#gate)[lane] ?? [];
        return this.#passesOf(lane, { parameters, inputs });
      },
      refuse: () => {
        if (this.#undecided.has(lane)) this.#isRefused = true;
        this.#decide(lane);
      },
      leave: () => this.#meeting.leave(lane),
      inTurn: async (task, { later = false } = {}) => {
        if (later) await this.#meeting.over;
        return this.#turns.take('base', task);
      },
    };
  }

  #decide(lane: number): void {
    this.#undecided.delete(lane);
    if (this.#undecided.size === 0) this.#open();
  }

  async #begin(): Promise<(readonly ParameterSpec[])[]> {
    if (this.#isRefused) throw new RefusedCompany();
    const lanes = Array.from({ length: this.#options.members }, (_, lane) => lane);
    this.#first = await this.#graphOf('training', lanes);
    return this.#first.lanes.map(({ parameters }) => parameters);
  }

  #passesOf(
    lane: number,
    { parameters, inputs }: { parameters: readonly ParameterSpec[]; inputs: TrainingInputs },
  ): Passes {
    const { dropout } = inputs.trainable;
    const { seed } = inputs.config;
    const open = (kind: Kind, memory: Omit<LaneMemory, 'dropout' | 'seed'>): PassRunner => {
      this.#memories[kind].set(lane, { ...memory, dropout: kind === 'training' ? dropout : 0, seed });
      return new LaneRunner(
        (micro, place) => this.#meeting.ask(lane, { kind, micro, place }),
        () => this.#close(kind, lane),
      );
    };
    return {
      parameters,
      openTraining: async ({ parameters: own, gradients }) => open('training', { parameters: own, gradients }),
      openEvaluation: async ({ parameters: own }: BoundParameters) => open('evaluation', { parameters: own }),
    };
  }

  #close(kind: Kind, lane: number): void {
    const memories = this.#memories[kind];
    memories.delete(lane);
    if (memories.size > 0) return;
    this.#sessions[kind]?.session.dispose();
    delete this.#sessions[kind];
  }

  /** Computes what is asked for in as few passes as are cheap. If a pass of several fails, each is tried alone. */
  async #hold(requests: ReadonlyMap<number, Request>): Promise<Map<number, PromiseSettledResult<LossResult>>> {
    const results = new Map<number, PromiseSettledResult<LossResult>>();
    const [kind = 'training'] = [...requests.values()].map((request) => request.kind);
    const session = await this.#sessionFor(kind);
    const run = async (lanes: readonly number[]): Promise<void> => {
      try {
        for (const [lane, value] of await session.run(only(requests, lanes))) {
          results.set(lane, { status: 'fulfilled', value });
        }
      } catch (reason) {
        const [lane = 0, ...others] = lanes;
        if (others.length === 0) results.set(lane, { status: 'rejected', reason });
        else for (const each of lanes) await run([each]);
      }
    };
    const batches = new Map([...requests].map(([lane, { micro }]) => [lane, micro]));
    for (const lanes of planMicroBatches(batches, this.#options)) await run(lanes);
    return results;
  }

  /** A session with every training that is present. */
  async #sessionFor(kind: Kind): Promise<LaneSession> {
    const lanes = [...this.#memories[kind].keys()].sort((a, b) => a - b);
    const open = this.#sessions[kind];
    if (
      open !== undefined &&
      lanes.every((lane) => open.lanes.includes(lane)) &&
      2 * lanes.length > open.lanes.length
    ) {
      return laneSession(open);
    }
    open?.session.dispose();
    delete this.#sessions[kind];
    const isFirst = kind === 'training' && lanes.length === this.#options.members;
    const graph = (isFirst ? this.#first : undefined) ?? (await this.#graphOf(kind, lanes));
    this.#first = undefined;
    const memories = lanes.flatMap((lane) => this.#memories[kind].get(lane) ?? []);
    const session = await JointSession.open(graph, memories, this.#options);
    return laneSession((this.#sessions[kind] = { session, lanes }));
  }

  async #graphOf(kind: Kind, lanes: readonly number[]): Promise<JointGraph> {
    const inputs = lanes.flatMap((lane) => this.#inputs.get(lane) ?? []);
    const [first] = inputs;
    if (first === undefined) throw new TypeError('a graph needs a training');
    const { config } = first;
    const objective = sharedObjective(inputs);
    const trainings = inputs.map(({ trainable, maxLength, config: { seed } }) => ({ trainable, maxLength, seed }));
    const gradients = kind === 'training';
    const { recompute, ...settings } = graphSettingsOf(config);
    const options = { ...settings, recompute: gradients && recompute, objective, gradients };
    return createJointGraph(first.base, trainings, options);
  }

  dispose(): void {
    for (const open of Object.values(this.#sessions)) open.session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface OpenSession {
  readonly session: JointSession;
  /** The trainings in it, in the order of its lanes. */
  readonly lanes: readonly number[];
}

/** A session whose lanes have the numbers of their trainings. */
interface LaneSession {
  run(passes: ReadonlyMap<number, LanePass>): Promise<Map<number, LossResult>>;
}

function laneSession({ session, lanes }: OpenSession): LaneSession {
  return {
    run: async (passes) => {
      const own = new Map([...passes].map(([lane, pass]) => [lanes.indexOf(lane), pass]));
      const results = await session.run(own);
      return new Map([...results].map(([lane, result]) => [lanes[lane] ?? lane, result]));
    },
  };
}

class LaneRunner implements PassRunner {
  readonly #run: (micro: MicroBatch, place: PassPlace) => Promise<LossResult>;
  readonly #close: () => void;
  #isOpen = true;

  constructor(run: (micro: MicroBatch, place: PassPlace) => Promise<LossResult>, close: () => void) {
    this.#run = run;
    this.#close = close;
  }

  run(micro: MicroBatch, place: PassPlace = { step: 0, microBatch: 0 }): Promise<LossResult> {
    return this.#run(micro, place);
  }

  dispose(): void {
    if (this.#isOpen) this.#close();
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** WHY first: the trainings stay in step, and the graph of an evaluation need not be loaded beside that of a training that waits. */
function evaluationsFirst(requests: ReadonlyMap<number, Request>): ReadonlyMap<number, Request> {
  const evaluations = new Map([...requests].filter(([, { kind }]) => kind === 'evaluation'));
  return evaluations.size > 0 ? evaluations : requests;
}

function only(requests: ReadonlyMap<number, Request>, lanes: readonly number[]): Map<number, LanePass> {
  return new Map([...requests].filter(([lane]) => lanes.includes(lane)));
}
