import { describe, expect, it } from 'vitest';
import { ether, icmp, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { Retranslate } from '../../src/replay/retranslate.ts';

const OWN = 0xcb007101; // 203.0.113.1
const HOST = '192.168.1.10';
const FAR = '198.51.100.7';

const question = (inner: Layer4): Uint8Array => ether({}, ip({ src: HOST, dst: FAR }, inner));
const answer = (inner: Layer4, vlan = false): Uint8Array =>
  ether(vlan ? { vlans: [{ id: 7 }] } : {}, ip({ src: FAR, dst: '203.0.113.1' }, inner));
const wanted = (inner: Layer4, vlan = false): Uint8Array =>
  ether(vlan ? { vlans: [{ id: 7 }] } : {}, ip({ src: FAR, dst: HOST }, inner));

const CASES: [string, Layer4, Layer4][] = [
  ['TCP', tcp({ sport: 40000, dport: 443, flags: 'S' }), tcp({ sport: 443, dport: 40000, flags: 'SA' })],
  ['UDP', udp({ sport: 5000, dport: 53 }), udp({ sport: 53, dport: 5000 }, Uint8Array.of(1, 2, 3))],
  ['echo', icmp(8, 0, 0x00070001), icmp(0, 0, 0x00070001)],
];

describe('answers to the outside address of a NAT', () => {
  it.each(CASES)('%s: go to the inside host that asked, checksums and all', (_, asked, answered) => {
    const pass = new Retranslate(OWN);
    const first = question(asked);
    pass.pass(first, 0, first.length);
    const frame = answer(answered);
    pass.pass(frame, 0, frame.length);
    expect(Buffer.from(frame).toString('hex')).toBe(Buffer.from(wanted(answered)).toString('hex'));
    expect(pass.packets).toBe(1);
  });

  it('are found behind VLAN tags', () => {
    const pass = new Retranslate(OWN);
    const first = question(tcp({ sport: 1, dport: 2 }));
    pass.pass(first, 0, first.length);
    const frame = answer(tcp({ sport: 2, dport: 1 }), true);
    pass.pass(frame, 0, frame.length);
    expect(Buffer.from(frame)).toEqual(Buffer.from(wanted(tcp({ sport: 2, dport: 1 }), true)));
  });

  it('stay as they are when nobody asked', () => {
    const pass = new Retranslate(OWN);
    const frame = answer(tcp({ sport: 443, dport: 40001, flags: 'S' }));
    const before = frame.slice();
    pass.pass(frame, 0, frame.length);
    expect(frame).toEqual(before);
    expect(pass.packets).toBe(0);
  });
});
