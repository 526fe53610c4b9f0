import { createHash, createHmac, randomBytes } from 'node:crypto';
import { type Clock, EspalierError, systemClock } from '../../core/index.ts';
import type { Access, RequestAccess } from '../door/access.ts';
import { anyone, type KeyHolder } from './key-holder.ts';
import { Quota, type QuotaLimits, sameLimits } from './quota.ts';
import { opens, type Role } from './role.ts';
import { everyName } from './scope.ts';
import { sentKey, type KeyHeaders } from './sent-key.ts';

export interface ApiKeys {
  /** Key for every route that is not public. undefined: they need no key, unless there are named ones. */
  readonly apiKey?: string | undefined;
  /** Key for the routes of administration. It opens all other routes too. Without one, they are open on this machine only, with `apiKey`. */
  readonly adminKey?: string | undefined;
  /** Key for looking: it computes and changes nothing. Without one, a key for administration is needed where there is one. */
  readonly readKey?: string | undefined;
}

/** A key with a name, as a file of keys lists it. */
export interface NamedKey extends Omit<KeyHolder, 'quota'> {
  readonly name: string;
  readonly limits?: QuotaLimits | undefined;
  /** SHA-256 of the key, in hexadecimal. */
  readonly sha256: string;
}

/** What a request asks for, and with which headers. */
export interface AskedRoute {
  readonly access: RequestAccess;
  readonly method: string;
  readonly headers: KeyHeaders;
}

/** All keys of a server. Those of its file can be replaced while it runs, all at once. */
export class KeyRing {
  readonly #own: KeyHolder | undefined;
  readonly #fixed: ReadonlyMap<string, KeyHolder>;
  readonly #secret = randomBytes(32);
  readonly #clock: Clock;
  #named: ReadonlyMap<string, KeyHolder> = new Map();
  /** The roles that some key has. */
  #held: ReadonlySet<Role>;
  /** Whether there is a file of keys, even if it lists none. */
  #hasFile = false;

  constructor({ apiKey, adminKey, readKey }: ApiKeys, clock: Clock = systemClock) {
    this.#clock = clock;
    const holder = (role: Role): KeyHolder => ({ name: undefined, scope: everyName, roles: new Set([role]) });
    this.#own = apiKey === undefined ? undefined : holder('infer');
    const fixed = new Map<string, KeyHolder>();
    // WHY in this order: where one key is given twice, it opens what the higher role does.
    if (readKey !== undefined) fixed.set(this.#blinded(sha256(readKey)), holder('read'));
    if (apiKey !== undefined && this.#own) fixed.set(this.#blinded(sha256(apiKey)), this.#own);
    if (adminKey !== undefined) fixed.set(this.#blinded(sha256(adminKey)), holder('admin'));
    this.#fixed = fixed;
    this.#held = rolesOf(fixed.values());
  }

  /**
   * Puts these keys in the place of those that were replaced before. A key of the same name and limits has what was left of these, so
   * that a new reading gives nobody anything.
   */
  replace(keys: readonly NamedKey[]): void {
    const before = new Map(Array.from(this.#named.values(), ({ name, quota }) => [name, quota]));
    const holderOf = ({ name, scope, roles, limits = {} }: NamedKey): KeyHolder => {
      const kept = before.get(name);
      if (limits.requestsPerMinute === undefined && limits.tokensPerMinute === undefined) return { name, scope, roles };
      const quota = kept && sameLimits(kept.limits, limits) ? kept : new Quota(name, limits, this.#clock);
      return { name, scope, roles, quota };
    };
    this.#named = new Map(keys.map((key) => [this.#blinded(Buffer.from(key.sha256, 'hex')), holderOf(key)]));
    this.#held = rolesOf([...this.#fixed.values(), ...keys]);
    this.#hasFile = true;
  }

  /** The names of the keys of the file; undefined: there is no file. */
  names(): ReadonlySet<string> | undefined {
    if (!this.#hasFile) return undefined;
    return new Set(Array.from(this.#named.values(), ({ name }) => name).filter((name) => name !== undefined));
  }

  /**
   * The holder of a request's key. Where nobody has a key for administration, that of all opens its routes too; the guard then takes
   * requests of this machine only.
   *
   * @param asked.headers  where they have both, `authorization` counts
   * @throws EspalierError API_KEY_INVALID if the route needs a key and the request has none, or one that does not open it
   */
  check({ access, method, headers }: AskedRoute): KeyHolder {
    if (!this.#needsKey(access)) return anyone;
    const key = keyIn(headers);
    const given = this.#blinded(sha256(key));
    const holder = this.#fixed.get(given) ?? this.#named.get(given);
    if (holder === undefined) throw new EspalierError('API_KEY_INVALID', { problem: 'wrong' });
    if (access === 'unknown' || opens(holder.roles, { access, method })) return holder;
    if (holder === this.#own && !this.#isGuarded(access)) return holder;
    throw new EspalierError('API_KEY_INVALID', { problem: purposes[access] });
  }

  #needsKey(access: RequestAccess): boolean {
    if (access === 'public') return false;
    if (this.#own !== undefined || this.#hasFile) return true;
    return access === 'unknown' ? this.#held.size > 0 : this.#isGuarded(access);
  }

  /** Whether some key was made for the routes of a level. */
  #isGuarded(access: Access): boolean {
    if (access === 'inference') return this.#held.has('infer');
    return this.#held.has('admin') || (access === 'read' && this.#held.has('read'));
  }

  /**
   * What a key is found by. WHY not its hash: how long a search takes could tell how the hash of a key begins. What this secret makes of
   * it tells nothing, and a search among a thousand keys takes no longer than among two.
   */
  #blinded(digest: Buffer): string {
    return createHmac('sha256', this.#secret).update(digest).digest('base64');
  }
}

/** What is wrong with a key that does not open a level. */
const purposes: Readonly<Record<Access, string>> = {
  public: 'wrong',
  inference: 'not one for asking models',
  read: 'not one for looking at the server',
  admin: 'not that for administration',
};

function rolesOf(holders: Iterable<KeyHolder>): ReadonlySet<Role> {
  return new Set(Array.from(holders, ({ roles }) => [...roles]).flat());
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
