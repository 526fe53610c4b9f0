/* oxlint-disable vitest/no-standalone-expect -- a model that a property test drives */
import { expect } from 'vitest';
import {
  admit,
  beginMove,
  createArenaState,
  endMove,
  leave,
  planMove,
  type Move,
  type Tenant,
} from '../adapters/arena-plan.ts';
import type { RankRows } from '../adapters/rank-rows.ts';

/** By adapter. */
const ranks = [1, 1, 2, 2, 3, 4, 4, 5, 8, 8, 8, 13, 16, 16, 16];

interface Sequence {
  readonly tenants: readonly Tenant[];
}

/** The arena as its shell drives it, with what each row holds: a tenant's rows hold its digest once they are filled. */
export class ArenaModel {
  readonly state = createArenaState(65);
  readonly rows: string[] = Array.from({ length: 65 }, () => 'zero');
  readonly sequences: Sequence[] = [];
  move: Move | undefined;

  enter(wanted: readonly number[]): void {
    const versions = wanted.map((place) => ({ digest: `${place}`, rank: ranks[place] ?? 1 }));
    const running = this.#running();
    const begun = admit(this.state, versions);
    expect(this.#running()).toMatchObject(running);
    if (begun === undefined) return;
    for (const { rows } of begun) this.rows.fill('half', rows.start, rows.end);
    this.sequences.push({ tenants: versions.flatMap(({ digest }) => this.state.tenants.get(digest) ?? []) });
  }

  fill(pick: number): void {
    const filling = [...this.state.tenants.values()].filter(({ isFilled }) => !isFilled);
    const tenant = filling[pick % Math.max(1, filling.length)];
    if (tenant === undefined) return;
    this.rows.fill(tenant.digest, tenant.rows.start, tenant.rows.end);
    tenant.isFilled = true;
  }

  leave(pick: number): void {
    const [sequence] = this.sequences.splice(pick % Math.max(1, this.sequences.length), 1);
    for (const tenant of sequence?.tenants ?? []) leave(this.state, tenant);
  }

  begin(): void {
    this.move = this.move ?? planMove(this.state);
    if (this.move === undefined || this.state.reserved !== undefined) return;
    beginMove(this.state, this.move);
    this.rows.fill('half', this.move.to.start, this.move.to.end);
  }

  end(): void {
    const { move } = this;
    if (move === undefined) return;
    this.rows.fill(move.tenant.digest, move.to.start, move.to.end);
    endMove(this.state, move);
    this.move = undefined;
  }

  #running(): Readonly<Record<string, RankRows>> {
    const running = [...this.state.tenants.values()].filter(({ users }) => users > 0);
    return Object.fromEntries(running.map(({ digest, rows }) => [digest, rows]));
  }

  /** Checks that no two adapters overlap, none has the zero row, and filled rows contain the weights of their adapter. */
  check(): void {
    const owners = this.rows.map(() => 0);
    for (const { rows, rank, digest, isFilled, users } of this.state.tenants.values()) {
      expect([rows.end - rows.start, users >= 0]).toEqual([rank, true]);
      for (let row = rows.start; row < rows.end; row++) {
        owners[row] = (owners[row] ?? 0) + 1;
        if (isFilled) expect(this.rows[row]).toBe(digest);
      }
    }
    expect(Math.max(...owners)).toBeLessThanOrEqual(1);
    expect([owners[0], this.rows[0]]).toEqual([0, 'zero']);
    for (const { tenants } of this.sequences) {
      for (const tenant of tenants) expect(this.state.tenants.get(tenant.digest)).toBe(tenant);
    }
  }

  /** Lets everything that is under way end, and moves until nothing is left to move. */
  settle(): void {
    while ([...this.state.tenants.values()].some(({ isFilled }) => !isFilled)) this.fill(0);
    this.end();
    for (let moves = 0; planMove(this.state) !== undefined; moves++) {
      expect(moves).toBeLessThan(200);
      this.begin();
      this.end();
      this.check();
    }
  }
}
