import koffi from 'koffi';
import { EspalierError } from '../../core/index.ts';
import { apiSlots } from './api-slots.ts';
import type { LoadedLibrary } from './library.ts';
import type { Pointer } from '../../native/index.ts';
import { type ArgumentKind, type Signature, type Signatures, signatures, type UsedName } from './signatures.ts';
import { createStatusCheck, type StatusCheck } from './status.ts';

interface ArgumentTypes {
  pointer: Pointer;
  buffer: BigUint64Array | BigInt64Array | Int32Array;
  text: string;
  path: string;
  size: number;
  int: number;
}
interface ResultTypes {
  status: void;
  void: void;
  int: number;
  text: string;
  pointer: Pointer;
}
type Arguments<Kinds extends readonly ArgumentKind[]> = { -readonly [I in keyof Kinds]: ArgumentTypes[Kinds[I]] };
type ArgumentsOf<Name extends UsedName> = Arguments<Signatures[Name]['arguments']>;

/** The functions of OrtApi with TypeScript signatures. A function that returns a status throws ORT_FAILED instead. */
export type OrtFunctions = {
  readonly [Name in UsedName]: (...values: ArgumentsOf<Name>) => ResultTypes[Signatures[Name]['result']];
};

/** The same functions, called on a thread of libuv's pool. All arguments must stay valid until the promise settles. */
export type OrtAsyncFunctions = {
  readonly [Name in AsyncName]: (...values: ArgumentsOf<Name>) => Promise<void>;
};

const asyncNames = ['CreateSessionFromArray', 'RunWithBinding', 'Run', 'CopyTensors'] as const;
type AsyncName = (typeof asyncNames)[number];

export interface OrtApi extends OrtFunctions {
  readonly async: OrtAsyncFunctions;
}

type Raw = ReturnType<typeof bindSlot>;

const cTypes: Readonly<Record<ArgumentKind, string>> = {
  pointer: 'void *',
  buffer: 'void *',
  text: 'str',
  path: process.platform === 'win32' ? 'str16' : 'str',
  size: 'size_t',
  int: 'int',
};

/** Binds every function of `signatures` to its slot in the library's table. */
export function bindOrtApi(library: LoadedLibrary): OrtApi {
  const slots = new Map<string, number>(apiSlots.map((name, slot) => [name, slot]));
  const names = Object.keys(signatures) as UsedName[];
  const known = names.filter((name) => sinceOf(name) <= library.apiVersion);
  const raw = new Map(known.map((name) => [name, bindSlot(library.table, slots.get(name), name)]));
  const check = createStatusCheck((name) => raw.get(name));
  const api: Record<string, unknown> = {};
  for (const name of names)
    if (!raw.has(name))
      api[name] = () => {
        throw lacking(library, name);
      };
  for (const [name, call] of raw) {
    api[name] = signatures[name].result === 'status' ? (...values: unknown[]) => check(name, call(...values)) : call;
  }
  api['async'] = Object.fromEntries(
    asyncNames.map((name) => {
      const call = raw.get(name);
      return [name, call === undefined ? () => Promise.reject(lacking(library, name)) : promised(name, call, check)];
    }),
  );
  return api as unknown as OrtApi;
}

function sinceOf(name: UsedName): number {
  const signature: Signature = signatures[name];
  return signature.since ?? 0;
}

/** WHY not bound: the table of an older library ends before the slot. */
function lacking({ version, path }: LoadedLibrary, name: UsedName): EspalierError<'ORT_VERSION_TOO_OLD'> {
  return new EspalierError('ORT_VERSION_TOO_OLD', { version, path, needed: `1.${sinceOf(name)}.0` });
}

function bindSlot(table: Pointer, slot: number | undefined, name: UsedName) {
  if (slot === undefined) throw new Error(`${name} is not in the list of slots`);
  const { result, arguments: kinds } = signatures[name];
  const resultType = { status: 'void *', void: 'void', int: 'int', text: 'str', pointer: 'void *' }[result];
  const prototype = koffi.proto(
    resultType,
    kinds.map((kind) => cTypes[kind]),
  );
  return koffi.decode(koffi.decode(table, slot * koffi.sizeof('void *'), 'void *'), prototype);
}

function promised(name: UsedName, call: Raw, check: StatusCheck) {
  return (...values: unknown[]) =>
    new Promise<void>((resolve, reject) => {
      const settle = (error: unknown, status: unknown) => {
        try {
          if (error) throw error;
          check(name, status);
          resolve();
        } catch (failure) {
          reject(failure);
        }
      };
      try {
        call.async(...values, settle);
      } catch (cause) {
        throw new EspalierError('RUNS_EXHAUSTED', { limit: koffi.config().max_async_calls ?? 0 }, { cause });
      }
    });
}
