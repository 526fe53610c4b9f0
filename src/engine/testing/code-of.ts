import { EspalierError } from '../../core/index.ts';

/** The code of what an action throws; undefined where it throws nothing. */
export function codeOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return EspalierError.isInstance(error) ? error.code : String(error);
  }
}
