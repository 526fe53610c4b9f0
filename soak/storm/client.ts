import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

/** Ends the connections that are kept for later requests. */
export function closeConnections(): void {
  agent.destroy();
}

export interface Asking {
  readonly model: string;
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly isStream: boolean;
  /** Called when the first part of the answer has come. */
  readonly onFirst?: (() => void) | undefined;
}

export interface Answer {
  readonly tokens: readonly number[];
  /** The version that the header names. */
  readonly version: string | undefined;
  readonly ms: number;
  /** Why it is no answer. */
  readonly problem?: { readonly kind: 'failed' | 'torn' | 'mixed'; readonly text: string };
}

interface Response {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Sends a request on a connection that is kept. Never rejects for what the server answers. */
export function send(
  port: number,
  { method, path, body, onFirst }: { method: string; path: string; body?: object; onFirst?: (() => void) | undefined },
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const data = body === undefined ? '' : JSON.stringify(body);
    const length = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) };
    const headers = body === undefined ? {} : length;
    const request = http.request({ host: '127.0.0.1', port, method, path, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        if (text === '') onFirst?.();
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(data);
  });
}

/** Asks for the most likely tokens, and checks the form of the answer and what it says of its version in each place. */
export async function ask(port: number, { model, prompt, maxTokens, isStream, onFirst }: Asking): Promise<Answer> {
  const body = {
    model,
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    ignore_eos: true,
    return_token_ids: true,
    stream: isStream,
  };
  const began = performance.now();
  const { status, headers, text } = await send(port, { method: 'POST', path: '/v1/completions', body, onFirst });
  const ms = performance.now() - began;
  const version = headers['x-espalier-version'];
  const head = { ms, version: typeof version === 'string' ? version : undefined };
  if (status !== 200)
    return { ...head, tokens: [], problem: { kind: 'failed', text: `${status} ${text.slice(0, 300)}` } };
  const parsed = isStream ? parseStream(text) : parseWhole(text);
  const { tokens } = parsed;
  if (parsed.error !== undefined) return { ...head, tokens, problem: { kind: 'failed', text: parsed.error } };
  if (!parsed.isDone || tokens.length !== maxTokens) {
    return { ...head, tokens, problem: { kind: 'torn', text: `${tokens.length} tokens of ${maxTokens}` } };
  }
  const told = new Set([head.version, ...parsed.versions]);
  if (told.size !== 1 || parsed.versions.length === 0) {
    return { ...head, tokens, problem: { kind: 'mixed', text: `it names the versions ${[...told].join(', ')}` } };
  }
  return { ...head, tokens };
}

interface Parsed {
  readonly tokens: readonly number[];
  /** Each version that the body names: in the field `espalier` and in the fingerprint of every chunk. */
  readonly versions: readonly string[];
  readonly isDone: boolean;
  readonly error?: string;
}

interface Body {
  readonly error?: { readonly message: string };
  readonly system_fingerprint?: string;
  readonly espalier?: { readonly version: string };
  readonly choices?: readonly { readonly token_ids?: readonly number[]; readonly finish_reason?: string | null }[];
}

function parseWhole(text: string): Parsed {
  const body = JSON.parse(text) as Body;
  const [choice] = body.choices ?? [];
  const versions = [body.espalier?.version, body.system_fingerprint].map((told) => told ?? 'none');
  return { tokens: choice?.token_ids ?? [], versions, isDone: choice?.finish_reason === 'length' };
}

function parseStream(text: string): Parsed {
  const tokens: number[] = [];
  const versions = new Set<string>();
  let [isFinished, isDone, isFirst] = [false, false, true];
  for (const line of text.split('\n')) {
    if (!line.startsWith('data: ')) continue;
    if (line === 'data: [DONE]') {
      isDone = true;
      continue;
    }
    const body = JSON.parse(line.slice(6)) as Body;
    if (body.error !== undefined) return { tokens, versions: [...versions], isDone, error: body.error.message };
    versions.add(body.system_fingerprint ?? 'none');
    if (isFirst) versions.add(body.espalier?.version ?? 'none');
    isFirst = false;
    for (const { token_ids: ids = [], finish_reason: reason } of body.choices ?? []) {
      tokens.push(...ids);
      if (reason === 'length') isFinished = true;
    }
  }
  return { tokens, versions: [...versions], isDone: isDone && isFinished };
}
