/** Gives the text of a file; undefined for one that cannot be read. */
export type ReadText = (path: string) => string | undefined;

/** Where Linux shows its control groups, and that of this process. */
const mount = '/sys/fs/cgroup';
const own = '/proc/self/cgroup';

/**
 * The processor time that the control groups of this process allow it, in processors: 1.5 is one and a half. The smallest limit of the
 * group and of those around it counts, in version 1 and in version 2 of control groups. undefined: no limit is known.
 *
 * WHY every group on the way up: in a container, the path of the group may be that of the host, and only its root is there to read.
 *
 * @see the kernel's documentation of cgroup v2, `cpu.max`, and of CFS bandwidth control, `cpu.cfs_quota_us`
 */
export function cgroupLimit(read: ReadText): number | undefined {
  const limits = (read(own) ?? '').split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === '') return upwards(path).map((group) => limitOfVersion2(read(`${mount}${group}/cpu.max`)));
    if (!controllers.split(',').includes('cpu')) return [];
    return [...new Set([controllers, 'cpu'])].flatMap((folder) =>
      upwards(path).map((group) => limitOfVersion1(read, `${mount}/${folder}${group}`)),
    );
  });
  const known = limits.filter((limit) => limit !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** A path and all those above it, without a slash at the end: `/a/b`, `/a` and the root, which is ''. */
function upwards(path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return Array.from({ length: parts.length + 1 }, (_, up) =>
    parts
      .slice(0, parts.length - up)
      .map((part) => `/${part}`)
      .join(''),
  );
}

/** `150000 100000`: microseconds of processor time in each period; `max` in the place of the first: any. */
function limitOfVersion2(text = ''): number | undefined {
  const [quota, period] = text.trim().split(/\s+/);
  return ratio(quota, period);
}

/** A quota of -1 is none. */
function limitOfVersion1(read: ReadText, group: string): number | undefined {
  return ratio(read(`${group}/cpu.cfs_quota_us`), read(`${group}/cpu.cfs_period_us`));
}

function ratio(quota: string | undefined, period: string | undefined): number | undefined {
  const limit = Number(quota?.trim()) / Number(period?.trim());
  return Number.isFinite(limit) && limit > 0 ? limit : undefined;
}
