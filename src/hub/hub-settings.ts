import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The address of the hub, the token, and the folder of its cache, read from the environment variables that all tools of the hub use. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** The folder that contains the folders models--org--name. */
  readonly cache: string;
  /** HF_HUB_OFFLINE: no network request is made. */
  readonly offline: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE. If HF_TOKEN is not set, the token of
 * `hf auth login` is used, as in other tools, unless HF_HUB_DISABLE_IMPLICIT_TOKEN is set.
 */
export async function readHubSettings(variables: Variables = process.env): Promise<HubSettings> {
  const cacheHome = filled(variables['XDG_CACHE_HOME']) ?? join(homedir(), '.cache');
  const home = expandHome(filled(variables['HF_HOME']) ?? join(cacheHome, 'huggingface'));
  const cache = filled(variables['HF_HUB_CACHE']) ?? filled(variables['HUGGINGFACE_HUB_CACHE']) ?? join(home, 'hub');
  return {
    endpoint: (filled(variables['HF_ENDPOINT']) ?? 'https://huggingface.co').replace(/\/+$/, ''),
    token: filled(variables['HF_TOKEN']) ?? (await storedToken(variables, home)),
    cache: expandHome(cache),
    offline: isOn(variables['HF_HUB_OFFLINE']) || isOn(variables['TRANSFORMERS_OFFLINE']),
  };
}

async function storedToken(variables: Variables, home: string): Promise<string | undefined> {
  if (isOn(variables['HF_HUB_DISABLE_IMPLICIT_TOKEN'])) return undefined;
  const path = expandHome(filled(variables['HF_TOKEN_PATH']) ?? join(home, 'token'));
  return filled(await readFile(path, 'utf8').catch(() => undefined));
}

/** An empty variable counts as not set, so that `HF_TOKEN= espalier ...` makes requests without a token. */
function filled(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}

function isOn(text: string | undefined): boolean {
  return /^(1|true|yes|on)$/i.test(text ?? '');
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
