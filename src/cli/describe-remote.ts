import type { RemoteAdapter } from '../http/index.ts';
import { inColumns } from './in-columns.ts';

/** A table of names, one a line, in columns. */
export function describeRemotes(adapters: readonly RemoteAdapter[]): string {
  if (adapters.length === 0) return 'no adapters';
  const rows = adapters.map((adapter) => [
    adapter.name,
    adapter.version?.slice(0, 12) ?? '-',
    stateOf(adapter),
    adapter.rank === null ? '-' : String(adapter.rank),
    adapter.resident ? megabytes(adapter.bytes) : '-',
    String(adapter.requests),
    adapter.pinned === null ? '' : `pinned by ${adapter.pinned.by}`,
  ]);
  return inColumns([['NAME', 'VERSION', 'STATE', 'RANK', 'IN MEMORY', 'REQUESTS', ''], ...rows]);
}

/**
 * One name with its history.
 * @param options.shards  with a line for each array of its weights in the server's memory
 */
export function describeRemote(
  adapter: RemoteAdapter,
  { shards: hasShards = false }: { readonly shards?: boolean | undefined } = {},
): string {
  const { name, version, bytes, requests, pinned, fallback, problem, history = [] } = adapter;
  const size =
    bytes === null ? '' : `, ${megabytes(bytes)} of weights ${adapter.resident ? 'in memory' : 'not in memory'}`;
  const lines = [
    `${name}  ${stateOf(adapter)}${size}`,
    `  version   ${version ?? 'unknown'}`,
    `  requests  ${requests} under way`,
    ...(pinned === null
      ? []
      : [`  pinned    by ${pinned.by}${because(pinned.reason)}${pinned.weights ? ', with its weights' : ''}`]),
    ...(fallback === null
      ? []
      : [`  fallback  ${fallback.answers}${fallback.declared ? ', declared for this name' : ''}`]),
    ...(problem === undefined ? [] : [`  problem   ${problem}`]),
    ...history.map(({ version: moved, time, by, reason }, i) => {
      return `  ${i === 0 ? 'history ' : '        '}  ${time}  ${moved.slice(0, 12)}  by ${by}${because(reason)}`;
    }),
    ...(hasShards ? shardLines(adapter) : []),
  ];
  return lines.join('\n');
}

function shardLines({ shards }: RemoteAdapter): string[] {
  if (shards === undefined || shards === null) return ['  shards    none: its weights are not in memory'];
  const rows = shards.map(({ tensor, file_offset: offset, address, bytes, aligned_bytes: aligned }) => [
    tensor,
    offset === null ? '-' : String(offset),
    address ?? '-',
    String(bytes),
    String(aligned),
  ]);
  const table = inColumns([['TENSOR', 'FILE OFFSET', 'ADDRESS', 'BYTES', 'ALIGNED'], ...rows]);
  return ['', table];
}

function stateOf({ state, draining }: RemoteAdapter): string {
  return draining ? 'draining' : state;
}

function because(reason: string | null): string {
  return reason === null ? '' : ` (${reason})`;
}

/** Small adapters have a few kilobytes. */
function megabytes(bytes: number | null): string {
  const all = bytes ?? 0;
  return all < 2 ** 20 ? `${Math.ceil(all / 1024)} kB` : `${(all / 2 ** 20).toFixed(1)} MB`;
}
