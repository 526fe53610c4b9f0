import type { Access } from '../door/access.ts';

/**
 * What a key is for. `infer`: to ask models. `read`: to look at what is served and how it fares, and to change and compute nothing.
 * `admin`: everything, changes of what is served included.
 */
export const roles = ['infer', 'read', 'admin'] as const;

export type Role = (typeof roles)[number];

/** The roles of a key that says none. */
export const defaultRoles: ReadonlySet<Role> = new Set<Role>(['infer']);

/** What is asked of a key: the level of a route, and the method of the request. */
export interface Asked {
  readonly access: Access;
  readonly method: string;
}

const looks: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Whether a request with this method only looks. */
export function isLook(method: string): boolean {
  return looks.has(method);
}

/** Whether one of these roles opens a route. */
export function opens(held: ReadonlySet<Role>, { access, method }: Asked): boolean {
  if (access === 'public' || held.has('admin')) return true;
  if (access === 'inference') return held.has('infer') || (held.has('read') && isLook(method));
  return access === 'read' && held.has('read');
}
