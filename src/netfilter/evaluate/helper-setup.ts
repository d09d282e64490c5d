// What rules tell conntrack about a connection before it is confirmed: its helper, its timeouts, its zone
// (nft_ct_helper_obj_eval, nft_ct_timeout_obj_eval, nft_ct_set_zone_eval of nft_ct.c).

import type { Conntrack } from '../conntrack/track.ts';
import { PROTOCOL_DCCP, PROTOCOL_SCTP, PROTOCOL_TCP } from '../conntrack/tuple.ts';
import type { HelperSetup } from './prepared.ts';

/** Protocols whose timeout of a new connection is that of their state 1; that of others is their first. */
const STATEFUL_PROTOCOLS = [PROTOCOL_TCP, PROTOCOL_DCCP, PROTOCOL_SCTP];

/** `names` gets the names behind conntrack.table.helper as they come up. */
export function helperSetup(conntrack: Conntrack, names: string[]): HelperSetup {
  return {
    assignHelper: (packet, name) => {
      let index = names.indexOf(name);
      if (index < 0) {
        index = names.push(name) - 1;
        conntrack.defineHelper(index, name);
      }
      conntrack.assignHelper(packet.ct, index);
    },
    expectations: conntrack.expectations,
    nameOf: (number) => names[number] ?? '',
    timeoutPolicy: (protocol, policy) => {
      const number = conntrack.timeouts.addPolicy(protocol, policy);
      const slot = STATEFUL_PROTOCOLS.includes(protocol) ? 1 : 0;
      const timeoutNs = conntrack.timeouts.get(protocol, slot, number);
      return (packet) => {
        conntrack.assignTimeoutPolicy(packet.ct, number);
        conntrack.table.refresh(packet.ct, timeoutNs);
      };
    },
    setZone: (packet, zone, direction) => {
      conntrack.setZone(packet, zone, direction === undefined ? -1 : direction === 'original' ? 0 : 1);
    },
  };
}
