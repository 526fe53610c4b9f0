import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { EspalierError, messageOf } from '../core/index.ts';
import { groupPlaceOf, type GroupEnvironment, type TcpPlace } from './group-settings.ts';
import { ProcessGroup } from './process-group.ts';
import { aloneTransport } from './transport/alone.ts';
import { openMpi } from './transport/mpi/open-mpi.ts';
import type { GroupTls } from './transport/tcp/link.ts';
import { openTcp } from './transport/tcp/open-tcp.ts';
import { limitsFor, watchLimits } from './transport/members/watch.ts';

export interface OpenGroupOptions {
  readonly environment: GroupEnvironment;
  /** Hears of connections that were refused, and of ranks that keep the others waiting. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** WHY so long: on a cluster the processes of a group start minutes apart. */
const defaultJoinSeconds = 300;
/** WHY so long: a rank may read much before its first step, or write a large result. */
const defaultTimeoutSeconds = 1800;

/**
 * Joins the group that the environment names (docs/distributed.md), and waits until it is whole. A process without one is a group of one.
 *
 * @throws EspalierError GROUP_SETTINGS_INVALID, GROUP_UNREACHABLE, GROUP_REFUSED, GROUP_RANK_LOST, GROUP_ABORTED, GROUP_MPI_UNUSABLE;
 *   the signal's reason
 */
export async function openGroup({ environment, onWarning, signal }: OpenGroupOptions): Promise<ProcessGroup> {
  const place = groupPlaceOf(environment);
  if (place === undefined || place.worldSize === 1) return new ProcessGroup(aloneTransport());
  const times = {
    joinTimeoutMs: 1000 * secondsOf(environment, 'ESPALIER_GROUP_JOIN_TIMEOUT', defaultJoinSeconds),
    timeoutMs: 1000 * secondsOf(environment, 'ESPALIER_GROUP_TIMEOUT', defaultTimeoutSeconds),
  };
  const silenceMs = 1000 * secondsOf(environment, 'ESPALIER_GROUP_SILENCE', watchLimits.silenceMs / 1000);
  if (place.transport === 'mpi') {
    const library = environment['ESPALIER_MPI_LIBRARY'];
    return new ProcessGroup(await openMpi({ place, library, ...times, silenceMs, onWarning, signal }));
  }
  const key = await keyOf(environment);
  const bind = environment['ESPALIER_GROUP_BIND'];
  await assertGuarded(place, { bind, key });
  const transport = await openTcp({
    rank: place.rank,
    worldSize: place.worldSize,
    master: place.master,
    bind,
    key: key ?? '',
    tls: await tlsOf(environment),
    ...times,
    limits: limitsFor(silenceMs),
    plane: planeOf(environment, place.rank),
    ...(onWarning && { onWarning }),
    signal,
  });
  return new ProcessGroup(transport);
}

async function keyOf(environment: GroupEnvironment): Promise<string | undefined> {
  const [key, file] = [environment['ESPALIER_GROUP_KEY'], environment['ESPALIER_GROUP_KEY_FILE']];
  if (key !== undefined && file !== undefined) {
    throw invalid('ESPALIER_GROUP_KEY', 'to be set without ESPALIER_GROUP_KEY_FILE', 'both');
  }
  const text = file === undefined ? key : (await textOf('ESPALIER_GROUP_KEY_FILE', file)).trim();
  if (text === undefined) return undefined;
  // WHY: of fewer characters a stranger could try all against one handshake that it has seen.
  if (text.length < 16) throw invalid('ESPALIER_GROUP_KEY', 'at least 16 characters', `${text.length}`);
  return text;
}

/** Beyond this machine, whoever can send packets could join. */
async function assertGuarded(
  { master }: TcpPlace,
  { bind, key }: { readonly bind: string | undefined; readonly key: string | undefined },
): Promise<void> {
  if (key !== undefined) return;
  const host = bind ?? master.host;
  if (await isLoopback(host)) return;
  const expected = `to be set (or ESPALIER_GROUP_KEY_FILE) where ranks meet at ${host}, which is not this machine alone`;
  throw invalid('ESPALIER_GROUP_KEY', expected, 'nothing');
}

async function isLoopback(host: string): Promise<boolean> {
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.length > 0 && addresses.every(({ address }) => address === '::1' || address.startsWith('127.'));
}

const tlsNames = ['ESPALIER_GROUP_TLS_CERT', 'ESPALIER_GROUP_TLS_KEY', 'ESPALIER_GROUP_TLS_CA'] as const;

async function tlsOf(environment: GroupEnvironment): Promise<GroupTls | undefined> {
  const given = tlsNames.filter((name) => environment[name] !== undefined);
  if (given.length === 0) return undefined;
  const missing = tlsNames.filter((name) => environment[name] === undefined);
  if (missing.length > 0) throw invalid(missing.join(', '), `a file, since ${given.join(', ')} is set`, 'nothing');
  const [cert = '', key = '', ca = ''] = await Promise.all(
    tlsNames.map((name) => textOf(name, environment[name] ?? '')),
  );
  return { cert, key, ca };
}

async function textOf(name: string, path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw invalid(name, 'a file that can be read', `${path} (${messageOf(error)})`);
  });
}

function planeOf(environment: GroupEnvironment, rank: number): 'node' | 'system' | undefined {
  const plane = environment['ESPALIER_GROUP_SOCKETS'];
  if (plane === undefined || plane === 'node' || plane === 'system') return plane;
  throw invalid(`ESPALIER_GROUP_SOCKETS of rank ${rank}`, 'node, system, or not to be set', JSON.stringify(plane));
}

function secondsOf(environment: GroupEnvironment, name: string, fallback: number): number {
  const text = environment[name];
  if (text === undefined) return fallback;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw invalid(name, 'seconds, up to 86400', JSON.stringify(text));
}

function invalid(name: string, expected: string, actual: string): EspalierError {
  return new EspalierError('GROUP_SETTINGS_INVALID', { name, expected, actual });
}
