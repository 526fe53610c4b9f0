import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAudit } from '../../dashboard/views/audit.js';

/** As much of an element as the view needs. */
class FakeElement {
  readonly children: (FakeElement | string)[] = [];
  readonly listeners = new Map<string, (event: object) => void>();
  hidden = false;
  value = '';

  append(...more: (FakeElement | string)[]): void {
    this.children.push(...more);
  }

  replaceChildren(): void {
    this.children.length = 0;
  }

  get childElementCount(): number {
    return this.children.filter((child) => child instanceof FakeElement).length;
  }

  setAttribute(): void {
    // Nothing looks at them.
  }

  addEventListener(name: string, listener: (event: object) => void): void {
    this.listeners.set(name, listener);
  }

  get text(): string {
    return this.children.map((child) => (typeof child === 'string' ? child : child.text)).join(' ');
  }
}

beforeEach(() => {
  vi.stubGlobal('Node', FakeElement);
  vi.stubGlobal('document', { createElement: () => new FakeElement() });
});
afterEach(() => vi.unstubAllGlobals());

type Page = Parameters<typeof createAudit>[0];

describe('the view of the audit record', () => {
  it('says why the server cannot be asked what it has', async () => {
    const has = (): Promise<boolean> => Promise.reject(new Error('The server does not answer.'));
    const { element } = createAudit({ has, api: {} } as unknown as Page);
    await vi.waitFor(() =>
      expect((element as unknown as FakeElement).text).toContain(
        'The record cannot be shown The server does not answer.',
      ),
    );
  });
});
