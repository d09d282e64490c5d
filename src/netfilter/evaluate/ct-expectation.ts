// `ct expectation set "x"` (nft_ct_expect_obj_eval of nft_ct.c): while a connection is new, somebody announces that its
// server will call back: a connection from there to the client's address and a port is RELATED to it.
import { u32 } from '../../base/columns.ts';
import type { StatefulObject } from '../../bytecode/ruleset.ts';
import { type Expectations, ONE_EXPECTED, tupleAt } from '../conntrack/expectations.ts';
import { IPS_CONFIRMED, REPLY } from '../conntrack/status.ts';
import { type ConntrackTable, HELPER_EMPTY, NO_HELPER } from '../conntrack/table.ts';
import { TUPLE_DESTINATION, TUPLE_PROTOCOL } from '../conntrack/tuple.ts';
import { NF_DROP } from '../verdict.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { cannotRun, type Engine, type Evaluate, type PrepareContext } from './prepared.ts';

type ExpectationObject = Extract<StatefulObject, { type: 'ct expectation' }>;
type Outcome = 'expected' | 'enough' | 'refused';

/** Ticks of the kernel in a second (Debian's HZ), and their length. */
const HZ = 250;
const TICK_NS = 4e6;
/** Protocols that can be expected. */
const PROTOCOLS = [6, 17, 33, 132, 136];

/** The setter of an object. Throws what the kernel refuses to load. */
export function expectationSetter(object: ExpectationObject, context: PrepareContext): Evaluate {
  const { engine, family } = context;
  const l3proto = object.l3proto ?? family;
  if (l3proto !== 'ip' && l3proto !== 'ip6') {
    cannotRun(context, `"ct expectation" object "${object.name}" needs "l3proto ip" or "l3proto ip6"`);
  }
  if (!PROTOCOLS.includes(object.protocol)) {
    cannotRun(
      context,
      `"ct expectation" object "${object.name}": connections of protocol ${object.protocol} cannot be expected`,
    );
  }
  const version = l3proto === 'ip' ? 4 : 6;
  return ({ packet }) => {
    const table = engine.conntrack;
    const entry = packet.ct;
    if (entry < 0 || (u32(table.status, entry) & IPS_CONFIRMED) !== 0) return NFT_BREAK;
    switch (expectReply(engine, entry, object, version)) {
      case 'enough':
        return NFT_BREAK;
      case 'refused':
        return NF_DROP;
      default:
        return NFT_CONTINUE;
    }
  };
}

function expectReply(engine: Engine, entry: number, object: ExpectationObject, version: number): Outcome {
  const table: ConntrackTable = engine.conntrack;
  const expectations: Expectations = engine.helpers.expectations;
  const { tuples } = table;
  // The extension of helpers is there from now on: no helper can be given, the flow is not offloaded.
  if (table.helper[entry] === NO_HELPER) table.helper[entry] = HELPER_EMPTY;
  if (expectations.countOf(entry) >= object.size) return 'enough';
  const at = tupleAt(entry, REPLY);
  // Nothing of the other family comes from an address cut to this one's length.
  if (((u32(tuples, at + TUPLE_PROTOCOL) >>> 8) & 0xff) !== version) return 'expected';
  const made = expectations.make(
    entry,
    at,
    tuples,
    at + TUPLE_DESTINATION,
    object.protocol,
    object.dport,
    lifetimeNs(object),
  );
  const maximum = table.helper[entry] === HELPER_EMPTY ? Number.POSITIVE_INFINITY : ONE_EXPECTED;
  return expectations.add(made, maximum) === undefined ? 'expected' : 'refused';
}

/** nft hands the kernel milliseconds, which takes them for seconds, in 32 bits of ticks: 60s are 16 h, three hours none. */
function lifetimeNs({ timeoutMs }: ExpectationObject): number {
  return Math.max(0, Math.imul(timeoutMs, HZ) * TICK_NS);
}
