// Why connections are not offloaded (src/event/refusals.ts), and what can be changed about it: a row each.
import type { RefusalName } from '../event/refusals.ts';

export const REMEDIES: Record<RefusalName, string> = {
  offloaded: '',
  'no-rule': 'TCP and UDP: put `flow add` before the rule that accepts them; ICMP and others stay slow',
  'not-confirmed': 'nothing: they were over after a packet or two',
  'tcp-not-established': 'nothing: no handshake completed (or the capture began in the middle)',
  'tcp-closing': 'nothing: they ended at once',
  helper: 'take the helper off ports that do not need it: helpers must see all packets',
  'sequence-adjustment': 'nothing while a helper or synproxy rewrites their payload',
  'ip-options': 'nothing: IP options need the slow path',
  protocol: 'nothing: only TCP, UDP and plain GRE can be offloaded',
  'no-route': 'give the router a route back to the source, also for `ip route get` with the input interface',
  'device-not-in-flowtable': 'name the device in `devices = { }`, see the devices below',
  fragment: 'lower the MTU or clamp the MSS: fragments always take the slow path',
  ttl: 'nothing: the sender limits its TTL',
  mtu: 'clamp the MSS (`tcp option maxseg size set rt mtu`): packets above the MTU take the slow path',
  'hardware-refused': 'nothing: this engine takes TCP and UDP between physical ports, without NAT for IPv6',
  'table-full': 'offload less: fewer connections, or only those after many packets (`ct packets > 20 flow add`)',
  local: 'nothing: traffic of the router itself is not forwarded',
  dropped: 'nothing: rules stop them',
};
