// What a ruleset needs of a router, as text and as JSON: kernel and its options, nft, OpenWrt's packages, devices that offload.
import type { CheckedRuleset } from '../nft/check.ts';
import type { Requirement } from '../nft/requirements/find.ts';
import { compareVersions } from '../nft/requirements/kernel.ts';
import { OFFLOAD_DEVICES, PACKAGE_BRINGS } from '../nft/requirements/table.ts';
import { columns, cut, visible, wrap } from './format.ts';

const WIDTH = 100;
const MAX_NAME = 24;
const CORE = 'kmod-nft-core';
/** In rows: OpenWrt builds it in no package. */
const NO_PACKAGE = 'none';

/** The newest of some versions; undefined when there are none. */
function newest(versions: readonly (string | undefined)[]): string | undefined {
  const known = versions.filter((version) => version !== undefined);
  return known.sort(compareVersions).at(-1);
}

/** Packages that have to be named: those that no other brings. */
export function packagesOf(requirements: readonly Requirement[]): string[] {
  const all = new Set(requirements.flatMap(({ row }) => row.packages ?? [CORE]));
  all.delete(NO_PACKAGE);
  const brought = new Set([...all].flatMap((name) => PACKAGE_BRINGS[name] ?? []));
  return [...all].filter((name) => !brought.has(name)).sort();
}

export function requirementLines({ path, requirements }: CheckedRuleset, kernel: string | undefined): string[] {
  if (requirements.length === 0) return ['needs nothing: there is no table'];
  const load = requirements.filter(({ row }) => row.offload !== true);
  const offload = requirements.filter(({ row }) => row.offload === true);
  const lines = [`needs ${newestText(requirements)}`];
  lines.push('', 'to load', ...table(load, path, kernel));
  if (offload.length > 0) lines.push('', 'to offload', ...table(offload, path, kernel));
  if (offload.some(({ row }) => row.id === 'flowtable-hardware')) lines.push('', ...deviceLines(kernel));
  lines.push('', ...packageLines(requirements));
  return lines;
}

function newestText(requirements: readonly Requirement[]): string {
  const nft = newest(requirements.map(({ row }) => row.nft));
  const parts = [`Linux ${newest(requirements.map(({ row }) => row.kernel))} or later`];
  if (nft !== undefined) parts.push(`nft ${nft} or later`);
  return parts.join(', ');
}

/** A line a construct, its options below it. */
function table(requirements: readonly Requirement[], path: string, kernel: string | undefined): string[] {
  const rows = requirements.map((requirement) => {
    const { row, refused } = requirement;
    const packages = (row.packages ?? [CORE]).map((name) => (name === NO_PACKAGE ? '(in no package)' : name));
    const mark = refused ? `! not in ${kernel}` : '';
    return [row.kernel, row.nft ?? '', row.construct, where(requirement, path), packages.join(' '), mark];
  });
  const head = ['Linux', 'nft', 'construct', 'where', 'OpenWrt package', ''];
  const [first = '', ...lines] = columns([head, ...rows], 'llllll', '  ');
  return [
    first,
    ...lines.flatMap((line, index) => {
      const options = requirements[index]?.row.options ?? [];
      if (options.length === 0) return [line];
      const text = options.map((option) => `CONFIG_${option}`).join(' ');
      return [line, ...wrap(text, WIDTH, ' '.repeat(17), ' '.repeat(17))];
    }),
  ];
}

/** 'line 12 +3': the first place, and how many others; of included files with their names. */
function where({ locations }: Requirement, path: string): string {
  const [first] = locations;
  if (first === undefined) return '';
  const file = visible(first.file.split('/').pop() ?? '');
  const place = first.file === path ? `line ${first.line}` : `${cut(file, MAX_NAME)}:${first.line}`;
  return locations.length === 1 ? place : `${place} +${locations.length - 1}`;
}

function deviceLines(kernel: string | undefined): string[] {
  const rows = OFFLOAD_DEVICES.map((row) => {
    const lacks = kernel !== undefined && compareVersions(kernel, row.kernel) < 0;
    return [`${row.kernel}${lacks ? ' !' : ''}`, row.driver, row.devices];
  });
  return [
    ...wrap(
      "'flags offload': every device of the flowtable must be of such a driver, or the ruleset does not load",
      WIDTH,
      '',
      '  ',
    ),
    ...columns([['Linux', 'driver', 'devices'], ...rows], 'lll', '  '),
  ];
}

function packageLines(requirements: readonly Requirement[]): string[] {
  const names = packagesOf(requirements);
  const lines = wrap(`OpenWrt: apk add nftables ${names.join(' ')}`, WIDTH, '', '  ');
  const brings = names.flatMap((name) => {
    const others = (PACKAGE_BRINGS[name] ?? []).filter((other) => other !== CORE);
    return others.length === 0 ? [] : [`${name} brings ${others.join(' and ')}`];
  });
  if (brings.length > 0) lines.push(...wrap(brings.join('; '), WIDTH, '  ', '  '));
  const missing = requirements.filter(({ row }) => row.packages?.includes(NO_PACKAGE));
  if (missing.length > 0) {
    const constructs = missing.map(({ row }) => row.construct).join(', ');
    lines.push(
      ...wrap(`in no package of OpenWrt, so a kernel of your own is needed: ${constructs}`, WIDTH, '  ', '  '),
    );
  }
  return lines;
}

/** For programs: all rows with all places, and where each is written. */
export function jsonRequirements(requirements: readonly Requirement[]): object {
  return {
    kernel: newest(requirements.map(({ row }) => row.kernel)) ?? null,
    nft: newest(requirements.map(({ row }) => row.nft)) ?? null,
    packages: packagesOf(requirements),
    constructs: requirements.map(({ row, locations, refused }) => ({
      id: row.id,
      construct: row.construct,
      kernel: row.kernel,
      nft: row.nft ?? null,
      options: (row.options ?? []).map((option) => `CONFIG_${option}`),
      packages: (row.packages ?? [CORE]).filter((name) => name !== NO_PACKAGE),
      offload: row.offload === true,
      refused,
      source: row.source,
      places: locations.map(({ file, line }) => ({ file, line })),
    })),
    ...(requirements.some(({ row }) => row.id === 'flowtable-hardware') ? { offloadDevices: OFFLOAD_DEVICES } : {}),
  };
}
