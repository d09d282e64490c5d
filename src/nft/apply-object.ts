// Named stateful objects of a table (nftables' obj_evaluate, ct_timeout_evaluate, ct_expect_evaluate; the kernel's checks).
import type { Family } from '../bytecode/ruleset.ts';
import { refuseLongName } from './apply-chain.ts';
import type { Name, ObjectBlock } from './ast-commands.ts';
import type { DraftObject, DraftTable } from './draft-ruleset.ts';
import type { Sources } from './source.ts';
import { nearest } from './suggest.ts';

/** Declares a stateful object, unless it is there. Throws NftError. */
export function applyObject(sources: Sources, table: DraftTable, block: ObjectBlock, create: boolean): void {
  refuseLongName(sources, block.name.text, block.name.span);
  if (table.findObject(block.type, block.name.text)) {
    if (create) throw sources.error('Could not process rule: File exists', block.name.span);
    return;
  }
  const { name, span, states, ...body } = block;
  refuseIncomplete(sources, block);
  if (
    block.type === 'ct helper' &&
    isInternet(block.l3proto) &&
    isInternet(table.family) &&
    block.l3proto !== table.family
  ) {
    throw sources.error(
      'Could not process rule: Invalid argument',
      span,
      `l3proto ${block.l3proto} in a table of family ${table.family}`,
    );
  }
  const object = { ...body, name: name.text, handle: table.nextHandle(), span } as DraftObject;
  if (object.type === 'ct timeout') object.policy = timeoutPolicy(sources, object.protocol, states ?? []);
  if (!('l3proto' in object) && object.type.startsWith('ct ')) Object.assign(object, { l3proto: table.family });
  if (object.type === 'ct helper' && object.l3proto === 'inet' && IPV4_HELPERS.has(object.helper))
    object.l3proto = 'ip';
  table.objects.push(object);
}

/** Helpers that read IPv4 only: nft_ct_helper_obj_init finds no other and tells so. */
const IPV4_HELPERS: ReadonlySet<string> = new Set(['irc', 'netbios-ns', 'pptp', 'snmp']);

function refuseIncomplete(sources: Sources, block: ObjectBlock): void {
  if (
    block.type === 'ct expectation' &&
    (block.protocol === 0 || block.dport === 0 || block.timeoutMs === 0 || block.size === 0)
  ) {
    throw sources.error('missing options', block.span, 'a ct expectation needs protocol, dport, timeout and size');
  }
  if (block.type === 'ct helper' && block.helper === '') {
    throw sources.error('Could not process rule: Invalid argument', block.span, 'a ct helper needs type and protocol');
  }
  if (block.type === 'limit' && block.limit.rate === 0) {
    throw sources.error('Could not process rule: Invalid argument', block.span, 'a limit needs a rate above 0');
  }
}

function timeoutPolicy(
  sources: Sources,
  protocol: number,
  states: readonly { name: Name; seconds: number }[],
): Record<string, number> {
  const known = TIMEOUT_STATES[protocol] ?? {};
  const policy = { ...known };
  for (const { name, seconds } of states) {
    if (!Object.hasOwn(known, name.text)) {
      const meant = nearest(name.text, Object.keys(known));
      throw sources.error(
        'invalid state for this protocol',
        name.span,
        meant === undefined ? `one of ${Object.keys(known).join(', ')}` : `did you mean '${meant}'?`,
      );
    }
    policy[name.text] = seconds;
  }
  return policy;
}

function isInternet(family: Family | undefined): boolean {
  return family === 'ip' || family === 'ip6';
}

/** States of `ct timeout` policies with nft's defaults, in seconds (nftables src/rule.c). */
const TIMEOUT_STATES: Record<number, Record<string, number>> = {
  6: {
    syn_sent: 120,
    syn_recv: 60,
    established: 432000,
    fin_wait: 120,
    close_wait: 60,
    last_ack: 30,
    time_wait: 120,
    close: 10,
    syn_sent2: 120,
    retrans: 300,
    unack: 300,
  },
  17: { unreplied: 30, replied: 120 },
};
