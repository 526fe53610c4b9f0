/** Speaks with the server. The key is kept for this tab, and sent with requests to this server only. */
import { EventLines } from './decide/event-lines.js';
import { problemOf } from './decide/problem.js';

/**
 * @typedef {object} Adapter
 * @property {string} name
 * @property {string} state
 * @property {string | null} version
 * @property {string | null} base
 * @property {number | null} rank
 * @property {number | null} bytes
 * @property {boolean} resident
 * @property {number} leases
 * @property {number} requests
 * @property {boolean} draining
 * @property {{ by: string, reason: string | null, time: string, weights: boolean } | null} pinned
 * @property {{ answers: string, declared: boolean } | null} fallback
 * @property {string} created
 * @property {string} [problem]
 * @property {{ version: string, time: string, by: string, reason: string | null }[]} [history]
 *
 * @typedef {{ p50: number, p95: number } | null} Percentiles
 *
 * @typedef {object} AdapterStats
 * @property {string} name
 * @property {'active' | 'resident' | 'disk'} tier
 * @property {string | null} breaker
 * @property {number} finished
 * @property {number} cancelled
 * @property {number} failed
 * @property {number} generated
 *
 * @typedef {object} Stats
 * @property {string} time
 * @property {string | null} base
 * @property {boolean} ready
 * @property {{ slots: number, running: number, waiting: number, cache_usage: number, requests: Record<string, number>, tokens: { prompt: number, generated: number } } | null} engine
 * @property {{ used: number, limit: number, versions: number } | null} memory
 * @property {{ answers: number, queue_ms: Percentiles, first_token_ms: Percentiles, answer_ms: Percentiles }} recent
 * @property {AdapterStats[]} adapters
 *
 * @typedef {object} AdapterEvent
 * @property {string} id
 * @property {string} event
 * @property {string} time
 * @property {string} by
 * @property {string} result
 * @property {string | null} name
 * @property {string | null} version
 * @property {string | null} previous
 * @property {string | null} reason
 * @property {{ code: string | null, message: string } | null} error
 * @property {number | null} duration_ms
 * @property {Record<string, string | number | boolean>} details
 *
 * @typedef {object} Rollout
 * @property {string} id
 * @property {string} name
 * @property {string} stable
 * @property {string} candidate
 * @property {'running' | 'paused' | 'promoted' | 'failed' | 'aborted'} phase
 * @property {string | null} reason
 * @property {number} step
 * @property {Record<string, number>[]} steps
 * @property {Record<string, number>} limits
 * @property {Record<string, number>} noise
 * @property {number} step_ms
 * @property {{ calls: number, failures: number }} candidate_calls
 * @property {{ calls: number, failures: number }} stable_calls
 * @property {{ requests: number, divergence: number | null, agreement: number | null }} mirrored
 *
 * @typedef {object} EvidencePoint
 * @property {string} time
 * @property {number} step
 * @property {string} phase
 * @property {number} requests
 * @property {number | null} divergence
 * @property {number | null} agreement
 * @property {{ least: number, most: number } | null} divergence_interval  where the true mean lies, with 95 %
 * @property {{ least: number, most: number } | null} agreement_interval
 * @property {number} calls
 * @property {number} failures
 */

/** A refusal, with what to do. */
export class Refusal extends Error {
  /** @param {{ status: number, code?: string | undefined, message?: string | undefined }} refusal */
  constructor({ status, code, message }) {
    const problem = problemOf({ status, code, message });
    super(problem.text);
    this.status = status;
    this.code = code;
    this.wantsKey = problem.wantsKey;
  }
}

const keyName = 'espalier-key';

export class Api {
  #key = '';

  constructor() {
    try {
      this.#key = sessionStorage.getItem(keyName) ?? '';
    } catch {
      // Without storage, the key is kept until the page is left.
    }
  }

  get hasKey() {
    return this.#key !== '';
  }

  /** @param {string} key */
  setKey(key) {
    this.#key = key;
    try {
      if (key === '') sessionStorage.removeItem(keyName);
      else sessionStorage.setItem(keyName, key);
    } catch {
      // As above.
    }
  }

  /**
   * @template Answer
   * @param {string} path  relative to the server's root, such as `v1/stats`
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Answer>}
   * @throws {Refusal}
   */
  get(path, options) {
    return this.#send('GET', path, undefined, options);
  }

  /**
   * @template Answer
   * @param {'POST' | 'PATCH' | 'DELETE'} method
   * @param {string} path
   * @param {object} [body]
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Answer>}
   * @throws {Refusal}
   */
  send(method, path, body, options) {
    return this.#send(method, path, body ?? {}, options);
  }

  /**
   * Follows the events of the server until the signal aborts or the connection ends.
   * @param {{ after: string | undefined, signal: AbortSignal, onOpen: () => void, onEvent: (event: AdapterEvent) => void,
   *   onGap: () => void, onPlace: (id: string) => void }} options
   */
  async follow({ after, signal, onOpen, onEvent, onGap, onPlace }) {
    const headers = { accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': after }) };
    const answer = await this.#fetch('GET', 'v1/events', undefined, { headers, signal });
    onOpen();
    if (answer.body === null) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const lines = new EventLines();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      for (const { name, id, data } of lines.push(piece.value)) {
        if (name === 'adapter') onEvent(JSON.parse(data));
        if (name === 'gap') onGap();
        if (id !== undefined) onPlace(id);
      }
    }
  }

  /**
   * @param {string} method @param {string} path @param {object | undefined} body @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<any>}
   */
  async #send(method, path, body, options = {}) {
    return (await this.#fetch(method, path, body, options)).json();
  }

  /**
   * @param {string} method @param {string} path @param {object | undefined} body
   * @param {{ headers?: Record<string, string>, signal?: AbortSignal }} options
   */
  async #fetch(method, path, body, { headers = {}, signal }) {
    const all = {
      ...headers,
      ...(this.#key === '' ? {} : { authorization: `Bearer ${this.#key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const sent = { method, headers: all, ...(body && { body: JSON.stringify(body) }), ...(signal && { signal }) };
    const answer = await fetch(path, sent).catch((error) => {
      if (signal?.aborted) throw error;
      throw new Refusal({ status: 0 });
    });
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => undefined);
    throw new Refusal({ status: answer.status, code: said?.error?.code, message: said?.error?.message });
  }
}

/** The path of an adapter. @param {string} name @param {string} [rest] */
export function adapterPath(name, rest = '') {
  return `v1/adapters/${encodeURIComponent(name)}${rest}`;
}
