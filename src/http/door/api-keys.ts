import { createHash, timingSafeEqual } from 'node:crypto';
import { EspalierError } from '../../core/index.ts';
import type { RequestAccess } from './access.ts';

export interface ApiKeys {
  /** Key for every route that is not public. undefined: they need no key. */
  readonly apiKey?: string | undefined;
  /** Key for the routes of administration. It opens all other routes too. Without it, they are open on this machine only, with `apiKey`. */
  readonly adminKey?: string | undefined;
}

/** Checks the `Authorization` header of a request for the key that its route needs. */
export type KeyCheck = (access: RequestAccess, authorization: string | undefined) => void;

/** @returns a check that throws EspalierError API_KEY_INVALID if the route needs a key and the request has none or another */
export function createKeyCheck({ apiKey, adminKey }: ApiKeys): KeyCheck {
  const own = apiKey === undefined ? [] : [digest(apiKey)];
  const admin = adminKey === undefined ? [] : [digest(adminKey)];
  const accepted: Readonly<Record<RequestAccess, readonly Buffer[]>> = {
    public: [],
    inference: own.length === 0 ? [] : [...own, ...admin],
    admin: admin.length === 0 ? own : admin,
    unknown: [...own, ...admin],
  };
  return (access, authorization) => {
    const keys = accepted[access];
    if (keys.length === 0) return;
    if (authorization === undefined) throw new EspalierError('API_KEY_INVALID', { problem: 'missing' });
    const key = /^bearer +(.+)$/i.exec(authorization)?.[1];
    if (key === undefined) throw new EspalierError('API_KEY_INVALID', { problem: 'not sent as a bearer token' });
    const given = digest(key);
    if (keys.some((key) => timingSafeEqual(key, given))) return;
    const isOther = own.some((key) => timingSafeEqual(key, given));
    throw new EspalierError('API_KEY_INVALID', { problem: isOther ? 'not that for administration' : 'wrong' });
  };
}

/** WHY hashes: they have equal length, so the time of a comparison reveals nothing. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
