import { Turns } from '../../core/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { graphSettingsOf } from '../graph/loss-graph.ts';
import type { BoundParameters, LossResult, PassPlace, PassRunner, Passes } from '../graph/passes.ts';
import type { ParameterArena, ParameterSpec } from '../graph/parameter-arena.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import { sharedObjective } from './assert-together.ts';
import { RefusedCompany, type Companion } from './companion.ts';
import { createJointGraph, type JointGraph, type LaneInputs } from './joint-graph.ts';
import { JointSession, type LaneMemory, type LanePass } from './joint-session.ts';
import { LentGradients, lentMemories } from './lent-gradients.ts';
import { Meeting, type Give } from './meeting.ts';
import { planMicroBatches } from './plan-passes.ts';
import { haveOneForm, laneInputsOf, placesOf, widestOf } from './slots.ts';

export interface CompanyOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  readonly members: number;
  /** Tokens of a pass of several trainings at most. */
  readonly maxTokens: number;
}

type Kind = 'evaluation' | 'training';

interface Request extends Omit<LanePass, 'memory' | 'gradients'> {
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
  /** Whether all have adapters of one form. */
  #isUniform = false;
  /** Where the passes of trainings of one form write. */
  #lent: LentGradients | undefined;
  /** Where each of the others lets its passes write. */
  readonly #gradients = new Map<number, ParameterArena>();
  /** The first training graph, until it is loaded. */
  #first: JointGraph | undefined;

  constructor(options: CompanyOptions) {
    this.#options = options;
    this.#undecided = new Set(Array.from({ length: options.members }, (_, lane) => lane));
    this.#meeting = new Meeting({
      members: options.members,
      hold: (requests, give) => this.#hold(requests, give),
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
      leave: () => {
        this.#lent?.giveBack(lane);
        this.#meeting.leave(lane);
      },
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
    this.#isUniform = haveOneForm(this.#lanesOf(lanes));
    this.#first = await this.#graphOf('training', this.#isUniform ? lanes.slice(0, 1) : lanes);
    const own = this.#first.lanes.map(({ parameters }) => parameters);
    if (this.#isUniform) this.#lent = new LentGradients(own[0] ?? []);
    return lanes.map((lane) => own[this.#isUniform ? 0 : lane] ?? []);
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
        (micro, place) => {
          this.#lent?.giveBack(lane);
          return this.#meeting.ask(lane, { kind, micro, place });
        },
        () => this.#close(kind, lane),
      );
    };
    return {
      parameters,
      openTraining: async ({ parameters: own, gradients }) => {
        this.#gradients.set(lane, gradients);
        return open('training', { parameters: own });
      },
      openEvaluation: async ({ parameters: own }: BoundParameters) => open('evaluation', { parameters: own }),
    };
  }

  #close(kind: Kind, lane: number): void {
    const memories = this.#memories[kind];
    memories.delete(lane);
    if (kind === 'training') this.#gradients.delete(lane);
    if (memories.size > 0) return;
    this.#sessions[kind]?.session.dispose();
    delete this.#sessions[kind];
  }

