/** One of several modules that a node computes. */
export interface ModulePart {
  readonly path: string;
  readonly width: number;
}

/** Reads the value of `modulePartsKey`, such as `a.q_proj:64,a.k_proj:32`. A value of another form gives no parts. */
export function readParts(text: string | undefined): ModulePart[] {
  if (text === undefined || text === '') return [];
  const parts = text.split(',').map((part) => {
    const colon = part.lastIndexOf(':');
    return { path: part.slice(0, colon), width: Number(part.slice(colon + 1)) };
  });
  const isSound = parts.every(({ path, width }) => path !== '' && Number.isSafeInteger(width) && width > 0);
  return isSound ? parts : [];
}
