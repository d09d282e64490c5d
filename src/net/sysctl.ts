// Reading sysctls of a RouterSpec: dotted names as sysctl(8) prints them, each reader names its own default.

/** Sysctls by dotted name ('net.netfilter.nf_conntrack_acct'). Interface names with dots have '/' there, as in sysctl(8). */
export type Sysctl = Record<string, number | string>;

/** The number behind `name`; `fallback` when it is absent or not a number. */
export function sysctlNumber(sysctl: Sysctl, name: string, fallback: number): number {
  const value = sysctl[name];
  if (value === undefined || value === '') return fallback;
  const number = Number(value);
  return Number.isFinite(number) ? number : fallback;
}

/**
 * A per-interface value of `net.ipv4.conf` or `net.ipv6.conf`: the interface's own, else that of 'default' (which new
 * interfaces inherit), else `fallback`. The 'all' value is returned by asking for interface 'all'.
 */
export function sysctlOfInterface(
  sysctl: Sysctl,
  tree: 'net.ipv4.conf' | 'net.ipv6.conf',
  name: string,
  key: string,
  fallback: number,
): number {
  const inherited = sysctlNumber(sysctl, `${tree}.default.${key}`, fallback);
  const slashed = sysctlNumber(sysctl, `${tree}.${name.replaceAll('.', '/')}.${key}`, inherited);
  return sysctlNumber(sysctl, `${tree}.${name}.${key}`, slashed);
}
