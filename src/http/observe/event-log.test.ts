import { afterEach, describe, expect, it } from 'vitest';
import { publishAdapterEvent } from '../../core/index.ts';
import { EventLog } from './event-log.ts';

let log: EventLog;
afterEach(() => log[Symbol.dispose]());

const happen = (...names: readonly string[]): void => {
  for (const name of names) publishAdapterEvent({ event: 'load', name });
};
const namesOf = ({ events }: ReturnType<EventLog['since']>): unknown[] => events.map(({ event }) => event.name);

describe('EventLog', () => {
  it('tells what came after a place, each event once', () => {
    log = new EventLog();
    happen('a', 'b');
    const place = log.lastId;
    happen('c', 'd');
    expect(namesOf(log.since(undefined))).toEqual(['a', 'b', 'c', 'd']);
    expect(log.since(place)).toMatchObject({ isGap: false });
    expect(namesOf(log.since(place))).toEqual(['c', 'd']);
    expect(log.since(log.lastId)).toEqual({ events: [], isGap: false });
  });

  it('keeps the newest, and says where some are missing', () => {
    log = new EventLog(3);
    const [first] = [log.lastId];
    happen('a', 'b', 'c', 'd');
    expect(log.since(first)).toMatchObject({ isGap: true });
    expect(namesOf(log.since(first))).toEqual(['b', 'c', 'd']);
  });

  it.each(['x', '00000000-1', '', '-', '99999999999999999999'])('takes "%s" for a place of another process', (id) => {
    log = new EventLog();
    happen('a');
    expect(log.since(id)).toMatchObject({ isGap: true, events: [{ event: { name: 'a' } }] });
  });

  it('takes a place that is still to come for one of another process', () => {
    log = new EventLog();
    happen('a');
    expect(log.since(log.lastId.replace(/1$/, '2')).isGap).toBe(true);
  });

  it('hears nothing after its end', () => {
    log = new EventLog();
    const heard: unknown[] = [];
    log.listen(({ event }) => heard.push(event.name));
    happen('a');
    log[Symbol.dispose]();
    happen('b');
    expect(heard).toEqual(['a']);
  });
});
