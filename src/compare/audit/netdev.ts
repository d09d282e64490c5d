// A rule that fast packets do not meet, moved to where they pass too: netdev ingress before the flowtable, or netdev egress.
// Only software offload passes there; hardware does not.
import type { Ruleset } from '../../bytecode/ruleset.ts';
import type { RouterSpec } from '../../net/spec.ts';
import { type Candidate, type Placed, printed } from './candidate.ts';
import { splitRule } from './matches.ts';
import { Patch } from './patch.ts';

/** Runs before the flowtable's own priority could be lower. */
const EARLY = -500;

/** The rule runs at the device itself, which fast packets pass too: at ingress, or at egress when it names the way out. */
export function netdevMoves(ruleset: Ruleset, router: RouterSpec, row: Placed): Candidate[] {
  const { matches, rest } = splitRule(ruleset, row.table, row.rule);
  const other = matches.filter((text) => !/^(iif|oif)(name)? /.test(text));
  const named = (kind: string): string[] => matches.filter((text) => text.startsWith(kind));
  const isIngress = named('oif').length === 0;
  const isEgress = named('iif').length === 0 && named('oif').length > 0;
  if (!isIngress && !isEgress) return [];
  const names = deviceNames(named(isIngress ? 'iif' : 'oif'));
  if (names === undefined) return [];
  const devices = isIngress ? bottoms(router, names) : names;
  if (devices.length === 0) return [];
  const hook = isIngress ? 'ingress' : 'egress';
  const text = [...other, ...rest].join(' ');
  const table = `table netdev nftreplay_${hook} {`;
  const base =
    devices.length === 1 ? `device "${devices[0]}"` : `devices = { ${devices.map((name) => `"${name}"`).join(', ')} }`;
  const lines = [
    table,
    `    chain early {`,
    `        type filter hook ${hook} ${base} priority ${EARLY}; policy accept;`,
    `        ${text}`,
    '    }',
    '}',
  ];
  const patch = new Patch(ruleset);
  patch.remove(row.index);
  patch.append(`${lines.join('\n')}\n`, [{ chain: `netdev nftreplay_${hook} early`, place: 1, index: row.index }]);
  return [
    {
      kind: 'netdev',
      what: `move the rule to netdev ${hook}, which fast packets pass too`,
      patch,
      lines: [`  chain ${row.chain.name}:`, `-     ${printed(ruleset, row)}`, ...lines.map((line) => `+ ${line}`)],
    },
  ];
}

/** Names in `iifname "a"` and `iifname { "a", "b" }`; [] when there is no such match, undefined when it says more. */
function deviceNames(matches: string[]): string[] | undefined {
  const names: string[] = [];
  for (const text of matches) {
    const quoted = [...text.matchAll(/"([^"*]+)"/g)].map((match) => match[1] as string);
    if (!/^[io]if(name)? (\{ )?"[^"*]+"(, "[^"*]+")*( \})?$/.test(text) || quoted.length === 0) return undefined;
    names.push(...quoted);
  }
  return names;
}

/** The physical devices below interfaces; below all when none are named. */
export function bottoms(router: RouterSpec, names: string[]): string[] {
  const { interfaces } = router;
  const found = new Set<string>();
  const descend = (name: string, depth: number): void => {
    const row = interfaces.find((other) => other.name === name);
    if (row === undefined || depth > 8) return;
    const next = row.type === 'bridge' ? (row.ports ?? []) : row.link === undefined ? [] : [row.link];
    if (next.length === 0 && row.type !== 'loopback') found.add(name);
    for (const below of next) descend(below, depth + 1);
  };
  for (const name of names.length > 0 ? names : interfaces.map((row) => row.name)) descend(name, 0);
  return [...found];
}
