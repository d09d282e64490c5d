// Hook priorities by name (nft(8), "Standard priority names"): which names mean what, in which family and at which hooks.
// Sources: linux/netfilter_ipv4.h and netfilter_bridge.h.
import type { ChainType, Family, Hook } from '../bytecode/ruleset.ts';

interface NamedPriority {
  name: string;
  value: number;
  families: readonly Family[];
  /** Where the name may be used; absent: at every hook. */
  hooks?: readonly Hook[];
}

const INTERNET: readonly Family[] = ['ip', 'ip6', 'inet'];
const PRIORITIES: readonly NamedPriority[] = [
  { name: 'raw', value: -300, families: INTERNET },
  { name: 'mangle', value: -150, families: INTERNET },
  { name: 'dstnat', value: -100, families: INTERNET, hooks: ['prerouting', 'output'] },
  { name: 'filter', value: 0, families: ['ip', 'ip6', 'inet', 'arp', 'netdev'] },
  { name: 'security', value: 50, families: INTERNET },
  { name: 'srcnat', value: 100, families: INTERNET, hooks: ['input', 'postrouting'] },
  { name: 'dstnat', value: -300, families: ['bridge'], hooks: ['prerouting'] },
  { name: 'filter', value: -200, families: ['bridge'] },
  { name: 'out', value: 100, families: ['bridge'], hooks: ['output'] },
  { name: 'srcnat', value: 300, families: ['bridge'], hooks: ['postrouting'] },
];

/** The value of a name; undefined when it means nothing there. */
export function namedPriority(name: string, family: Family, hook: Hook): number | undefined {
  return PRIORITIES.find(
    (row) => row.name === name && row.families.includes(family) && (row.hooks?.includes(hook) ?? true),
  )?.value;
}
/** Names that may be used there. */
export function priorityNames(family: Family, hook: Hook): string[] {
  return PRIORITIES.filter((row) => row.families.includes(family) && (row.hooks?.includes(hook) ?? true)).map(
    (row) => row.name,
  );
}

const INTERNET_HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
/** Hooks of each family. */
export const FAMILY_HOOKS: Record<Family, readonly Hook[]> = {
  ip: INTERNET_HOOKS,
  ip6: INTERNET_HOOKS,
  inet: [...INTERNET_HOOKS, 'ingress'],
  bridge: INTERNET_HOOKS,
  arp: ['input', 'output'],
  netdev: ['ingress', 'egress'],
};

/** Whether the kernel has chains of the type there (struct nft_chain_type, hook_mask). */
export function chainTypeExists(type: ChainType, family: Family, hook: Hook): boolean {
  if (!FAMILY_HOOKS[family].includes(hook)) return false;
  if (type === 'filter') return true;
  if (!INTERNET.includes(family)) return false;
  return type === 'route' ? hook === 'output' : ['prerouting', 'input', 'output', 'postrouting'].includes(hook);
}
