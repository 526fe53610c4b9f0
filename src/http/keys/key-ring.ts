import { createHash, createHmac, randomBytes } from 'node:crypto';
import { EspalierError } from '../../core/index.ts';
import type { RequestAccess } from '../door/access.ts';
import { anyone, type KeyHolder } from './key-holder.ts';
import { everyName } from './scope.ts';
import { sentKey, type KeyHeaders } from './sent-key.ts';

export interface ApiKeys {
  /** Key for every route that is not public. undefined: they need no key, unless there are named ones. */
  readonly apiKey?: string | undefined;
  /** Key for the routes of administration. It opens all other routes too. Without one, they are open on this machine only, with `apiKey`. */
  readonly adminKey?: string | undefined;
}

/** A key with a name, as a file of keys lists it. */
export interface NamedKey extends KeyHolder {
  readonly name: string;
  /** SHA-256 of the key, in hexadecimal. */
  readonly sha256: string;
}

/** All keys of a server. Those of its file can be replaced while it runs, all at once. */
export class KeyRing {
  readonly #own: KeyHolder | undefined;
  readonly #fixed: ReadonlyMap<string, KeyHolder>;
  readonly #secret = randomBytes(32);
  #named: ReadonlyMap<string, KeyHolder> = new Map();
  #hasAdmin: boolean;
  /** Whether there is a file of keys, even if it lists none. */
  #hasFile = false;

  constructor({ apiKey, adminKey }: ApiKeys) {
    const admin = adminKey === undefined ? undefined : { ...anyone, isAdmin: true };
    this.#own = apiKey === undefined ? undefined : { name: undefined, scope: everyName, isAdmin: false };
    const fixed = new Map<string, KeyHolder>();
    if (apiKey !== undefined && this.#own) fixed.set(this.#blinded(sha256(apiKey)), this.#own);
    if (adminKey !== undefined && admin) fixed.set(this.#blinded(sha256(adminKey)), admin);
    this.#fixed = fixed;
    this.#hasAdmin = admin !== undefined;
  }

  /** Puts these keys in the place of those that were replaced before. */
  replace(keys: readonly NamedKey[]): void {
    const fixed = [...this.#fixed.values()];
    this.#named = new Map(keys.map((key) => [this.#blinded(Buffer.from(key.sha256, 'hex')), key]));
    this.#hasAdmin = [...fixed, ...keys].some(({ isAdmin }) => isAdmin);
    this.#hasFile = true;
  }

  /**
   * @param headers  of the request. Where it has both, `authorization` counts.
   * @throws EspalierError API_KEY_INVALID if the route needs a key and the request has none or another
   */
  check(access: RequestAccess, headers: KeyHeaders): KeyHolder {
    if (!this.#needsKey(access)) return anyone;
    const key = keyIn(headers);
    const given = this.#blinded(sha256(key));
    const holder = this.#fixed.get(given) ?? this.#named.get(given);
    if (holder === undefined) throw new EspalierError('API_KEY_INVALID', { problem: 'wrong' });
    if (access === 'admin' && !holder.isAdmin && (this.#hasAdmin || holder !== this.#own)) {
      throw new EspalierError('API_KEY_INVALID', { problem: 'not that for administration' });
    }
    return holder;
  }

  #needsKey(access: RequestAccess): boolean {
    const hasInference = this.#own !== undefined || this.#hasFile;
    if (access === 'public') return false;
    return hasInference || (access !== 'inference' && this.#hasAdmin);
  }

  /**
   * What a key is found by. WHY not its hash: how long a search takes could tell how the hash of a key begins. What this secret makes of
   * it tells nothing, and a search among a thousand keys takes no longer than among two.
   */
  #blinded(digest: Buffer): string {
    return createHmac('sha256', this.#secret).update(digest).digest('base64');
  }
}

function keyIn(headers: KeyHeaders): string {
  const sent = sentKey(headers);
  if (sent.kind === 'key') return sent.key;
  const problem = sent.kind === 'missing' ? 'missing' : 'not sent as a bearer token';
  throw new EspalierError('API_KEY_INVALID', { problem });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
