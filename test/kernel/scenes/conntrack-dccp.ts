// Timeouts of DCCP and what loose does, each scene named by what the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { DCCP, dccpFrom, dccpTo } from './dccp-packets.ts';
import { judged } from './judged.ts';
import type { Row } from './talk.ts';

const STATES = ['request', 'respond', 'partopen', 'open', 'closereq', 'closing', 'timewait'];
const timeouts = Object.fromEntries(STATES.map((state, i) => [`dccp_timeout_${state}`, 100 + 10 * i]));
const walk = (): Row[] => [
  dccpTo(0, DCCP.request, 100),
  dccpFrom(10, DCCP.response, 500, 100),
  dccpTo(20, DCCP.ack, 101, 500),
  dccpFrom(30, DCCP.dataAck, 501, 101),
  dccpFrom(50, DCCP.closeReq, 502, 102),
  dccpTo(60, DCCP.close, 103, 502),
  dccpFrom(70, DCCP.reset, 503, 103),
];

export const DCCP_SCENES: KernelScene[] = [
  ...STATES.map((state, i) => judged(`dccp: the timeout of ${state} is its sysctl`, walk().slice(0, i + 1), timeouts)),
  judged(
    'dccp: without loose only a request opens',
    [dccpTo(0, DCCP.ack, 101, 500), dccpTo(10, DCCP.dataAck, 101, 500), ...walk().map(later)],
    { dccp_loose: 0 },
  ),
  judged('dccp: what the server may not send is invalid', [
    ...walk().slice(0, 4),
    dccpFrom(100, DCCP.request, 900),
    dccpFrom(110, DCCP.response, 900, 101),
    dccpTo(120, DCCP.closeReq, 900, 501),
    dccpTo(130, DCCP.request, 1000),
    dccpFrom(140, DCCP.response, 901, 1000),
    dccpTo(150, DCCP.ack, 1001, 901),
    dccpFrom(160, DCCP.sync, 902, 1001),
    dccpTo(170, DCCP.syncAck, 1002, 902),
  ]),
];

function later([ms, device, datagram]: Row): Row {
  return [ms + 100, device, datagram];
}
