/** The digits of a digest that tell versions apart in a label or an attribute. */
export function shortVersion(version: string): string {
  return version.slice(0, 12);
}
