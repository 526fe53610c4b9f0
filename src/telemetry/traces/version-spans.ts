import type { AdapterEvent } from '../../core/index.ts';
import { spanNameOf } from './adapter-span.ts';

/** A span to which another is linked, and what it is. */
export interface LinkedSpan<Context> {
  readonly name: string;
  readonly context: Context;
}

interface Told<Context> extends LinkedSpan<Context> {
  /** When it ended, as Unix time in milliseconds. */
  readonly ended: number;
}

/** A version that a request used. `name` is the one under which it was asked. */
export interface UsedVersion {
  readonly name: string;
  readonly version: string;
}

/** Spans that are remembered. */
const remembered = 16_384;

/** How a version came to answer: its check, its publication, its attachment. */
const steps = ['adapter.verify', 'adapter.publish', 'device.attach'] as const;
const reading = 'adapter.resident';

/**
 * The last span of each step by which a version came to answer under a name, so that what follows can be linked to it. A check and a
 * reading are of the version, whatever its names; a publication and an attachment are of one name.
 */
export class VersionSpans<Context> {
  /** The longest untold first. */
  readonly #told = new Map<string, Told<Context>>();

  /** Remembers the span of an event that is such a step. */
  heard(event: AdapterEvent, context: Context): void {
    const { version, result, time } = event;
    const name = spanNameOf(event);
    if (version === undefined || result !== 'done' || !isStep(name)) return;
    const key = keyOf(name, { name: event.name ?? '', version });
    this.#told.delete(key);
    this.#told.set(key, { name, context, ended: time });
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= remembered) return;
      this.#told.delete(oldest);
    }
  }

  /** The check of the version that an event publishes or attaches. */
  check(event: AdapterEvent): readonly LinkedSpan<Context>[] {
    const { version, name = '' } = event;
    const follows = steps.slice(1).some((step) => step === spanNameOf(event));
    return version === undefined || !follows ? [] : this.#find(['adapter.verify'], { name, version });
  }

  /**
   * What a request is linked to: how the version came to answer, and the reading of its weights if the request has waited for it.
   * @param began  of the request, as Unix time in milliseconds
   */
  behind(used: UsedVersion, began: number): readonly LinkedSpan<Context>[] {
    const read = this.#told.get(keyOf(reading, used));
    const waited = read !== undefined && read.ended >= began;
    return [...this.#find(steps, used), ...(waited ? [read] : [])];
  }

  #find(names: readonly string[], used: UsedVersion): readonly LinkedSpan<Context>[] {
    return names.flatMap((name) => this.#told.get(keyOf(name, used)) ?? []);
  }
}

function isStep(name: string): boolean {
  return name === reading || steps.some((step) => step === name);
}

function keyOf(span: string, { name, version }: UsedVersion): string {
  const isOfName = span === 'adapter.publish' || span === 'device.attach';
  return isOfName ? `${span} ${version} ${name}` : `${span} ${version}`;
}
