import type { AdapterEvent, AdapterEventKind } from '../../core/index.ts';
import { errorType } from '../error-type.ts';
import type { PlannedSpan } from './planned-span.ts';

/** The words of those who follow devices that are plugged in and out. */
const lifecycles: Partial<Record<AdapterEventKind, string>> = {
  load: 'attached',
  replace: 'replaced',
  rollback: 'rolled_back',
  unload: 'detached',
};

const names: Partial<Record<AdapterEventKind, string>> = {
  load: 'device.attach',
  replace: 'device.attach',
  rollback: 'device.attach',
  unload: 'device.detach',
  rollout: 'rollout.step',
};

/** The span of what happened to an adapter: one for each event of the channel, so that their numbers agree. */
export function adapterSpan(event: AdapterEvent): PlannedSpan {
  const { event: kind, time, durationMs = 0, actor, result, name, version, previous, error, details = {} } = event;
  const lifecycle = lifecycles[kind];
  const own = Object.entries(details).map(([key, value]) => [`espalier.${kind}.${key}`, value] as const);
  return {
    name: spanNameOf(event),
    start: time - durationMs,
    end: time,
    attributes: {
      'espalier.adapter.event': kind,
      'espalier.adapter.result': result,
      // WHY its kind only: an actor may be the address of a caller, or the name of a key.
      'espalier.adapter.actor': actor.split(' ')[0] ?? '',
      ...(lifecycle !== undefined && { 'device.lifecycle': lifecycle, 'device.type': 'lora' }),
      ...(lifecycle !== undefined && name !== undefined && { 'device.id': name }),
      ...(name !== undefined && { 'espalier.adapter.name': name }),
      ...(version !== undefined && { 'espalier.adapter.version': version }),
      ...(previous !== undefined && { 'espalier.adapter.previous': previous }),
      ...Object.fromEntries(own),
    },
    errorType: error === undefined ? undefined : errorType(error),
  };
}

/** The name of an event's span, such as `device.attach`. */
export function spanNameOf({ event }: Pick<AdapterEvent, 'event'>): string {
  return names[event] ?? `adapter.${event}`;
}