  /**
   * Computes what is asked for in as few passes as are cheap. If a pass of several fails, each is tried alone. Trainings whose pass is
   * done go on with it beside the passes of others.
   */
  async #hold(requests: ReadonlyMap<number, Request>, give: Give<LossResult>): Promise<void> {
    const [kind = 'training'] = [...requests.values()].map((request) => request.kind);
    const batches = new Map([...requests].map(([lane, { micro }]) => [lane, micro]));
    const plan = planMicroBatches(batches, { ...this.#options, equalTokens: this.#isUniform });
    const widest = widestOf(plan);
    const session = await this.#sessionFor(kind, widest);
    const run = async (lanes: readonly number[]): Promise<void> => {
      try {
        if (kind === 'training') await this.#lent?.lend(lanes, lentMemories(widest));
        const results = await this.#run(session, only(requests, lanes));
        for (const [lane, value] of results) give(lane, { status: 'fulfilled', value });
      } catch (reason) {
        const [lane = 0, ...others] = lanes;
        if (others.length === 0) give(lane, { status: 'rejected', reason });
        else for (const each of lanes) await run([each]);
      }
    };
    for (const lanes of plan) await run(lanes);
  }

  async #run(
    { session, own, places: count }: OpenSession,
    requests: ReadonlyMap<number, Request>,
  ): Promise<(readonly [number, LossResult])[]> {
    const [{ kind } = { kind: 'training' as const }] = requests.values();
    const memories = this.#memories[kind];
    const places = placesOf([...requests.keys()], own);
    const passes = new Map<number, LanePass>();
    for (const [lane, { micro, place }] of requests) {
      const [seat, memory] = [places.get(lane), memories.get(lane)];
      if (seat === undefined || memory === undefined) throw new TypeError(`training ${lane} has no place`);
      const gradients = kind === 'training' ? (this.#lent?.of(lane) ?? this.#gradients.get(lane)) : undefined;
      passes.set(seat, { micro, place, memory, gradients });
    }
    const [anyone] = passes.values();
    const resting = new Map<number, LaneMemory>();
    for (let seat = 0; seat < count; seat++) {
      // WHY those who are here: whose parameters an open place had may have ended and be gone.
      const memory = own === undefined ? anyone?.memory : memories.get(own[seat] ?? -1);
      if (memory !== undefined) resting.set(seat, memory);
    }
    const results = await session.run(passes, resting);
    return [...places].flatMap(([lane, seat]) => {
      const result = results.get(seat);
      return result === undefined ? [] : [[lane, result] as const];
    });
  }

  /** A session with a place for every training that is present, or with so many places as a pass needs where any can take any. */
  async #sessionFor(kind: Kind, widest: number): Promise<OpenSession> {
    const present = [...this.#memories[kind].keys()].sort((a, b) => a - b);
    const open = this.#sessions[kind];
    const isWide = open !== undefined && widest <= open.places;
    if (isWide && (open.own === undefined || present.every((lane) => open.own?.includes(lane)))) {
      const needed = open.own === undefined ? Math.min(present.length, open.places) : present.length;
      if (2 * needed > open.places) return open;
    }
    open?.session.dispose();
    delete this.#sessions[kind];
    const lanes = this.#isUniform ? present.slice(0, widest) : present;
    const first = kind === 'training' && lanes.length === this.#first?.lanes.length ? this.#first : undefined;
    const graph = first ?? (await this.#graphOf(kind, lanes));
    this.#first = undefined;
    const session = await JointSession.open(graph, this.#options);
    const own = this.#isUniform ? undefined : lanes;
    return (this.#sessions[kind] = { session, own, places: lanes.length });
  }

  #inputsOf(lanes: readonly number[]): TrainingInputs[] {
    return lanes.flatMap((lane) => this.#inputs.get(lane) ?? []);
  }

  #lanesOf(lanes: readonly number[]): LaneInputs[] {
    return laneInputsOf(this.#inputsOf(lanes), [...this.#inputs.values()]);
  }

  async #graphOf(kind: Kind, lanes: readonly number[]): Promise<JointGraph> {
    const inputs = this.#inputsOf(lanes);
    const [first] = inputs;
    if (first === undefined) throw new TypeError('a graph needs a training');
    const { config } = first;
    const objective = sharedObjective(inputs);
    const gradients = kind === 'training';
    const { recompute, ...settings } = graphSettingsOf(config);
    const options = { ...settings, recompute: gradients && recompute, objective, gradients };
    return createJointGraph(first.base, this.#lanesOf(lanes), options);
  }

  dispose(): void {
    for (const open of Object.values(this.#sessions)) open.session.dispose();
    this.#lent?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface OpenSession {
  readonly session: JointSession;
  /** The trainings whose own places they are, in their order. undefined: any can take any. */
  readonly own: readonly number[] | undefined;
  readonly places: number;
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

function only(requests: ReadonlyMap<number, Request>, lanes: readonly number[]): Map<number, Request> {
  return new Map([...requests].filter(([lane]) => lanes.includes(lane)));
}
