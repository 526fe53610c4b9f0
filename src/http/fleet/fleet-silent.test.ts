import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FleetSource, SourceState } from '../../fleet/source/fleet-source.ts';
import { manifestOf } from '../../fleet/testing/manifests.ts';
import { FleetHouse, type Process } from '../testing/fleet-house.ts';
import { fleetJson } from './fleet-json.ts';
import { fleetSample } from './fleet-sample.ts';
import { addFleet } from './routes.ts';

/** A source whose link is cut from its second look on: it says nothing until somebody ends it. */
class SilentSource implements FleetSource {
  readonly description = 'ssh://host/fleet.git';
  looks = 0;

  async look(signal: AbortSignal): Promise<SourceState> {
    if (this.looks++ === 0) return { commit: '1'.repeat(40) };
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }

  async read(): Promise<string> {
    return manifestOf({}, '  allowEmpty: true');
  }

  async open(): Promise<undefined> {
    return undefined;
  }
}

describe('a fleet whose source is silent', () => {
  let house: FleetHouse;
  let running: Process;
  beforeEach(async () => {
    house = new FleetHouse();
    running = await house.start(new SilentSource());
  });
  afterEach(() => running.end());

  it('says for how long it is looked at, and how old what it serves is', async () => {
    const { fleet } = running;
    const server = Fastify();
    addFleet(server, fleet);
    const ageIn = async (): Promise<unknown> =>
      (await server.inject({ method: 'GET', url: '/v1/fleet' })).headers['x-espalier-fleet-age'];
    house.now += 4000;
    expect(fleetJson(await fleet.status())).toMatchObject({ age_seconds: 4, looking_seconds: null });
    void fleet.look();
    await new Promise((resolve) => setImmediate(resolve));
    house.now += 4000;
    expect(await ageIn()).toBeUndefined();
    house.now += 8000;
    expect(fleetJson(await fleet.status())).toMatchObject({ age_seconds: 16, looking_seconds: 12 });
    expect(fleetSample(fleet)?.()).toMatchObject({ ageSeconds: 16, lookSeconds: 12 });
    expect(await ageIn()).toBe('16');
  });

  it('is paused at once, and does not wait for the look', async () => {
    const { fleet } = running;
    void fleet.look();
    await fleet.pause({ actor: 'key ada', reason: 'an incident' });
    expect((await fleet.status()).paused).toMatchObject({ by: 'key ada' });
  });
});
