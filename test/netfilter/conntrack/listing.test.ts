// Lines that conntrack(8) 1.4.7 printed on Linux 6.12 (the oracle's demonstration cases), without their `id=`.
import { describe, expect, it } from 'vitest';
import { conntrackLines } from '../../../src/netfilter/conntrack/listing.ts';
import { IPS_ASSURED, IPS_HW_OFFLOAD, IPS_OFFLOAD } from '../../../src/netfilter/conntrack/status.ts';
import type { NatChains } from '../../../src/netfilter/nat/nat.ts';
import { NatRange } from '../../../src/netfilter/nat/range.ts';
import { NF_ACCEPT } from '../../../src/netfilter/verdict.ts';
import { icmp, icmpv6, ip, tcp, udp } from '../../../src/packet/build.ts';
import { MiniRouter, POSTROUTING } from './mini-router.ts';

const masquerade =
  (router: MiniRouter): NatChains =>
  (packet, hook) =>
    hook === POSTROUTING && packet.oif === 2 && packet.ipVersion === 4
      ? router.nat.masquerade(packet, new NatRange())
      : NF_ACCEPT;

function lines(router: MiniRouter, accounting: boolean): string[] {
  return conntrackLines(router.table, 0.5e9, { accounting, helperNames: ['ftp-standard'] });
}

describe('conntrack -L -o extended', () => {
  it('prints UDP, ICMP and TCP with counters, [UNREPLIED] and [ASSURED], in order of creation', () => {
    const router = new MiniRouter({ sysctl: { 'net.netfilter.nf_conntrack_acct': 1 }, chains: masquerade });
    const client = '192.168.1.10';
    const server = '198.51.100.7';
    const wan = '203.0.113.1';
    const question = udp({ sport: 5000, dport: 53 }, new Uint8Array(5));
    router.process(ip({ src: '192.168.1.11', dst: server }, question), 'lan0', 0);
    router.process(ip({ src: client, dst: server }, icmp(8, 0, 0x00070000, new Uint8Array(4))), 'lan0', 0);
    router.process(ip({ src: server, dst: wan }, icmp(0, 0, 0x00070000, new Uint8Array(4))), 'wan0', 0);
    const ports = { sport: 40000, dport: 443 };
    const back = { sport: 443, dport: 40000 };
    router.process(ip({ src: client, dst: server }, tcp({ ...ports, flags: 'S', seq: 1 })), 'lan0', 0);
    router.process(ip({ src: server, dst: wan }, tcp({ ...back, flags: 'SA', seq: 1, ack: 2 })), 'wan0', 0);
    router.process(ip({ src: client, dst: server }, tcp({ ...ports, flags: 'A', seq: 2, ack: 2 })), 'lan0', 0);
    expect(lines(router, true)).toEqual([
      'ipv4     2 udp      17 29 src=192.168.1.11 dst=198.51.100.7 sport=5000 dport=53 packets=1 bytes=33 [UNREPLIED] src=198.51.100.7 dst=203.0.113.1 sport=53 dport=5000 packets=0 bytes=0 mark=0 use=1',
      'ipv4     2 icmp     1 29 src=192.168.1.10 dst=198.51.100.7 type=8 code=0 id=7 packets=1 bytes=32 src=198.51.100.7 dst=203.0.113.1 type=0 code=0 id=7 packets=1 bytes=32 mark=0 use=1',
      'ipv4     2 tcp      6 431999 ESTABLISHED src=192.168.1.10 dst=198.51.100.7 sport=40000 dport=443 packets=2 bytes=80 src=198.51.100.7 dst=203.0.113.1 sport=443 dport=40000 packets=1 bytes=40 [ASSURED] mark=0 use=1',
    ]);
  });

  it('prints neither timeout nor state nor [ASSURED] of what is offloaded', () => {
    const router = new MiniRouter();
    const segment = tcp({ sport: 1, dport: 2, flags: 'S' });
    router.process(ip({ src: '192.168.1.10', dst: '198.51.100.7' }, segment), 'lan0', 0);
    router.table.status[0] = (router.table.status[0] ?? 0) | IPS_OFFLOAD | IPS_ASSURED;
    const rest =
      'src=192.168.1.10 dst=198.51.100.7 sport=1 dport=2 [UNREPLIED] src=198.51.100.7 dst=192.168.1.10 sport=2 dport=1';
    expect(lines(router, false)).toEqual([`ipv4     2 tcp      6 ${rest} [OFFLOAD] mark=0 use=2`]);
    router.table.status[0] = (router.table.status[0] ?? 0) | IPS_HW_OFFLOAD;
    expect(lines(router, false)).toEqual([`ipv4     2 tcp      6 ${rest} [HW_OFFLOAD] mark=0 use=2`]);
  });

  it('prints IPv6, unknown protocols, GRE keys, zones, marks and helpers', () => {
    const router = new MiniRouter({
      raw: (self) => (packet) => {
        if (packet.protocol === 58) self.conntrack.setZone(packet, 5, 0);
        if (packet.protocol === 99) self.conntrack.setZone(packet, 7, -1);
      },
    });
    const echo = icmpv6(128, 0, 0x00030000, new Uint8Array(2));
    router.process(ip({ src: 'fd00:1::10', dst: '2001:db8:99::7' }, echo), 'lan0', 0);
    const other = { protocol: 99, bytes: new Uint8Array(8) };
    router.process(ip({ src: '192.168.1.10', dst: '198.51.100.7' }, other), 'lan0', 0);
    const pptp = { protocol: 47, bytes: Uint8Array.from([48, 1, 0x88, 0x0b, 0, 0, 0, 7]) };
    router.process(ip({ src: '192.168.1.10', dst: '198.51.100.7' }, pptp), 'lan0', 0);
    router.table.mark[2] = 0x10;
    router.table.helper[2] = 0;
    expect(lines(router, false)).toEqual([
      'ipv6     10 icmpv6   58 29 src=fd00:1::10 dst=2001:db8:99::7 type=128 code=0 id=3 zone-orig=5 [UNREPLIED] src=2001:db8:99::7 dst=fd00:1::10 type=129 code=0 id=3 mark=0 use=1',
      'ipv4     2 unknown  99 599 src=192.168.1.10 dst=198.51.100.7 [UNREPLIED] src=198.51.100.7 dst=192.168.1.10 mark=0 zone=7 use=1',
      'ipv4     2 gre      47 29 src=192.168.1.10 dst=198.51.100.7 srckey=0x0 dstkey=0x7 [UNREPLIED] src=198.51.100.7 dst=192.168.1.10 srckey=0x7 dstkey=0x0 mark=16 helper=ftp-standard use=1',
    ]);
  });

  it('leaves out what has expired and what is not confirmed', () => {
    const router = new MiniRouter();
    router.process(ip({ src: '192.168.1.10', dst: '198.51.100.7' }, udp({ sport: 1, dport: 2 })), 'lan0', 0);
    router.load(ip({ src: '192.168.1.10', dst: '198.51.100.7' }, udp({ sport: 3, dport: 4 })), 'lan0', 0);
    router.conntrack.in(router.packet, 0);
    expect(conntrackLines(router.table, 29.9e9, { accounting: false })).toHaveLength(1);
    expect(conntrackLines(router.table, 30e9, { accounting: false })).toHaveLength(0);
  });
});
